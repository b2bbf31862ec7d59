/*
 * The cgroup of one attempt: measure, kill, remove.  Works on cgroup v2 and on v1, where the same
 * path exists in each hierarchy; shim and runner use it, and it needs libc alone.  The runtime
 * makes the cgroup.
 */
#ifndef EXECUTOR_CGROUP_H
#define EXECUTOR_CGROUP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_stats {
	uint64_t oom_kills, cpu_ns, peak_bytes; /* 0 where the kernel does not tell */
};

/* PATH is "/sluice/ID". */
void cgroup_read_stats(const char *path, struct cgroup_stats *ret_stats);

/* Sends a signal (0: none) to all that is in it but one process; tells to how many.  Looks at no
 * more than the first thousand or so. */
size_t cgroup_signal(const char *path, pid_t but, int sig);

/* Sends SIGKILL to all that is in it, again and again until nothing is; gives up after a second
 * (-EBUSY: something hangs in the kernel). */
int cgroup_kill(const char *path);

/* Kills what is left, then removes it everywhere; -EBUSY as above. */
int cgroup_remove(const char *path);

#endif
