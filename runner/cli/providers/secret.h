/* A secret that is typed or piped in, and stands nowhere on the command line. */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include "base/error.h"

/* The first line of standard input; at a terminal it is asked for, and not shown.  The caller wipes
 * and frees it.  SLUICE_INVALID if there is none, SLUICE_CANCELED by Ctrl-C. */
int secret_read(const char *what, char **ret_secret, struct error *err) MUST_USE;

#endif
