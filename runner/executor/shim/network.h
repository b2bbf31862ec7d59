/* The shim's way into the private network of its run: see network.h. */
#ifndef EXECUTOR_SHIM_NETWORK_H
#define EXECUTOR_SHIM_NETWORK_H

#include "base/error.h"

/*
 * Waits until the network is up and goes into its namespace, where all that the shim starts from
 * now on will be.  Keeps SHIM_HELPER_FD open, for itself alone: while there is a shim the helper
 * runs.
 */
int shim_network_join(struct error *err) MUST_USE;

/* Goes into a new network namespace with a loopback alone. */
int shim_network_none(struct error *err) MUST_USE;

#endif
