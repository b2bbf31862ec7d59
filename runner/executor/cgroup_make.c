#include "executor/cgroup.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/io.h"
#include "executor/bundle.h"

/* The hierarchies of v1 that limit or measure something of ours; "" is the only one of v2. */
static const char *const v1[] = { "memory", "cpu", "cpuacct", "blkio", NULL };
static const char *const v2[] = { "", NULL };

const char *const *cgroup_hierarchies(void)
{
	return cgroup_is_v2() ? v2 : v1;
}

/* VALUE goes into FILE of the cgroup. */
static int put(const char *hierarchy, const char *path, const char *file, const char *value)
{
	char name[PATH_MAX];

	if (snprintf(name, sizeof name, CGROUP_ROOT "/%s%s/%s", hierarchy, path, file) < 0)
		return -EINVAL;
	return io_set(name, value);
}

static int put_number(const char *hierarchy, const char *path, const char *file, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRIu64, value);
	return put(hierarchy, path, file, text);
}

static int make_dir(const char *hierarchy, const char *path)
{
	char name[PATH_MAX];

	if (snprintf(name, sizeof name, CGROUP_ROOT "/%s%s", hierarchy, path) < 0)
		return -EINVAL;
	return mkdir(name, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

/* What the machine has not, a limit will miss. */
static void pass_on_controllers(const char *path)
{
	static const char *const controllers[] = { "+memory", "+cpu", "+io" };

	for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++)
		(void)put("", path, "cgroup.subtree_control", controllers[i]);
}

static int limit_v1(const char *path, const struct cgroup_limits *l)
{
	int rc = 0;

	if (l->cpu_quota_us > 0) {
		rc = put_number("cpu", path, "cpu.cfs_period_us", CGROUP_PERIOD_US);
		if (rc == 0)
			rc = put_number("cpu", path, "cpu.cfs_quota_us", l->cpu_quota_us);
	}
	if (rc == 0 && l->memory_bytes > 0) {
		rc = put_number("memory", path, "memory.limit_in_bytes", l->memory_bytes);
		/* Where the kernel does not account for swap the file is missing. */
		if (rc == 0)
			(void)put_number("memory", path, "memory.memsw.limit_in_bytes",
			                 l->memory_bytes);
	}
	return rc;
}

static int limit_v2(const char *path, const struct cgroup_limits *l)
{
	char quota[64];
	int rc = 0;

	(void)snprintf(quota, sizeof quota, "%" PRIu64 " %d", l->cpu_quota_us, CGROUP_PERIOD_US);
	if (l->cpu_quota_us > 0)
		rc = put("", path, "cpu.max", quota);
	if (rc == 0 && l->memory_bytes > 0) {
		rc = put_number("", path, "memory.max", l->memory_bytes);
		if (rc == 0)
			(void)put("", path, "memory.swap.max", "0");
	}
	return rc;
}

int cgroup_make(const char *path, const struct cgroup_limits *limits)
{
	const char *const *all = cgroup_hierarchies();
	int made = 0, rc = 0;

	for (const char *const *h = all; *h; h++) {
		int one = make_dir(*h, CGROUP_PARENT);

		if (one == 0 && all == v2) {
			pass_on_controllers("");
			pass_on_controllers(CGROUP_PARENT);
		}
		one = one == 0 ? make_dir(*h, path) : one;
		made += one == 0;
		rc = one < 0 ? one : rc;
	}
	if (made == 0 && limits->cpu_quota_us == 0 && limits->memory_bytes == 0)
		return 0; /* then there is none, see cgroup_enter() */
	if (made == 0)
		return rc;
	return all == v2 ? limit_v2(path, limits) : limit_v1(path, limits);
}

int cgroup_enter(const char *path, pid_t pid)
{
	for (const char *const *h = cgroup_hierarchies(); *h; h++) {
		int rc = put_number(*h, path, "cgroup.procs", (uint64_t)pid);

		if (rc < 0 && rc != -ENOENT)
			return rc;
	}
	return 0;
}
