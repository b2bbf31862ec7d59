#include "store/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/map.h"
#include "base/parallel.h"
#include "base/xalloc.h"
#include "store/internal.h"
#include "store/marks.h"

static int damaged(struct store *store, const struct store_entry *e, struct error *err)
{
	char path[OBJECT_PATH_SIZE];

	return error_set(err, SLUICE_CORRUPT,
	                 "'%s/%s' is damaged: its bytes do not have the digest of its name",
	                 store->path, object_path(e->kind, &e->digest, path));
}

static int verify_large(struct store *store, const struct store_entry *e, int fd,
                        struct progress *progress, struct error *err)
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
	rc = hash_chunks(fd, e->size, progress, NULL, &is);
	if (rc < 0)
		return error_sys(err, rc, "cannot read an object below '%s'", store->path);
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a list has two chunks or more */
	return memcmp(named.chunk, is.chunk, is.n * sizeof *is.chunk) == 0 ? 0
	                                                                   : damaged(store, e, err);
}

static int rehash(struct store *store, struct hasher *hasher, const struct store_entry *e, int fd,
                  struct progress *progress, struct error *err)
{
	struct digest is;
	int rc;

	if (is_large(e))
		return verify_large(store, e, fd, progress, err);
	rc = hash_range(hasher, fd, 0, e->size, &is);
	progress_add(progress, e->size);
	if (rc < 0)
		return error_sys(err, rc, "cannot read an object below '%s'", store->path);
	return digest_equal(&is, &e->digest) ? 0 : damaged(store, e, err);
}

/* --- many versions ---------------------------------------------------------------------------- */

struct verify {
	struct store *store;
	struct progress *progress;
	struct marks expected;
	struct marks seen;
	struct map damaged;        /* kind and digest -> the sentence */
	struct verify_count count; /* .damaged: of lists of files alone */
	pthread_mutex_t lock;      /* of `damaged`, while several threads hash */
	const struct manifest_segment *segment;
	size_t *todo; /* entries of the segment */
	size_t n_todo, cap_todo;
	struct first_error failed;
};

struct verify *verify_new(struct store *store, struct progress *progress)
{
	struct verify *v = xcalloc(1, sizeof *v);

	v->store = store;
	v->progress = progress;
	v->failed = FIRST_ERROR_INIT;
	(void)pthread_mutex_init(&v->lock, NULL);
	return v;
}

void verify_free(struct verify *v)
{
	if (!v)
		return;
	marks_release(&v->expected);
	marks_release(&v->seen);
	map_release(&v->damaged, free);
	(void)pthread_mutex_destroy(&v->lock);
	free(v->todo);
	free(v);
}

static void cleanup_verify(struct verify *const *v)
{
	verify_free(*v);
}

struct verify_count verify_count(const struct verify *v)
{
	struct verify_count count = v->count;

	count.damaged += v->damaged.len;
	return count;
}

enum { KEY_SIZE = DIGEST_HEX_LEN + 2 };

static const char *key_of(const struct store_entry *e, char key[KEY_SIZE])
{
	key[0] = e->kind;
	digest_hex(&e->digest, key + 1);
	return key;
}

/* A sector that the disk cannot read is damage too; that there is no memory is not. */
static bool is_damage(const struct error *err)
{
	return err->class == SLUICE_CORRUPT ||
	       (err->class == SLUICE_SYSTEM && (err->sys == EIO || err->sys == ENODATA));
}

static int verify_object(struct verify *v, struct hasher *hasher, const struct store_entry *e,
                         struct error *err)
{
	char key[KEY_SIZE];
	AUTO_FD int fd = object_open(v->store, e, err);
	int rc = fd < 0 ? fd : rehash(v->store, hasher, e, fd, v->progress, err);

	if (rc == 0 || !is_damage(err))
		return rc;
	(void)pthread_mutex_lock(&v->lock);
	free(map_set(&v->damaged, key_of(e, key), xstrdup(err->msg)));
	(void)pthread_mutex_unlock(&v->lock);
	return 0;
}

static int verify_todo(void *arg, void *state, size_t i)
{
	struct verify *v = arg;
	struct error err = { 0 };
	int rc = verify_object(v, state, &v->segment->entry[v->todo[i]], &err);

	return rc < 0 ? first_error_keep(&v->failed, i, &err) : 0;
}

/* Many small ones at a time; one large one at a time, whose chunks go to all cores. */
static int verify_segment(struct verify *v, struct error *err)
{
	static const struct parallel_ops ops = { hasher_new, hasher_free, verify_todo };
	int rc = 0;

	v->n_todo = 0;
	for (size_t i = 0; rc == 0 && i < v->segment->n; i++) {
		const struct store_entry *e = &v->segment->entry[i];

		if (!is_file(e) || !marks_add(&v->seen, e->kind, &e->digest))
			continue;
		v->count.objects++;
		v->count.bytes += e->size;
		if (is_large(e)) {
			rc = verify_object(v, NULL, e, err);
			continue;
		}
		v->todo = xgrow(v->todo, v->n_todo, &v->cap_todo, sizeof *v->todo);
		v->todo[v->n_todo++] = i;
	}
	if (rc == 0 && parallel_run(v->n_todo, 0, &ops, v) != 0) {
		*err = v->failed.err;
		rc = err->class;
	}
	return rc;
}

