#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "store/adding.h"
#include "store/bucket_gc.h"
#include "store/bucket_internal.h"
#include "store/diff.h"

enum {
	BATCH = 4096, /* items that are known before some are sent */
	/* What is smaller is put without a question: both take as long. */
	ASK_FROM = 16 << 10,
};

/* A name in the bucket, and where its bytes lie here: a part of an object. */
struct item {
	char kind; /* of the object here, or of a manifest's text */
	struct digest name;
	struct digest object;
	uint64_t object_size;
	uint64_t offset, len;
};

struct sending {
	struct store *store;
	struct bucket_line line;
	const struct store_watch *watch;
	struct item *item;
	size_t n, cap;
	struct marks seen; /* what was sent, or is known to be there */
	struct first_error failed;
	struct error *err;
	bool gave_up; /* *err says why */
};

static bool is_stopped(const struct sending *s)
{
	return s->watch->stop && atomic_load(s->watch->stop);
}

/* A manifest's text is read, which verifies it; a file's bytes the server verifies. */
static int put_item(struct sending *s, struct asker *by, const struct item *item, const char *key,
                    struct error *err)
{
	const struct s3_bucket *s3 = &s->line.bucket->s3;
	const struct store_entry e = { .kind = item->kind,
		                       .size = item->object_size,
		                       .digest = item->object };
	struct s3_body body = { .offset = item->offset, .len = item->len, .digest = item->name };
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(MANIFEST_TEXT_MAX);
	AUTO_FD int fd = -1;
	int rc;

	if (item->kind == OBJECT_MANIFEST) {
		rc = object_read(s->store, item->kind, &item->object, &text, err);
		body.text = strbuf_str(&text);
		body.len = text.len;
	} else {
		rc = fd = object_open(s->store, &e, err);
		body.fd = fd;
	}
	return rc < 0 ? rc : s3_put(s3, by, key, &body, true, err);
}

/* Is it there, and put a short while ago?  SLUICE_NOT_FOUND: no. */
static int look(const struct sending *s, struct asker *by, const char *key, bool *ret_old,
                struct error *err)
{
	int64_t put_ms = 0;
	int rc = s3_look(&s->line.bucket->s3, by, key, &put_ms, err);

	*ret_old = rc == 0 && !bucket_is_younger(put_ms, BUCKET_FRESH_MS);
	return *ret_old ? SLUICE_NOT_FOUND : rc;
}

/* What is older may go before the record comes, and is put anew: by the server, if that can. */
static int look_or_touch(const struct sending *s, struct asker *by, const char *key,
                         struct error *err)
{
	bool is_old;
	int rc = look(s, by, key, &is_old, err);

	if (!is_old || s3_touch(&s->line.bucket->s3, by, key, err) < 0)
		return rc;
	return look(s, by, key, &is_old, err);
}

static int send_item(void *arg, void *state, size_t i)
{
	struct sending *s = arg;
	const struct item *item = &s->item[i];
	AUTO_FREE char *key = bucket_key(s->line.bucket, item->kind, &item->name);
	struct error err = { 0 };
	struct asker *by = NULL;
	int rc = bucket_line_take(&s->line, &by, &err);

	(void)state;
	if (rc == 0 && is_stopped(s))
		rc = error_set(&err, SLUICE_CANCELED, "it was stopped");
	else if (rc == 0)
		rc = item->len < ASK_FROM ? SLUICE_NOT_FOUND : look_or_touch(s, by, key, &err);
	if (rc == SLUICE_NOT_FOUND)
		rc = put_item(s, by, item, key, &err);
	bucket_line_give(&s->line, by);
	progress_add(s->watch->progress, item->len);
	return rc < 0 ? first_error_keep(&s->failed, i, &err) : 0;
}

/* What was collected. */
static int send_batch(struct sending *s)
{
	static const struct parallel_ops ops = { .item = send_item };
	int rc = parallel_run(s->n, BUCKET_AT_ONCE, &ops, s);

	s->n = 0;
	if (rc == 0)
		return 0;
	*s->err = s->failed.err;
	s->gave_up = true;
	return rc;
}

static int add_item(struct sending *s, const struct item *item)
{
	if (!marks_add(&s->seen, item->kind == OBJECT_MANIFEST ? OBJECT_MANIFEST : 'f',
	               &item->name))
		return 0;
	s->item = xgrow(s->item, s->n, &s->cap, sizeof *s->item);
	s->item[s->n++] = *item;
	progress_expect(s->watch->progress, item->len);
	return s->n == BATCH ? send_batch(s) : 0;
}

/* --- what a version has that its base has not ------------------------------------------------ */

static int give_up(struct sending *s)
{
	s->gave_up = true;
	return s->err->class;
}

/* The chunks of a file that the bucket has. */
static void know_chunks(struct sending *s, const struct store_entry *e)
{
	AUTO_CHUNKS struct chunk_list list = { 0 };
	struct error ignored;

	if (base_read_list(s->store, &e->digest, &list, &ignored) < 0)
		return; /* then they are asked for */
	for (size_t i = 0; i < list.n; i++)
		(void)marks_add(&s->seen, 'f', &list.chunk[i]);
}

