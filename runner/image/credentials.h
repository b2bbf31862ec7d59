/*
 * Who we are to a registry: what `docker login` and `podman login` have kept.  Blocking: a helper
 * program may be asked.  Any thread.
 *
 * The first of these files that knows the registry counts:
 *	$REGISTRY_AUTH_FILE (then no other is looked at)
 *	$XDG_RUNTIME_DIR/containers/auth.json, for root /run/containers/0/auth.json
 *	$XDG_CONFIG_HOME/containers/auth.json, else ~/.config/containers/auth.json
 *	$DOCKER_CONFIG/config.json, else ~/.docker/config.json
 * In a file `credHelpers` go before `auths`, and these before `credsStore`.
 * Format: containers-auth.json(5); helpers: github.com/docker/docker-credential-helpers.
 */
#ifndef IMAGE_CREDENTIALS_H
#define IMAGE_CREDENTIALS_H

#include "base/error.h"

/* Nothing at all: anonymous. */
struct credentials {
	char *user, *password; /* both or neither */
	char *identity;        /* a refresh token in the place of a password, or NULL */
};

/*
 * What there is for REGISTRY ("docker.io", "localhost:5000") and REPOSITORY in it ("team/img"); a
 * file may name a part of the repository.  None found is success, with nothing in ret_credentials.
 */
int credentials_find(const char *registry, const char *repository,
                     struct credentials *ret_credentials, struct error *err) MUST_USE;

/* The same from the text of one file; `path` is for messages. */
int credentials_from_file(const char *text, const char *path, const char *registry,
                          const char *repository, struct credentials *ret_credentials,
                          struct error *err) MUST_USE;

/* Wipes it as well. */
void credentials_release(struct credentials *credentials);

#define AUTO_CREDENTIALS __attribute__((cleanup(credentials_release)))

#endif
