#include "executor/shim/measure.h"

enum { RUSAGE_BLOCK = 512 }; /* bytes */

/* An ordinary user's containers have no cgroup that would tell, nor have all of bwrap's: then it is
 * the memory of the largest process. */
static void measure(const struct orders *o, const struct rusage *used,
                    struct cgroup_stats *ret_stats)
{
	const struct timeval *user = &used->ru_utime, *system = &used->ru_stime;

	if (!o->is_users)
		cgroup_read_stats(o->cgroup ? o->cgroup : "/", ret_stats);
	if (ret_stats->cpu_ns == 0)
		*ret_stats = (struct cgroup_stats){
			.cpu_ns = (uint64_t)(user->tv_sec + system->tv_sec) * 1000000000 +
			          (uint64_t)(user->tv_usec + system->tv_usec) * 1000,
			.peak_bytes = (uint64_t)used->ru_maxrss * 1024,
		};
}

/* Many kernels count no disks in a cgroup of version 1; then it is what init and those that it
 * waited for have read and written. */
static void measure_disks(const struct rusage *used, struct cgroup_stats *stats)
{
	if (stats->read_bytes > 0 || stats->written_bytes > 0)
		return;
	stats->read_bytes = (uint64_t)used->ru_inblock * RUSAGE_BLOCK;
	stats->written_bytes = (uint64_t)used->ru_oublock * RUSAGE_BLOCK;
}

void shim_measure(const struct orders *o, const struct rusage *used, struct cgroup_stats *ret_stats)
{
	*ret_stats = (struct cgroup_stats){ 0 };
	measure(o, used, ret_stats);
	measure_disks(used, ret_stats);
}
