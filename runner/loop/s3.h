/*
 * S3: what lies below a prefix of a bucket, and how an object of it is asked for.  Reads only.
 * Requests are signed by Signature Version 4 where there are keys, else sent as they are, which
 * public buckets allow.  Any thread.
 *
 * Sources: Amazon S3 API Reference, ListObjectsV2, and "Authenticating Requests: Using the
 * Authorization Header (AWS Signature Version 4)".
 */
#ifndef LOOP_S3_H
#define LOOP_S3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "loop/fetch.h"

struct s3_bucket {
	const char *name;
	const char *endpoint; /* https://HOST[:PORT], which has the bucket in the path of its URLs;
	                       * NULL: Amazon's in the region */
	const char *region;
	const char *key_id, *secret; /* NULL: nothing is signed */
	const char *token;           /* of a session, or NULL */
};

/* The keys and the region that the environment names (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN, AWS_REGION, AWS_DEFAULT_REGION), where `b` has none; else us-east-1. */
void s3_use_environment(struct s3_bucket *b);

/* The caller frees it. */
char *s3_url(const struct s3_bucket *b, const char *key);

enum { S3_HEADERS_MOST = 5 };

/* What a GET of `url` must bring along: "NAME: VALUE" each, NULL after the last; none if nothing is
 * signed.  Good for a quarter of an hour. */
struct s3_headers {
	char *list[S3_HEADERS_MOST];
};

void s3_sign(const struct s3_bucket *b, const char *url, time_t now, struct s3_headers *ret);
void s3_headers_release(struct s3_headers *h);

/* fetch_file() of an object's URL, signed anew for each try. */
int s3_fetch(const struct s3_bucket *b, const struct fetch *how, int fd,
             struct error *err) MUST_USE;

/* Does the bucket answer, and to these keys?  One try; SLUICE_INVALID says what of bucket, keys,
 * region and endpoint is wrong, SLUICE_REMOTE that nobody answers. */
int s3_check(const struct s3_bucket *b, struct error *err) MUST_USE;

struct s3_object {
	const char *key;
	uint64_t size;
};

typedef int s3_object_fn(void *arg, const struct s3_object *object, struct error *err);

/* Calls `fn` for each object whose key begins with `prefix`, by key, until it returns other than 0;
 * returns that, or what went wrong. */
int s3_each(const struct s3_bucket *b, const char *prefix, s3_object_fn *fn, void *arg,
            struct error *err) MUST_USE;

/* One answer to ListObjectsV2.  *ret_next: the token that asks for more, which the caller frees, or
 * NULL.  Pure. */
int s3_parse_list(const char *xml, size_t len, s3_object_fn *fn, void *arg, char **ret_next,
                  struct error *err) MUST_USE;

#endif
