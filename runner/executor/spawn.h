/*
 * Starts shims.  A program's start costs more than all else that a shim does before its container
 * runs (each asks the processor what it is, which is dear on a virtual machine).  So one process of
 * sluice-shim is started and waits, and forks for each attempt: see shim/fork.h for its side.  It
 * ends with the runner; the shims live on.
 */
#ifndef EXECUTOR_SPAWN_H
#define EXECUTOR_SPAWN_H

#include <sys/types.h>

struct spawner {
	const char *program; /* sluice-shim, an absolute path; borrowed */
	const char *runtime; /* that the shims will start; the same */
	int fd;              /* to the process that waits; -1: there is none yet */
	pid_t pid, owner;    /* its own, its parent's */
};

#define SPAWNER_INIT(path, runtime_path)                               \
	{                                                              \
		.program = (path), .runtime = (runtime_path), .fd = -1 \
	}

void spawner_release(struct spawner *s);

struct spawn {
	struct spawner *spawner;
	const char *name;              /* for who reads `ps` */
	const char *dir;               /* where it starts */
	int told, orders, go;          /* descriptors, see shim/ops.h; told -1: nobody is told */
	const struct network *network; /* that it is to go into, or NULL */
};

/*
 * The shim is a child of this process, in a session of its own, and the first process of a pid
 * namespace of its own: whatever ends it, the kernel ends all that it has started, and it is gone
 * only when they are.  SIGTERM and SIGINT are blocked from the start, and wait until it reads them.
 * Returns its pid or -errno.
 */
pid_t spawn_shim(const struct spawn *spawn);

#endif
