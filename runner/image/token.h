/*
 * A token from where a registry says that it is had.  Loop thread.
 * Protocol: distribution's token authentication, GET with Basic or nothing, and its OAuth 2 form
 * for those who have a refresh token.
 */
#ifndef IMAGE_TOKEN_H
#define IMAGE_TOKEN_H

#include "image/challenge.h"
#include "image/credentials.h"
#include "loop/http.h"

/* All is copied. */
struct token_ask {
	const struct challenge *challenge;
	const struct credentials *credentials;
	const char *scope; /* if the challenge names none */
	const char *ca;    /* or NULL */
	bool any_cert;
	unsigned stall_s; /* see registry.h */
	bool secure;      /* the registry was asked by HTTPS: no password goes out without it */
};

/* `token` is NULL if there is an error; it lives as long as the call. */
typedef void token_fn(void *arg, const char *token, int64_t lifetime_s, const struct error *err);

/* NULL: it may not be asked, and err says why; else fn follows, exactly once, from the loop. */
struct http_transfer *token_get(struct http *http, const struct token_ask *ask, token_fn *fn,
                                void *arg, struct error *err) MUST_USE;

#endif
