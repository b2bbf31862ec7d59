/*
 * What a registry wants to see of us: its WWW-Authenticate header, taken apart.  Pure.
 * Grammar: RFC 9110, 11.6.1; the parameters are those of distribution's token authentication.
 */
#ifndef IMAGE_CHALLENGE_H
#define IMAGE_CHALLENGE_H

#include <stddef.h>

enum { CHALLENGE_MAX = 8 * 1024 }; /* bytes of a header that are looked at */

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

/* Parameters that are not given are NULL. */
struct challenge {
	enum challenge_scheme scheme;
	char *realm;   /* of a bearer: where tokens are had */
	char *service; /* who the token is shown to */
	char *scope;   /* what it must allow: "repository:library/bash:pull" */
};

/*
 * Takes from a header, which may hold several, the challenge that is the best to answer, if it is
 * better than what *challenge is already: Bearer with a realm before Basic before none.  What makes
 * no sense ends the reading and leaves what stood before it.
 */
void challenge_add(struct challenge *challenge, const char *header);
void challenge_release(struct challenge *challenge);

#define AUTO_CHALLENGE __attribute__((cleanup(challenge_release)))

#endif
