/*
 * A container by bubblewrap, in the place of an OCI runtime.  It is all there before the job may
 * run: its first process, sluice-init, then waits.
 *
 *	bwrap_prepare(orders)          what bwrap finds: mounts, cgroup
 *	bwrap_start(orders, ...)       a process that does as an OCI runtime's `run --detach` does
 *	bwrap_go(socket)               when that has ended well, and the job may run
 *
 * bwrap itself stays to tell a shell's exit status; the process ends it, so that the container's
 * first process becomes the shim's own child, which can tell a signal from a status.
 */
#ifndef EXECUTOR_SHIM_BWRAP_H
#define EXECUTOR_SHIM_BWRAP_H

#include <sys/types.h>

#include "base/error.h"
#include "executor/orders.h"

int bwrap_prepare(const struct orders *o, struct error *err) MUST_USE;

/*
 * OUT and ERRFD are the container's; whatever goes wrong is said there, and the process ends with a
 * status that is not 0.  Else it leaves the id of the container's first process in PID_FILE, as an
 * OCI runtime does.  *ret_socket leads to that.  -errno.
 */
int bwrap_start(const struct orders *o, const char *pid_file, int out, int errfd, pid_t *ret_pid,
                int *ret_socket);

/* Closes the socket. */
void bwrap_go(int socket);

#endif
