/* Where the values behind `secret:NAME` come from on the command line. */
#ifndef CLI_SECRETS_H
#define CLI_SECRETS_H

#include "base/error.h"
#include "base/map.h"

/* Each puts into `secrets` (name -> char *, owned by the map; secrets_release frees it).  A later
 * one of the same name wins.  No message ever holds a value. */
int secrets_add_pair(struct map *secrets, const char *pair, struct error *err) MUST_USE;
/* "NAME" or "NAME=VARIABLE": from this process's environment. */
int secrets_add_env(struct map *secrets, const char *spec, struct error *err) MUST_USE;
/* A file of NAME=VALUE lines; blank lines and those that begin with '#' are passed over; a value
 * may stand in single or double quotes. */
int secrets_add_file(struct map *secrets, const char *path, struct error *err) MUST_USE;
void secrets_release(struct map *secrets);

#endif
