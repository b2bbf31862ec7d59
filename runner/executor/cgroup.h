/*
 * The cgroup of one attempt: make, measure, remove.  Works on cgroup v2 and on v1, where the same
 * path exists in each hierarchy; shim and runner use it, and it needs libc alone.  An OCI runtime
 * makes the cgroup by itself.
 */
#ifndef EXECUTOR_CGROUP_H
#define EXECUTOR_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

enum { CGROUP_PERIOD_US = 100 * 1000 };

/* This machine has version 2, and that alone. */
bool cgroup_is_v2(void);

struct cgroup_limits {
	uint64_t cpu_quota_us; /* of each CGROUP_PERIOD_US; 0: none */
	uint64_t memory_bytes; /* swap adds nothing to it; 0: none */
};

/* PATH is "/sluice/ID" here and below.  -errno: the machine lacks what a limit needs; where nothing
 * is limited a job can do without a cgroup. */
int cgroup_make(const char *path, const struct cgroup_limits *limits);

/* The process (0: the calling one), and what it starts, is in it from now on.  The first of several
 * calls takes some milliseconds, in which the kernel waits and computes nothing. */
int cgroup_enter(const char *path, pid_t pid);

/* Directories of CGROUP_ROOT that cgroup_make() uses, ended by NULL; "" alone is version 2. */
const char *const *cgroup_hierarchies(void);

struct cgroup_stats {
	/* 0 where the kernel does not tell */
	uint64_t oom_kills, cpu_ns, peak_bytes;
	uint64_t read_bytes, written_bytes; /* of disks: what a cache answers is not counted */
};

void cgroup_read_stats(const char *path, struct cgroup_stats *ret_stats);

/* Removes it everywhere, once nothing runs in it; -EBUSY after a second. */
int cgroup_remove(const char *path);

#endif
