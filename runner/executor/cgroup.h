/*
 * The cgroup of one attempt: measure, remove.  Works on cgroup v2 and on v1, where the same
 * path exists in each hierarchy; shim and runner use it, and it needs libc alone.  The runtime
 * makes the cgroup.
 */
#ifndef EXECUTOR_CGROUP_H
#define EXECUTOR_CGROUP_H

#include <stdint.h>

struct cgroup_stats {
	/* 0 where the kernel does not tell */
	uint64_t oom_kills, cpu_ns, peak_bytes;
	uint64_t read_bytes, written_bytes; /* of disks: what a cache answers is not counted */
};

/* PATH is "/sluice/ID". */
void cgroup_read_stats(const char *path, struct cgroup_stats *ret_stats);

/* Removes it everywhere, once nothing runs in it; -EBUSY after a second. */
int cgroup_remove(const char *path);

#endif
