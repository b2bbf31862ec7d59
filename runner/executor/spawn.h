/* Starts a shim: see shim_ops.h for what it is given. */
#ifndef EXECUTOR_SPAWN_H
#define EXECUTOR_SPAWN_H

#include <sys/types.h>

#include "executor/network.h"

struct spawn {
	const char *program,
		*name;        /* its argv: the program's path and one word for who reads `ps` */
	const char *dir;      /* where it starts */
	int told, orders, go; /* descriptors; told -1: nobody is told */
	const struct network *network; /* that it is to go into, or NULL */
};

/*
 * The shim is the first process of a pid namespace of its own: whatever ends it, the kernel ends
 * all that it has started, and it is gone only when they are.  SIGTERM and SIGINT are blocked from
 * the start, and wait until it reads them.  Returns its pid or -errno.
 */
pid_t spawn_shim(const struct spawn *spawn);

#endif
