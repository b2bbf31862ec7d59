/* All that a container needs before its runtime starts. */
#ifndef EXECUTOR_SHIM_PREPARE_H
#define EXECUTOR_SHIM_PREPARE_H

#include "base/error.h"
#include "executor/orders.h"

/* The bundle with its mounts, in a mount namespace of their own, what the container's user owns,
 * and the network; with bwrap also what that finds.  In the attempt's directory. */
int shim_prepare(const struct orders *o, struct error *err) MUST_USE;

#endif
