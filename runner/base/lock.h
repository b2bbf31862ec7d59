/*
 * Locks between processes: one file, one flock, held by a descriptor that we keep.  The kernel
 * lets go of it when the holder dies, so a killed holder blocks nobody.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdbool.h>

#include "base/error.h"

enum lock_how { LOCK_SHARED, LOCK_EXCLUSIVE };

/*
 * Opens (creating it, mode 0644) NAME below DIRFD and locks it; returns the descriptor, whose
 * close lets go, or -errno.  Without `wait`, -EWOULDBLOCK says that another holds it.
 */
int lock_take(int dirfd, const char *name, enum lock_how how, bool wait) MUST_USE;

#endif
