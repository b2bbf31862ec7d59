/*
 * Announcements: an object sweeps/ID of lines "m SHA256" for a manifest's text and "f SHA256" for
 * what else there is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "store/bucket_gc.h"
#include "store/bucket_internal.h"

enum { LINE_LEN = 2 + DIGEST_HEX_LEN + 1, TEXT_MOST = BUCKET_SWEEP_MOST * LINE_LEN, LOOK_MS = 500 };

int bucket_sweep_begin(const struct bucket *bucket, struct asker *by, const struct mark *name,
                       size_t n, char **ret_key, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MOST + 1);
	AUTO_FREE char *key = NULL;
	struct s3_body body = { .text = NULL };
	char id[UUID_LEN + 1], hex[DIGEST_HEX_LEN + 1];
	int rc;

	id_new_uuid(id);
	key = xasprintf("%s" BUCKET_SWEEPS "%s", bucket->prefix, id);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&text, "%c %s\n", name[i].kind, digest_hex(&name[i].digest, hex));
	body.text = strbuf_str(&text);
	body.len = text.len;
	body.digest = digest_of(text.buf, text.len);
	rc = s3_put(&bucket->s3, by, key, &body, true, err);
	if (rc == 0)
		*ret_key = take_ptr(&key);
	return rc;
}

/* --- who waits -------------------------------------------------------------------------------- */

struct waiting {
	const struct bucket *bucket;
	struct asker *by;
	const struct marks *needed;
	const struct store_watch *watch;
	bool waited;
};

static bool names_needed(const char *text, const struct marks *needed)
{
	for (; strlen(text) >= LINE_LEN; text += LINE_LEN) {
		char hex[DIGEST_HEX_LEN + 1];
		struct digest digest;

		memcpy(hex, text + 2, DIGEST_HEX_LEN);
		hex[DIGEST_HEX_LEN] = '\0';
		if (digest_parse(hex, &digest) && marks_has(needed, text[0], &digest))
			return true;
	}
	return false;
}

static void say_waiting(struct waiting *w)
{
	if (w->watch->warn && !w->waited)
		w->watch->warn(w->watch->arg, "waiting for a garbage collection of the bucket");
	w->waited = true;
}

/* Until it is gone; what is there after so long is a dead one's, and nobody else need wait. */
static int await(struct waiting *w, const char *key, struct error *err)
{
	const int64_t end = clock_mono_ms() + BUCKET_ROUND_MS;
	int rc = 0;

	say_waiting(w);
	while (rc == 0 && clock_mono_ms() < end) {
		if (w->watch->stop && atomic_load(w->watch->stop))
			return error_set(err, SLUICE_CANCELED, "it was stopped");
		asker_wait(w->by, LOOK_MS);
		rc = s3_look(&w->bucket->s3, w->by, key, NULL, err);
	}
	if (rc == 0)
		return s3_delete(&w->bucket->s3, w->by, key, err);
	return rc == SLUICE_NOT_FOUND ? 0 : rc;
}

static int see_sweep(void *arg, const struct s3_object *object, struct error *err)
{
	struct waiting *w = arg;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MOST + 1);
	AUTO_FREE char *url = s3_url(&w->bucket->s3, object->key);
	const struct fetch how = { .request = { .url = url, .max_body = TEXT_MOST }, .by = w->by };
	int rc = s3_fetch_text(&w->bucket->s3, &how, &text, err);

	if (rc == 0 && names_needed(strbuf_str(&text), w->needed))
		rc = await(w, object->key, err);
	return rc == SLUICE_NOT_FOUND ? 0 : rc;
}

int bucket_sweep_wait(const struct bucket *bucket, struct asker *by, const struct marks *needed,
                      const struct store_watch *watch, struct error *err)
{
	struct waiting w = { .bucket = bucket, .by = by, .needed = needed, .watch = watch };
	AUTO_FREE char *begin = xasprintf("%s" BUCKET_SWEEPS, bucket->prefix);
	int rc = s3_each(&bucket->s3, begin, see_sweep, &w, err);

	return rc < 0 ? rc : w.waited;
}
