/* What is mounted in a container's root that bwrap starts in.  Libc alone. */
#ifndef EXECUTOR_SHIM_LAYOUT_H
#define EXECUTOR_SHIM_LAYOUT_H

#include "base/error.h"
#include "executor/orders.h"

/*
 * Mounts all of the orders' SHIM_MOUNT, and makes the targets that are missing.  An image's links
 * are followed inside the root, and lead nowhere out of it: bwrap would follow them as they stand.
 */
int layout_mount(const struct orders *o, struct error *err) MUST_USE;

/* In the container's mount namespace: makes read-only, and hides, what the orders say.  */
int layout_protect(const struct orders *o, struct error *err) MUST_USE;

/* A file of the machine that a container may run, and by no way write to.  A descriptor or -errno.
 */
int layout_open_read_only(const char *path);

#endif
