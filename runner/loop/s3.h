/*
 * S3: what lies below a prefix of a bucket, and how an object of it is read, written and deleted.
 * Requests are signed by Signature Version 4 where there are keys, else sent as they are, which
 * public buckets allow.  Any thread.
 *
 * Sources: Amazon S3 API Reference, ListObjectsV2, PutObject (conditional writes), HeadObject,
 * CopyObject, DeleteObject, and "Authenticating Requests: Using the Authorization Header (AWS
 * Signature Version 4)".
 */
#ifndef LOOP_S3_H
#define LOOP_S3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "loop/fetch.h"

struct s3_bucket {
	const char *name;
	const char *endpoint; /* https://HOST[:PORT], which has the bucket in the path of its URLs;
	                       * NULL: Amazon's in the region */
	const char *region;
	const char *key_id, *secret; /* NULL: nothing is signed */
	const char *token;           /* of a session, or NULL */
	bool hasty;                  /* a request is tried once, and does not wait long */
};

/* The keys and the region that the environment names (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN, AWS_REGION, AWS_DEFAULT_REGION), where `b` has none; else us-east-1. */
void s3_use_environment(struct s3_bucket *b);

/* The caller frees it. */
char *s3_url(const struct s3_bucket *b, const char *key);

enum { S3_HEADERS_MOST = 9 };

/* What a request must bring along: "NAME: VALUE" each, NULL after the last. */
struct s3_headers {
	char *list[S3_HEADERS_MOST];
};

struct s3_request {
	const char *method;
	const char *url;
	const struct digest *payload; /* of its body; NULL: it has none */
	/* More that it brings along, signed as well; names in lower case, up to four; may be NULL.
	 */
	const char *const *headers;
};

/* Without keys that is `headers` alone.  The signature comes first; it is good for a quarter of an
 * hour. */
void s3_sign(const struct s3_bucket *b, const struct s3_request *q, time_t now,
             struct s3_headers *ret);
void s3_headers_release(struct s3_headers *h);

/* fetch_file() of an object's URL, signed anew for each try. */
int s3_fetch(const struct s3_bucket *b, const struct fetch *how, int fd,
             struct error *err) MUST_USE;

/* The same of a text, which is added to `to`; its room is the caller's to limit by
 * how->request.max_body. */
int s3_fetch_text(const struct s3_bucket *b, const struct fetch *how, struct strbuf *to,
                  struct error *err) MUST_USE;

/* Does the bucket answer, and may these keys list it, write and delete?  SLUICE_INVALID says what
 * of bucket, keys, region and endpoint is wrong, SLUICE_REMOTE what else.  An object whose key
 * begins with `prefix` is there for a moment. */
int s3_check(const struct s3_bucket *b, const char *prefix, struct error *err) MUST_USE;

/* Bytes in memory, or a part of a file; their digest is in the signature, so that the server knows
 * them from others. */
struct s3_body {
	const char *text; /* or NULL: */
	int fd;
	uint64_t offset;
	uint64_t len;
	struct digest digest;
};

/* Without `replace` an object that is there already stays: SLUICE_EXISTS.  Where the server knows
 * no conditional writes, this looks first: then two who put one object at once may both do so. */
int s3_put(const struct s3_bucket *b, struct asker *by, const char *key, const struct s3_body *body,
           bool replace, struct error *err) MUST_USE;

/* Is the object there?  SLUICE_NOT_FOUND: no.  *ret_put_ms, if that is not NULL, is when it was put
 * last, by the server's clock in whole seconds; 0 where that does not say. */
int s3_look(const struct s3_bucket *b, struct asker *by, const char *key, int64_t *ret_put_ms,
            struct error *err) MUST_USE;

/* Puts it anew without sending it: the server copies it onto itself.  Whether it did, s3_look
 * tells: an answer that is none of errors may be one in its text. */
int s3_touch(const struct s3_bucket *b, struct asker *by, const char *key,
             struct error *err) MUST_USE;

/* What is not there is deleted. */
int s3_delete(const struct s3_bucket *b, struct asker *by, const char *key,
              struct error *err) MUST_USE;

struct s3_object {
	const char *key;
	uint64_t size;
	int64_t put_ms; /* as of s3_look */
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
