/*
 * Requests one after the other, for callers without a loop: each runs a loop until it is answered,
 * goes again after what may be over at the next try, and leaves its connection to the next.  Any
 * thread, one at a time.
 *
 *	rc = asker_new(&by, &err);
 *	rc = ask(by, &(struct ask){ .request = { .url = url, .method = "DELETE" } }, &err);
 *	asker_free(by);
 */
#ifndef LOOP_ASK_H
#define LOOP_ASK_H

#include <stdint.h>

#include "base/error.h"
#include "loop/http.h"

struct asker {
	uv_loop_t loop;
	struct http *http;
};

int asker_new(struct asker **ret_asker, struct error *err) MUST_USE;
void asker_free(struct asker *by); /* takes NULL */

/* Runs its loop for so long. */
void asker_wait(struct asker *by, unsigned ms);

/* What is asked for must be the same if it is asked twice: an answer may be lost. */
struct ask {
	struct http_request request;
	/* A body that is a part of a file: request.body is NULL then. */
	int fd;
	uint64_t offset, len;    /* len 0: there is none */
	unsigned tries, wait_ms; /* as in fetch.h */
	/* Before each try: what a request brings along may be good for a while only.  May be NULL.
	 */
	void (*on_try)(void *arg, struct http_request *request);
	void *arg;
	int64_t *ret_modified_ms; /* of a 2xx answer, see http.h; may be NULL */
};

/* What a 2xx answer says beside that is thrown away.  404 is SLUICE_NOT_FOUND, 412 (of a condition
 * that the request makes) SLUICE_EXISTS, 501 SLUICE_INVALID, others SLUICE_REMOTE. */
int ask(struct asker *by, const struct ask *what, struct error *err) MUST_USE;

enum { ASK_TRIES = 5, ASK_WAIT_MS = 1000 };

/* The text of the first element of that name, which has no attributes, in an XML text; NULL: there
 * is none.  The caller frees it. */
char *ask_element(const char *xml, const char *name);

/* Says that an answer was none of 2xx: "cannot DOING 'URL': the server answers 500: ITS TEXT",
 * or of S3's XML its code and message. */
void ask_say_status(const char *doing, const char *url, const struct http_response *r,
                    struct error *err);

#endif
