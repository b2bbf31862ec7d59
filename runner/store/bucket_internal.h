/* What the two directions of bucket.h have in common. */
#ifndef STORE_BUCKET_INTERNAL_H
#define STORE_BUCKET_INTERNAL_H

#include <pthread.h>

#include "base/cleanup.h"
#include "base/parallel.h"
#include "store/bucket.h"
#include "store/internal.h"

enum { BUCKET_AT_ONCE = 8 };

/* The key of an object; the caller frees it. */
char *bucket_key(const struct bucket *bucket, char kind, const struct digest *digest);

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

#endif
