/* What an attempt has used. */
#ifndef EXECUTOR_SHIM_MEASURE_H
#define EXECUTOR_SHIM_MEASURE_H

#include <sys/resource.h>

#include "executor/cgroup.h"
#include "executor/orders.h"

/* By its cgroup; what that does not tell by what the kernel says of the container's first process
 * and those that it waited for. */
void shim_measure(const struct orders *o, const struct rusage *used,
                  struct cgroup_stats *ret_stats);

#endif
