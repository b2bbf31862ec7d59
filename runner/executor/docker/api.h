/*
 * Requests to the Engine API of Docker, which Podman's service answers too.
 *
 *	docker_ask(http, &host, &ask, &hooks)     on the loop; on_done exactly once, not from inside
 *	docker_do(&host, &ask, &doc, &err)        blocking, on a loop of its own; any thread
 *
 * What the daemon refuses is an error with its own words: 400 SLUICE_INVALID, 404
 * SLUICE_NOT_FOUND, 409 SLUICE_EXISTS, all else SLUICE_REMOTE.  That something is so already (304)
 * is none.
 * Paths have no version in front: the daemon's own is used, and what is asked for here is in all of
 * them since 1.40.  Source: docs.docker.com/engine/api.
 */
#ifndef EXECUTOR_DOCKER_API_H
#define EXECUTOR_DOCKER_API_H

#include <cjson/cJSON.h>
#include <stdatomic.h>

#include "base/error.h"
#include "executor/docker/host.h"
#include "loop/http.h"

/* Everything is copied. */
struct docker_ask {
	const char *method; /* NULL: GET */
	const char *path;   /* "/containers/json?all=1" */
	const char *body;   /* JSON, or NULL */
	const char *auth;   /* for X-Registry-Auth, or NULL */
	bool is_long;       /* the answer may take for ever */
	/* What follows in the place of a body: a tar, from where the file stands to its end; kept
	 * until the answer is there.  0: none. */
	int tar_fd;
	/* ... or one that is made on the way: as http_hooks.on_send.  NULL: none. */
	int64_t (*on_send)(void *arg, void *buf, size_t room, struct error *err);
	void *send_arg;
};

struct docker_hooks {
	/* It was well; the body follows.  NULL: nobody asks. */
	void (*on_head)(void *arg, const struct http_response *response);
	/* A piece of the body; NULL: it is kept for on_done. */
	int (*on_body)(void *arg, const void *data, size_t len, struct error *err);
	/* `text` is the kept body; `err` is NULL if all was well.  May ask again. */
	void (*on_done)(void *arg, const char *text, const struct error *err);
	void *arg;
};

struct docker_request;

struct docker_request *docker_ask(struct http *http, const struct docker_host *host,
                                  const struct docker_ask *ask, const struct docker_hooks *hooks);
/* on_done follows, with SLUICE_CANCELED. */
void docker_cancel(struct docker_request *request);
/* After on_body returned HTTP_PAUSE: it is called again with the same piece. */
void docker_resume(struct docker_request *request);

/* `*ret_doc` (the caller's; ret_doc may be NULL) is NULL if there was no answer's body. */
int docker_do(const struct docker_host *host, const struct docker_ask *ask, cJSON **ret_doc,
              struct error *err) MUST_USE;

/* Does it answer?  Then *ret_name is what it calls itself ("Docker/20.10.24"), or "?"; the
 * caller's. */
int docker_ping(const struct docker_host *host, char **ret_name, struct error *err) MUST_USE;

/* docker_do() with a body that comes in pieces; ended soon after `stop` (or NULL) is set. */
int docker_stream(const struct docker_host *host, const struct docker_ask *ask,
                  int (*on_body)(void *arg, const void *data, size_t len, struct error *err),
                  void *arg, const atomic_bool *stop, struct error *err) MUST_USE;

/*
 * The same with a body that is asked for piece by piece, as an unpack_source's is; a piece is there
 * until the next one.  Ends in an error if the answer does.  On one thread, which may be any.
 */
struct docker_reader;
struct docker_reader *docker_reader_new(const struct docker_host *host,
                                        const struct docker_ask *ask, const atomic_bool *stop);
int64_t docker_reader_read(void *reader, const void **ret_data, struct error *err);
void docker_reader_free(struct docker_reader *reader); /* in the middle, too */

/* Text as a part of a path or query; the caller frees it. */
char *docker_escape(const char *text);

#endif
