/* What the two directions of bucket.h have in common. */
#ifndef STORE_BUCKET_INTERNAL_H
#define STORE_BUCKET_INTERNAL_H

#include <pthread.h>

#include "base/cleanup.h"
#include "base/parallel.h"
#include "store/bucket.h"
#include "store/internal.h"
#include "store/marks.h"

enum { BUCKET_AT_ONCE = 8 };

/* The key of an object; the caller frees it. */
char *bucket_key(const struct bucket *bucket, char kind, const struct digest *digest);

/* The reverse, of a key that begins with the prefix; false if it is none of an object. */
bool bucket_parse_key(const struct bucket *bucket, const char *key, struct mark *ret_name);

/* Was it put less than so long ago?  What does not say when was not. */
bool bucket_is_younger(int64_t put_ms, int64_t age_ms);

/* Connections that are open, for those who work now or next. */
struct bucket_line {
	const struct bucket *bucket;
	pthread_mutex_t lock;
	struct asker *idle[BUCKET_AT_ONCE];
	size_t n;
};

void bucket_line_init(struct bucket_line *line, const struct bucket *bucket);
void bucket_line_release(struct bucket_line *line);

int bucket_line_take(struct bucket_line *line, struct asker **ret_by, struct error *err) MUST_USE;
void bucket_line_give(struct bucket_line *line, struct asker *by); /* takes NULL */

/* --- bucket_fetch.c --------------------------------------------------------------------------- */

/* Adds the names of all that a manifest needs in the bucket: its texts as OBJECT_MANIFEST, and as
 * 'f' all else.  A segment that is marked is not read. */
int bucket_mark(struct store *store, const struct bucket *bucket, const struct digest *manifest,
                struct marks *marks, struct error *err) MUST_USE;

/* --- bucket_sweep.c: rounds of a sweep, see bucket_gc.h --------------------------------------- */

#define BUCKET_SWEEPS "sweeps/"
enum { BUCKET_SWEEP_MOST = 500 }; /* names of one round */

/* Announces a round; `by` is whose connection is used.  The caller frees the key. */
int bucket_sweep_begin(const struct bucket *bucket, struct asker *by, const struct mark *name,
                       size_t n, char **ret_key, struct error *err) MUST_USE;

/* Waits for the rounds that are about to remove one of the names that are needed; 1 if there was
 * one, and what is needed must be looked at again. */
int bucket_sweep_wait(const struct bucket *bucket, struct asker *by, const struct marks *needed,
                      const struct store_watch *watch, struct error *err) MUST_USE;

#endif
