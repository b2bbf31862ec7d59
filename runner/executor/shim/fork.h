/*
 * The process that waits for attempts, and forks a shim for each: the other end of spawn.h.
 * Libc alone.
 */
#ifndef EXECUTOR_SHIM_FORK_H
#define EXECUTOR_SHIM_FORK_H

/*
 * Returns in each shim, whose parent is the runner: its descriptors are those of shim/ops.h, it
 * leads a session of its own and stands in its attempt's directory.  The process that waits ends
 * in here, when the runner has closed its end.  TITLE, of SHIM_TITLE_MAX bytes, gets the
 * attempt's id.
 */
void shim_fork(char *title);

#endif
