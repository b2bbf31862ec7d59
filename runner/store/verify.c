#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parallel.h"
#include "store/internal.h"

static int damaged(struct store *store, const struct store_entry *e, struct error *err)
{
	char path[OBJECT_PATH_SIZE];

	return error_set(err, SLUICE_CORRUPT,
	                 "'%s/%s' is damaged: its bytes do not have the digest of its name",
	                 store->path, object_path(e->kind, &e->digest, path));
}

static int verify_large(struct store *store, const struct store_entry *e, int fd, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(chunks_text_max(CHUNKS_MAX));
	AUTO_CHUNKS struct chunk_list named = { 0 };
	AUTO_CHUNKS struct chunk_list is = { 0 };
	int rc = object_read(store, 'f', &e->digest, &text, err);

	if (rc == 0)
		rc = chunks_parse(strbuf_str(&text), text.len, &named, err);
	if (rc < 0)
		return rc;
	if (named.size != e->size)
		return damaged(store, e, err);
	rc = hash_chunks(fd, e->size, NULL, NULL, &is);
	if (rc < 0)
		return error_sys(err, rc, "cannot read an object below '%s'", store->path);
	return memcmp(named.chunk, is.chunk, is.n * sizeof *is.chunk) == 0 ? 0
	                                                                   : damaged(store, e, err);
}

int object_verify(struct store *store, struct hasher *hasher, const struct store_entry *e, int fd,
                  struct error *err)
{
	struct digest is;
	int rc;

	if (e->kind == 'c' || e->kind == 'C')
		return verify_large(store, e, fd, err);
	rc = hash_range(hasher, fd, 0, e->size, &is);
	if (rc < 0)
		return error_sys(err, rc, "cannot read an object below '%s'", store->path);
	return digest_equal(&is, &e->digest) ? 0 : damaged(store, e, err);
}

struct verify {
	struct store *store;
	const struct manifest_segment *segment;
	struct first_error failed;
};

static int verify_entry(void *arg, void *state, size_t i)
{
	struct verify *v = arg;
	const struct store_entry *e = &v->segment->entry[i];
	struct error err = { 0 };
	char quoted[QUOTE_SIZE];
	int rc;

	if (e->kind == 'l' || e->kind == 'd')
		return 0;
	AUTO_FD int fd = object_open(v->store, e, &err);
	rc = fd < 0 ? fd : object_verify(v->store, state, e, fd, &err);
	if (rc == 0)
		return 0;
	(void)error_wrap(&err, "file '%s'", quote(e->path, quoted));
	return first_error_keep(&v->failed, i, &err);
}

int store_verify(struct store *store, const struct digest *manifest, struct error *err)
{
	static const struct parallel_ops ops = { hasher_new, hasher_free, verify_entry };
	struct verify v = { .store = store, .failed = FIRST_ERROR_INIT };
	AUTO_READER struct reader *reader = NULL;
	int rc = reader_open(store, manifest, &reader, err);

	while (rc == 0) {
		rc = reader_next(reader, &v.segment, err);
		if (rc < 0 || !v.segment)
			return rc;
		rc = parallel_run(v.segment->n, 0, &ops, &v);
		if (rc != 0)
			*err = v.failed.err;
	}
	return rc;
}

int store_copy_file(struct store *store, const struct store_entry *entry, int out, bool verify,
                    struct error *err)
{
	char quoted[QUOTE_SIZE];
	int rc = 0;

	if (entry->kind == 'l' || entry->kind == 'd')
		return error_set(err, SLUICE_INVALID, "'%s' is not a regular file",
		                 quote(entry->path, quoted));
	AUTO_FD int fd = object_open(store, entry, err);
	if (fd < 0)
		return error_wrap(err, "file '%s'", quote(entry->path, quoted));
	if (verify) {
		struct hasher *hasher = hasher_new(NULL);

		rc = object_verify(store, hasher, entry, fd, err);
		hasher_free(hasher);
	}
	if (rc < 0)
		return error_wrap(err, "file '%s'", quote(entry->path, quoted));
	rc = io_copy(fd, out);
	return rc < 0 ? error_sys(err, rc, "cannot copy file '%s'", quote(entry->path, quoted)) : 0;
}
