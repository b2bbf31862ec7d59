/* Programs that keep credentials for Docker and Podman: docker-credential-NAME.  Blocking. */
#ifndef IMAGE_CREDENTIAL_HELPER_H
#define IMAGE_CREDENTIAL_HELPER_H

#include "image/credentials.h"

/* Asks docker-credential-NAME, which must be in the PATH and answer within a minute.  That it knows
 * of nothing for the registry is success, with nothing in ret_credentials. */
int credential_helper_get(const char *name, const char *registry,
                          struct credentials *ret_credentials, struct error *err) MUST_USE;

#endif