/* Is it worth going on behind a part of the list that cannot be read? */
static bool is_damaged_list(const struct error *err)
{
	return is_damage(err) || err->class == SLUICE_NOT_FOUND;
}

void verify_expect(struct verify *v, const struct digest *manifest)
{
	AUTO_READER struct reader *reader = NULL;
	const struct manifest_segment *segment;
	struct error ignored;

	if (!marks_add(&v->expected, OBJECT_MANIFEST, manifest) ||
	    reader_open(v->store, manifest, &reader, &ignored) < 0)
		return;
	while (reader_next(reader, &segment, &ignored) == 0 && segment)
		for (size_t i = 0; i < segment->n; i++) {
			const struct store_entry *e = &segment->entry[i];

			if (is_file(e) && marks_add(&v->expected, e->kind, &e->digest))
				progress_expect(v->progress, e->size);
		}
}

int verify_manifest(struct verify *v, const struct digest *manifest, struct error *err)
{
	AUTO_READER struct reader *reader = NULL;
	int rc;

	if (!marks_add(&v->seen, OBJECT_MANIFEST, manifest))
		return 0;
	v->count.objects++;
	rc = reader_open(v->store, manifest, &reader, err);
	if (rc < 0 && is_damaged_list(err)) {
		v->count.damaged++;
		return 0;
	}
	while (rc == 0) {
		rc = reader_next(reader, &v->segment, err);
		if (rc == 0 && !v->segment)
			break;
		v->count.objects++;
		if (rc == 0) {
			rc = verify_segment(v, err);
		} else if (is_damaged_list(err)) {
			v->count.damaged++;
			reader_skip(reader);
			rc = 0;
		}
	}
	return rc;
}

/* --- what is damaged of one ------------------------------------------------------------------- */

static int tell_list(const struct error *err, verify_damage_fn *fn, void *arg)
{
	const struct verify_damage damage = { .problem = err->msg };

	return fn(arg, &damage);
}

static int tell_segment(struct verify *v, verify_damage_fn *fn, void *arg)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < v->segment->n; i++) {
		char key[KEY_SIZE];
		const struct store_entry *e = &v->segment->entry[i];
		const struct verify_damage damage = {
			.path = e->path,
			.problem = map_find(&v->damaged, key_of(e, key)),
		};

		if (damage.problem)
			rc = fn(arg, &damage);
	}
	return rc;
}

int verify_each(struct verify *v, const struct digest *manifest, verify_damage_fn *fn, void *arg,
                struct error *err)
{
	AUTO_READER struct reader *reader = NULL;
	int rc = reader_open(v->store, manifest, &reader, err);

	if (rc < 0)
		return is_damaged_list(err) ? tell_list(err, fn, arg) : rc;
	while (rc == 0) {
		rc = reader_next(reader, &v->segment, err);
		if (rc == 0 && !v->segment)
			break;
		if (rc == 0) {
			rc = tell_segment(v, fn, arg);
		} else if (is_damaged_list(err)) {
			rc = tell_list(err, fn, arg);
			reader_skip(reader);
		}
	}
	return rc;
}

/* --- one, for who needs it whole -------------------------------------------------------------- */

static int fail_by(void *arg, const struct verify_damage *damage)
{
	struct error *err = arg;
	char quoted[QUOTE_SIZE];

	if (!damage->path)
		return error_set(err, SLUICE_CORRUPT, "%s", damage->problem);
	return error_set(err, SLUICE_CORRUPT, "file '%s': %s", quote(damage->path, quoted),
	                 damage->problem);
}

int store_verify(struct store *store, const struct digest *manifest, struct error *err)
{
	__attribute__((cleanup(cleanup_verify))) struct verify *v = verify_new(store, NULL);
	int rc = verify_manifest(v, manifest, err);

	if (rc < 0 || (verify_count(v).damaged == 0))
		return rc;
	return verify_each(v, manifest, fail_by, err, err);
}

int store_open_file(struct store *store, const struct store_entry *entry, struct error *err)
{
	char quoted[QUOTE_SIZE];
	int fd;

	if (!is_file(entry))
		return error_set(err, SLUICE_INVALID, "'%s' is not a regular file",
		                 quote(entry->path, quoted));
	fd = object_open(store, entry, err);
	return fd < 0 ? error_wrap(err, "file '%s'", quote(entry->path, quoted)) : fd;
}
