/*
 * Image references by Docker's rules: [REGISTRY[:PORT]/]REPOSITORY[:TAG][@DIGEST].
 * Pure.  Grammar: github.com/distribution/reference, and Docker's short forms on top of it.
 */
#ifndef IMAGE_REFERENCE_H
#define IMAGE_REFERENCE_H

#include "base/error.h"

/* Neither tag nor digest means the tag "latest", which parsing fills in. */
struct reference {
	char *registry;   /* "docker.io", "localhost:5000", "[::1]:5000" */
	char *repository; /* "library/bash" */
	char *tag;        /* or NULL, if there is a digest */
	char *digest;     /* "sha256:..." or NULL */
};

int reference_parse(const char *text, struct reference *ret_ref, struct error *err) MUST_USE;
void reference_release(struct reference *ref);

/* "docker.io/library/bash:5"; the caller frees it. */
char *reference_format(const struct reference *ref);

/* What a person would type for a full reference: "bash:5".  Borrowed: the end of `full`. */
const char *reference_short(const char *full);

#define AUTO_REFERENCE __attribute__((cleanup(reference_release)))

#endif
