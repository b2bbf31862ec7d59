#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "store/adding.h"
#include "store/bucket_internal.h"

struct fetching {
	struct store *store;
	struct bucket_line line;
	struct progress *progress;
	const struct manifest_segment *segment;
	const struct manifest_root *root;
	struct chunk_list list; /* of a large file whose chunks are fetched ... */
	int out;                /* ... to here */
	struct digest zeros;    /* of a whole chunk of them */
	bool came;              /* something was not here */
	struct first_error failed;
};

/* The bytes of a name, verified, to `text`, or where that is NULL to a file. */
static int get(struct fetching *f, char kind, const struct digest *name, uint64_t most,
               struct strbuf *text, int fd, struct error *err)
{
	AUTO_FREE char *key = bucket_key(f->line.bucket, kind, name);
	AUTO_FREE char *url = s3_url(&f->line.bucket->s3, key);
	struct fetch how = { .request = { .url = url, .max_body = most }, .digest = name };
	int rc = bucket_line_take(&f->line, &how.by, err);

	if (rc == 0)
		rc = text ? s3_fetch_text(&f->line.bucket->s3, &how, text, err)
		          : s3_fetch(&f->line.bucket->s3, &how, fd, err);
	bucket_line_give(&f->line, how.by);
	if (rc == SLUICE_NOT_FOUND) /* the version is there, a part of it is not */
		rc = err->class = SLUICE_CORRUPT;
	return rc;
}

