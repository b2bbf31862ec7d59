/*
 * HTTP on the loop, by libcurl's multi interface: bodies are handed on as they come, and nothing
 * is kept of them.  Loop thread.
 *
 *	struct http *http = http_new(loop, 4);
 *	struct http_transfer *t = http_start(http, &request, &hooks);
 *	  ... on_head once, on_body many times, on_done exactly once, none from inside http_start()
 *	http_free(http);                after the last on_done; then run the loop once more
 *
 * The redirects of a GET or HEAD are followed (never from https to http); another host is not told
 * the credentials.
 * Proxies come from the environment, as curl's manual has it.  Messages name the URL without its
 * credentials and its query, which can hold a signature.
 */
#ifndef LOOP_HTTP_H
#define LOOP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct http;
struct http_transfer;

/* All strings are copied; what is NULL or 0 is not asked for, or has the default named. */
struct http_request {
	const char *url;
	const char *method; /* NULL: GET, or POST if there is a body; HEAD brings none back */
	const char *body;   /* sent along, body_len bytes; one that is a stream comes by on_send */
	size_t body_len;    /* ... and with 0 has any length, which some servers do not take */
	const char *unix_socket;    /* a path: connect to it, whatever host the URL names */
	const char *const *headers; /* "Accept: text/plain", ...; NULL ends them */
	const char *bearer;         /* a token, or ... */
	const char *user, *password;
	const char *ca_file;              /* trusted instead of the system's certificates */
	bool any_cert;                    /* whoever vouches for it, and for whatever name */
	const char *cert_file, *key_file; /* this client's own certificate, PEM */
	uint64_t offset;                  /* ask for what follows the first so many bytes ... */
	const char *if_range;             /* ... if it is still this ETag or Last-Modified */
	uint64_t max_body;                /* more is SLUICE_LIMIT; 0: no limit */
	unsigned connect_ms;              /* 0: 30 seconds */
	unsigned stall_s; /* silence of so many seconds is an end; 0: 60; or HTTP_PATIENT */
};

enum { HTTP_PATIENT = UINT16_MAX }; /* the answer may take for ever */

/* Lives as long as the call that shows it. */
struct http_response {
	int status;             /* of the last answer, behind all redirects */
	uint64_t offset;        /* where the body begins: the offset asked for, or 0 */
	int64_t length;         /* of the body that comes, or -1 */
	unsigned retry_after_s; /* what the server asks to wait, or 0 */
	const char *text;       /* in on_done, if status is not 2xx: the begin of its body */
	const struct http_transfer *transfer;
};

enum { HTTP_PAUSE = 1 };

/* Only on_done may start another transfer. */
struct http_hooks {
	/* The status is known and is 2xx; not 0 ends the transfer with that class.  May be NULL. */
	int (*on_head)(void *arg, const struct http_response *response, struct error *err);

	/*
	 * A piece of a 2xx body.  0 goes on; HTTP_PAUSE keeps the piece back until
	 * http_transfer_resume() and shows it again then; a class ends the transfer.
	 */
	int (*on_body)(void *arg, const void *data, size_t len, struct error *err);

	/*
	 * The next bytes of the request's body, written to `buf`; returns how many, 0 at the end,
	 * or a class, which ends the transfer.  NULL: there is no such body.
	 */
	int64_t (*on_send)(void *arg, void *buf, size_t room, struct error *err);

	/* `err` is NULL if an answer came, whatever its status.  The transfer is gone then. */
	void (*on_done)(void *arg, const struct http_response *response, const struct error *err);
	void *arg;
};

/* At most `per_host` connections to one host at a time, or any number for 0; more requests wait for
 * them. */
struct http *http_new(uv_loop_t *loop, unsigned per_host);
void http_free(struct http *http);

struct http_transfer *http_start(struct http *http, const struct http_request *request,
                                 const struct http_hooks *hooks);
void http_transfer_resume(struct http_transfer *transfer);

/* on_done follows, with SLUICE_CANCELED. */
void http_transfer_cancel(struct http_transfer *transfer);

/* A header of the last answer, or NULL; valid as the response is. */
const char *http_response_header(const struct http_response *response, const char *name);

/* The same of the i-th header of that name, from 0. */
const char *http_response_header_at(const struct http_response *response, const char *name,
                                    size_t i);

/* When what it brings was last changed (Last-Modified), in wall time of the server; 0 where it does
 * not say. */
int64_t http_response_modified_ms(const struct http_response *response);

/* Whether the same request may go well later: 408, 429 and 5xx but 501, which is for ever. */
bool http_status_is_passing(int status);

/* The URL as messages name it; the caller frees it. */
char *http_url_for_message(const char *url);

#endif
