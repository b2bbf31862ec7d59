/*
 * HOME/reserve: blocks and inodes that nothing needs.  On a full disk they are given up for a
 * command that looks or frees space, because the catalog takes some even to be read; they are set
 * aside again when there is plenty.
 */
#ifndef BASE_RESERVE_H
#define BASE_RESERVE_H

#include <stdbool.h>

/* Sets it aside, or with `may_spend` and nothing left on the disk gives it up.  What cannot be done
 * is not: then there is none. */
void reserve_tend(const char *home, bool may_spend);

#endif