static int add_large(struct sending *s, const struct store_entry *e)
{
	AUTO_CHUNKS struct chunk_list list = { 0 };
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(chunks_text_max(CHUNKS_MAX));
	struct item item = { .kind = e->kind, .object = e->digest, .object_size = e->size };
	int rc = base_read_list(s->store, &e->digest, &list, s->err);

	if (rc < 0)
		return give_up(s);
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		item.name = list.chunk[i];
		item.offset = (uint64_t)i * CHUNK_SIZE;
		item.len = chunks_length(list.size, i);
		rc = add_item(s, &item);
	}
	chunks_format(&list, &text);
	item = (struct item){ .kind = 'f',
		              .name = e->digest,
		              .object = e->digest,
		              .object_size = text.len,
		              .len = text.len };
	return rc == 0 ? add_item(s, &item) : rc;
}

static int add_entry(void *arg, const struct store_entry *e)
{
	struct sending *s = arg;
	const struct item item = { .kind = e->kind,
		                   .name = e->digest,
		                   .object = e->digest,
		                   .object_size = e->size,
		                   .len = e->size };

	if (!is_file(e))
		return 0;
	return is_large(e) ? add_large(s, e) : add_item(s, &item);
}

static int add_change(void *arg, const struct diff_change *c)
{
	struct sending *s = arg;

	if (!c->to)
		return 0;
	if (c->from && is_file(c->from) && digest_equal(&c->from->digest, &c->to->digest))
		return 0; /* only its mode is another */
	if (c->from && is_large(c->from) && is_large(c->to))
		know_chunks(s, c->from);
	return add_entry(s, c->to);
}

/* Whether the base is here in whole shows when it is read; what is added twice is sent once. */
static int add_files(struct sending *s, const struct digest *manifest, const struct digest *base)
{
	struct error ignored;
	const struct diff_how plain = { .flags = 0 };
	int rc = base ? store_diff(s->store, base, manifest, &plain, add_change, s, &ignored)
	              : SLUICE_NOT_FOUND;

	if (rc < 0 && !s->gave_up)
		rc = store_each(s->store, manifest, "", add_entry, s, s->err);
	return rc;
}

static int add_segments(struct sending *s, const struct digest *manifest, const struct digest *base)
{
	AUTO_ROOT struct manifest_root root = { 0 };
	AUTO_ROOT struct manifest_root known = { 0 };
	struct error ignored;
	int rc = reader_load_root(s->store, manifest, &root, s->err);

	if (base && reader_load_root(s->store, base, &known, &ignored) == 0) {
		(void)marks_add(&s->seen, OBJECT_MANIFEST, base);
		for (size_t i = 0; i < known.n; i++)
			(void)marks_add(&s->seen, OBJECT_MANIFEST, &known.part[i].digest);
	}
	for (size_t i = 0; rc == 0 && i < root.n; i++)
		rc = add_item(s, &(struct item){ .kind = OBJECT_MANIFEST,
		                                 .name = root.part[i].digest,
		                                 .object = root.part[i].digest });
	return rc;
}

/* Each step is whole before the next begins. */
static int send_all(struct sending *s, const struct digest *manifest, const struct digest *base)
{
	const struct item root = { .kind = OBJECT_MANIFEST,
		                   .name = *manifest,
		                   .object = *manifest };
	int rc = add_files(s, manifest, base);

	if (rc == 0)
		rc = add_segments(s, manifest, base);
	if (rc == 0)
		rc = send_batch(s);
	if (rc == 0)
		rc = add_item(s, &root);
	return rc == 0 ? send_batch(s) : rc;
}

/* 1: that what it rests on is still there must be looked at again. */
static int send_once(struct sending *s, const struct digest *manifest, const struct digest *base)
{
	const int64_t began_ms = clock_wall_ms(); /* it goes on while the machine sleeps */
	struct asker *by = NULL;
	int rc = send_all(s, manifest, base);

	if (rc == 0)
		rc = bucket_line_take(&s->line, &by, s->err);
	if (rc == 0)
		rc = bucket_sweep_wait(s->line.bucket, by, &s->seen, s->watch, s->err);
	bucket_line_give(&s->line, by);
	marks_release(&s->seen);
	return rc == 0 ? clock_wall_ms() - began_ms > BUCKET_FRESH_MS : rc;
}

int bucket_send(struct store *store, const struct bucket *bucket, const struct digest *manifest,
                const struct digest *base, const struct store_watch *watch, struct error *err)
{
	static const struct store_watch nobody;
	struct sending s = { .store = store,
		             .watch = watch ? watch : &nobody,
		             .failed = FIRST_ERROR_INIT,
		             .err = err };
	int rc;

	bucket_line_init(&s.line, bucket);
	do
		rc = send_once(&s, manifest, base);
	while (rc > 0);
	bucket_line_release(&s.line);
	free(s.item);
	return rc < 0 ? error_wrap(err, "cannot store in bucket '%s'", bucket->s3.name) : 0;
}
