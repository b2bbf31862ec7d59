/*
 * The home: the directory that holds datasets, images and runs.  $SLUICE_HOME, else
 * /var/lib/sluice for root, else $XDG_DATA_HOME/sluice, else ~/.local/share/sluice.
 *
 * HOME/format holds one line, "sluice-home 1 root" or "sluice-home 1 rootless".  It is written
 * when the home is made, and a directory that holds other things and no such file is not taken.
 * A home that has had a storage provider has a 2 there: a sluice that knows none would commit to
 * datasets in buckets as if they were its own, where nobody else sees it.
 */
#ifndef BASE_HOME_H
#define BASE_HOME_H

#include "base/error.h"

/* Where the home is or would be, absolute; makes nothing.  The caller frees it. */
int home_path(char **ret_path, struct error *err) MUST_USE;

/*
 * Makes the home on its first use, checks that it is ours (owner and format), and returns its
 * absolute path, free of symbolic links; the caller frees it.  SLUICE_INVALID: it is not ours to
 * use.
 */
int home_open(char **ret_path, struct error *err) MUST_USE;

/* The same for one that only looks: makes nothing.  SLUICE_NOT_FOUND: there is no home yet. */
int home_look(char **ret_path, struct error *err) MUST_USE;

/* Before the first storage provider of the home, as home_open() returned it, is made. */
int home_needs_providers(const char *home, struct error *err) MUST_USE;

#endif
