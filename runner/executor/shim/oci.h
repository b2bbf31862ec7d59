/* A container by an OCI runtime; see shim/bwrap.h for one without. */
#ifndef EXECUTOR_SHIM_OCI_H
#define EXECUTOR_SHIM_OCI_H

#include <sys/types.h>

#include "executor/orders.h"

/*
 * Starts the runtime's `run --detach` of the bundle, whose status tells whether the container runs.
 * OUT and ERRFD are the container's.  Into PID_FILE goes the id of its first process, into LOG_FILE
 * what the runtime complains of.  -errno.
 */
int oci_start(const struct orders *o, const char *pid_file, const char *log_file, int out,
              int errfd, pid_t *ret_pid);

#endif
