/*
 * sluice-init, the first program in a container that bwrap has made: it does what bwrap cannot,
 * waits until the job may run, and becomes the job's command.  Libc alone, and static in every
 * build: nothing of the machine's libraries is in a container.
 */
#ifndef EXECUTOR_SHIM_INIT_H
#define EXECUTOR_SHIM_INIT_H

enum {
	INIT_ORDERS_FD = 3, /* pairs as in shim/ops.h: SHIM_UID, SHIM_CWD, SHIM_ARG, SHIM_ENV */
	INIT_SHIM_FD = 4,   /* a socket: it sends a byte when it is ready, and waits for one */
	INIT_FIRST_FREE_FD = 5,
};

#endif