/* A text: a manifest's, or a chunk list ('f'). */
static int fetch_text(struct fetching *f, char kind, const struct digest *name, size_t most,
                      struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(most);
	char path[OBJECT_PATH_SIZE];
	struct digest is;
	uint64_t new_bytes = 0;
	int rc;

	if (faccessat(f->store->fd, object_path(kind, name, path), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	rc = get(f, kind, name, most, &text, -1, err);
	if (rc < 0)
		return rc;
	return object_put(f->store, kind, strbuf_str(&text), text.len, &is, &new_bytes, err);
}

/* --- lists of files -------------------------------------------------------------------------- */

static int fetch_part(void *arg, void *state, size_t i)
{
	struct fetching *f = arg;
	struct error err = { 0 };
	int rc = fetch_text(f, OBJECT_MANIFEST, &f->root->part[i].digest, MANIFEST_TEXT_MAX, &err);

	(void)state;
	return rc < 0 ? first_error_keep(&f->failed, i, &err) : 0;
}

static int fetch_lists(struct fetching *f, const struct digest *manifest, struct error *err)
{
	static const struct parallel_ops ops = { .item = fetch_part };
	AUTO_ROOT struct manifest_root root = { 0 };
	int rc = fetch_text(f, OBJECT_MANIFEST, manifest, MANIFEST_TEXT_MAX, err);

	if (rc == 0)
		rc = reader_load_root(f->store, manifest, &root, err);
	if (rc < 0)
		return rc;
	f->root = &root;
	rc = parallel_run(root.n, BUCKET_AT_ONCE, &ops, f);
	f->root = NULL;
	if (rc != 0)
		*err = f->failed.err;
	return rc;
}

/* --- names ----------------------------------------------------------------------------------- */

static int mark_large(struct fetching *f, const struct store_entry *e, struct marks *marks,
                      struct error *err)
{
	AUTO_CHUNKS struct chunk_list list = { 0 };
	int rc = fetch_text(f, 'f', &e->digest, chunks_text_max(chunks_count(e->size)), err);

	if (rc == 0)
		rc = base_read_list(f->store, &e->digest, &list, err);
	for (size_t i = 0; rc == 0 && i < list.n; i++)
		(void)marks_add(marks, 'f', &list.chunk[i]);
	return rc;
}

static int mark_segment(struct fetching *f, const struct digest *digest, struct marks *marks,
                        struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(MANIFEST_TEXT_MAX);
	AUTO_SEGMENT struct manifest_segment segment = { 0 };
	AUTO_FREE struct manifest_order *order = xcalloc(1, sizeof *order);
	int rc = object_read(f->store, OBJECT_MANIFEST, digest, &text, err);

	if (rc == 0)
		rc = manifest_parse_segment(strbuf_str(&text), text.len, order, &segment, err);
	for (size_t i = 0; rc == 0 && i < segment.n; i++) {
		const struct store_entry *e = &segment.entry[i];

		if (is_file(e) && marks_add(marks, 'f', &e->digest) && is_large(e))
			rc = mark_large(f, e, marks, err);
	}
	return rc;
}

static int mark_all(struct fetching *f, const struct digest *manifest, struct marks *marks,
                    struct error *err)
{
	AUTO_ROOT struct manifest_root root = { 0 };
	int rc = fetch_lists(f, manifest, err);

	if (rc == 0)
		rc = reader_load_root(f->store, manifest, &root, err);
	for (size_t i = 0; rc == 0 && i < root.n; i++)
		if (marks_add(marks, OBJECT_MANIFEST, &root.part[i].digest))
			rc = mark_segment(f, &root.part[i].digest, marks, err);
	return rc;
}

/* --- files ----------------------------------------------------------------------------------- */

static int make_object(struct fetching *f, const struct store_entry *e, int fd, struct error *err)
{
	struct stat st;
	int rc = fstat(fd, &st) == 0 && fchmod(fd, object_mode(e->kind)) == 0 ? 0 : -errno;

	if (rc == 0 && (uint64_t)st.st_size != e->size)
		return error_set(err, SLUICE_CORRUPT, "it has another size than its version says");
	if (rc == 0)
		rc = object_add_fd(f->store, e, fd);
	return rc < 0 ? error_sys(err, rc, "cannot keep it below '%s'", f->store->path) : 0;
}

static int fetch_small(struct fetching *f, const struct store_entry *e, struct error *err)
{
	struct temp temp;
	int rc = temp_open(f->store, &temp);

	if (rc < 0)
		return error_sys(err, rc, "cannot write beside '%s'", f->store->path);
	rc = get(f, e->kind, &e->digest, e->size ? e->size : 1, NULL, temp.fd, err);
	if (rc == 0)
		rc = make_object(f, e, temp.fd, err);
	temp_close(f->store, &temp);
	progress_add(f->progress, e->size);
	return rc;
}

static int write_chunk(struct fetching *f, int fd, uint64_t at, size_t len, struct error *err)
{
	struct stat st;
	void *data;
	int rc;

	if (fstat(fd, &st) != 0 || (uint64_t)st.st_size != len)
		return error_set(err, SLUICE_CORRUPT, "a chunk has not the length that it must");
	data = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	rc = data == MAP_FAILED ? -errno : write_at(f->out, data, len, at);
	if (data != MAP_FAILED)
		(void)munmap(data, len);
	return rc < 0 ? error_sys(err, rc, "cannot write below '%s'", f->store->path) : 0;
}

/* Chunks come in any order, each by way of memory: only what was verified is written.  Where a
 * chunk is all zeros the file stays a hole. */
static int fetch_chunk(void *arg, void *state, size_t i)
{
	struct fetching *f = arg;
	size_t len = chunks_length(f->list.size, i);
	AUTO_FD int fd = -1;
	struct error err = { 0 };
	int rc = 0;

	(void)state;
	if (len < CHUNK_SIZE || !digest_equal(&f->list.chunk[i], &f->zeros)) {
		fd = memfd_create("chunk", MFD_CLOEXEC);
		rc = fd < 0 ? error_sys(&err, errno, "cannot make room for a chunk")
		            : get(f, 'f', &f->list.chunk[i], len, NULL, fd, &err);
		if (rc == 0)
			rc = write_chunk(f, fd, (uint64_t)i * CHUNK_SIZE, len, &err);
	}
	progress_add(f->progress, len);
	return rc < 0 ? first_error_keep(&f->failed, i, &err) : 0;
}

static int fetch_chunks(struct fetching *f, const struct store_entry *e, struct error *err)
{
	static const struct parallel_ops ops = { .item = fetch_chunk };
	struct temp temp;
	int rc = temp_open(f->store, &temp);

	if (rc < 0)
		return error_sys(err, rc, "cannot write beside '%s'", f->store->path);
	f->out = temp.fd;
	f->zeros = hash_zeros();
	if (ftruncate(temp.fd, (off_t)e->size) != 0)
		rc = error_sys(err, errno, "cannot write below '%s'", f->store->path);
	else if (parallel_run(f->list.n, BUCKET_AT_ONCE, &ops, f) != 0)
		rc = (*err = f->failed.err).class;
	else
		rc = make_object(f, e, temp.fd, err);
	temp_close(f->store, &temp);
	return rc;
}

static int fetch_large(struct fetching *f, const struct store_entry *e, struct error *err)
{
	int rc = fetch_text(f, 'f', &e->digest, chunks_text_max(chunks_count(e->size)), err);

	if (rc == 0)
		rc = base_read_list(f->store, &e->digest, &f->list, err);
	if (rc < 0)
		return rc;
	rc = f->list.size == e->size
	             ? fetch_chunks(f, e, err)
	             : error_set(err, SLUICE_CORRUPT, "it has another size than its version says");
	chunks_release(&f->list);
	f->list = (struct chunk_list){ 0 };
	return rc;
}

static int fetch_entry(void *arg, void *state, size_t i)
{
	struct fetching *f = arg;
	const struct store_entry *e = &f->segment->entry[i];
	char quoted[QUOTE_SIZE];
	struct error err = { 0 };

	(void)state;
	if (!is_file(e) || is_large(e) || object_is_there(f->store, e))
		return 0;
	if (fetch_small(f, e, &err) == 0)
		return 0;
	(void)error_wrap(&err, "file '%s'", quote(e->path, quoted));
	return first_error_keep(&f->failed, i, &err);
}

/* Many small ones at a time; one large one at a time, whose chunks come side by side. */
static int fetch_segment(struct fetching *f, struct error *err)
{
	static const struct parallel_ops ops = { .item = fetch_entry };
	char quoted[QUOTE_SIZE];
	bool missing = false;
	int rc = 0;

	for (size_t i = 0; i < f->segment->n; i++) {
		const struct store_entry *e = &f->segment->entry[i];

		if (is_file(e) && !object_is_there(f->store, e)) {
			progress_expect(f->progress, e->size);
			missing = true;
		}
	}
	f->came |= missing;
	if (missing && parallel_run(f->segment->n, BUCKET_AT_ONCE, &ops, f) != 0) {
		*err = f->failed.err;
		return err->class;
	}
	for (size_t i = 0; rc == 0 && missing && i < f->segment->n; i++) {
		const struct store_entry *e = &f->segment->entry[i];

		if (is_large(e) && !object_is_there(f->store, e) && fetch_large(f, e, err) < 0)
			rc = error_wrap(err, "file '%s'", quote(e->path, quoted));
	}
	return rc;
}

static int fetch_files(struct fetching *f, const struct digest *manifest, struct error *err)
{
	AUTO_READER struct reader *reader = NULL;
	int rc = reader_open(f->store, manifest, &reader, err);

	while (rc == 0) {
		rc = reader_next(reader, &f->segment, err);
		if (rc < 0 || !f->segment)
			break;
		rc = fetch_segment(f, err);
	}
	/* A tree that is made of them is trusted for ever. */
	return rc == 0 && f->came ? store_sync(f->store, err) : rc;
}

/* --- the doors ------------------------------------------------------------------------------- */

/* Nothing that came is swept before a version needs it. */
static int begin(struct fetching *f, struct store *store, const struct bucket *bucket,
                 struct error *err)
{
	*f = (struct fetching){ .store = store, .failed = FIRST_ERROR_INIT };
	bucket_line_init(&f->line, bucket);
	return store_lock(store, LOCK_SHARED, err);
}

static int end(struct fetching *f, int rc, struct error *err)
{
	bucket_line_release(&f->line);
	return rc < 0 ? error_wrap(err, "cannot fetch from bucket '%s'", f->line.bucket->s3.name)
	              : 0;
}

int bucket_fetch_lists(struct store *store, const struct bucket *bucket,
                       const struct digest *manifest, struct error *err)
{
	struct fetching f;
	AUTO_FD int lock = begin(&f, store, bucket, err);

	return end(&f, lock < 0 ? lock : fetch_lists(&f, manifest, err), err);
}

int bucket_fetch(struct store *store, const struct bucket *bucket, const struct digest *manifest,
                 struct progress *progress, struct error *err)
{
	struct fetching f;
	AUTO_FD int lock = begin(&f, store, bucket, err);
	int rc = lock < 0 ? lock : 0;

	f.progress = progress;
	if (rc == 0 && !tree_exists(store, manifest)) {
		rc = fetch_lists(&f, manifest, err);
		if (rc == 0)
			rc = fetch_files(&f, manifest, err);
	}
	return end(&f, rc, err);
}

static int is_missing(void *arg, const struct store_entry *e)
{
	return is_file(e) && !object_is_there(arg, e);
}

bool bucket_is_here(struct store *store, const struct digest *manifest)
{
	struct error ignored;

	return store_each(store, manifest, "", is_missing, store, &ignored) == 0;
}

int bucket_fetch_file(struct store *store, const struct bucket *bucket,
                      const struct store_entry *entry, struct error *err)
{
	struct fetching f;
	AUTO_FD int lock = begin(&f, store, bucket, err);
	int rc = lock < 0 ? lock : 0;

	if (rc == 0 && is_file(entry) && !object_is_there(store, entry))
		rc = is_large(entry) ? fetch_large(&f, entry, err) : fetch_small(&f, entry, err);
	return end(&f, rc, err);
}

int bucket_mark(struct store *store, const struct bucket *bucket, const struct digest *manifest,
                struct marks *marks, struct error *err)
{
	struct fetching f;
	AUTO_FD int lock = begin(&f, store, bucket, err);
	int rc = lock < 0 ? lock : 0;

	if (rc == 0 && !marks_has(marks, OBJECT_MANIFEST, manifest))
		rc = mark_all(&f, manifest, marks, err);
	if (rc == 0)
		(void)marks_add(marks, OBJECT_MANIFEST, manifest);
	return end(&f, rc, err);
}
