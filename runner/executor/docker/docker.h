/*
 * The executor that has containers run by Docker, or by Podman's service, through the Engine API:
 * with the images that the daemon has or pulls.
 *
 * A daemon on this machine mounts what the job reads and writes, which takes root; another gets
 * copies of what is read, and what was written is fetched.  The network `private` is the daemon's
 * own bridge.
 */
#ifndef EXECUTOR_DOCKER_H
#define EXECUTOR_DOCKER_H

#include "executor/executors.h"

/* SLUICE_MISSING says what this machine lacks. */
executor_make_fn executor_docker_new;

#endif
