#include "executor/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define V1_DISKS "blkio.throttle.io_service_bytes"

enum {
	FILE_SIZE = 8 * 1024,
	TRIES = 200, /* of TRY_NS each: a second */
	TRY_NS = 5 * 1000 * 1000,
};

bool cgroup_is_v2(void)
{
	return access(CGROUP_ROOT "/cgroup.controllers", F_OK) == 0;
}

/* Reads FILE of the cgroup; HIERARCHY is the v1 controller, "" for v2. */
static bool read_text(const char *hierarchy, const char *path, const char *file, char *buf)
{
	char name[PATH_MAX];
	AUTO_FD int fd = -1;
	ssize_t n;

	if (snprintf(name, sizeof name, CGROUP_ROOT "/%s%s/%s", hierarchy, path, file) < 0)
		return false;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, FILE_SIZE - 1);
	if (n < 0)
		return false;
	buf[n] = '\0';
	return true;
}

/* The number in a file that holds one, or after KEY in a file of "KEY NUMBER" lines. */
static uint64_t read_number(const char *hierarchy, const char *path, const char *file,
                            const char *key)
{
	char buf[FILE_SIZE];
	char *line = buf;

	if (!read_text(hierarchy, path, file, buf))
		return 0;
	for (; key && line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ' ')
			return strtoull(line + strlen(key), NULL, 10);
	return key ? 0 : strtoull(buf, NULL, 10);
}

/* The sum of what stands after each KEY: files about disks have a line or more for each. */
static uint64_t read_sum(const char *hierarchy, const char *path, const char *file, const char *key)
{
	char buf[FILE_SIZE];
	const char *at = buf;
	uint64_t sum = 0;

	if (!read_text(hierarchy, path, file, buf))
		return 0;
	while ((at = strstr(at, key)) != NULL) {
		at += strlen(key);
		sum += strtoull(at, NULL, 10);
	}
	return sum;
}

void cgroup_read_stats(const char *path, struct cgroup_stats *ret_stats)
{
	if (cgroup_is_v2())
		*ret_stats = (struct cgroup_stats){
			.oom_kills = read_number("", path, "memory.events", "oom_kill"),
			.cpu_ns = read_number("", path, "cpu.stat", "usage_usec") * 1000,
			.peak_bytes = read_number("", path, "memory.peak", NULL),
			.read_bytes = read_sum("", path, "io.stat", " rbytes="),
			.written_bytes = read_sum("", path, "io.stat", " wbytes="),
		};
	else
		*ret_stats = (struct cgroup_stats){
			.oom_kills = read_number("memory", path, "memory.oom_control", "oom_kill"),
			.cpu_ns = read_number("cpuacct", path, "cpuacct.usage", NULL),
			.peak_bytes =
				read_number("memory", path, "memory.max_usage_in_bytes", NULL),
			.read_bytes = read_sum("blkio", path, V1_DISKS, " Read "),
			.written_bytes = read_sum("blkio", path, V1_DISKS, " Write "),
		};
}

/*
 * Removes PATH below one hierarchy, children first: a container may have made some.  A cgroup
 * that has any is EBUSY; what is ENOTEMPTY is an ordinary directory and not ours.
 */
/* NOLINTNEXTLINE(misc-no-recursion): DEPTH bounds it */
static int remove_dir(int above, const char *path, int depth)
{
	AUTO_DIR DIR *dir = NULL;
	const struct dirent *e;

	/* A directory with files in it is no cgroup: nothing of a container is left in it. */
	if (unlinkat(above, path, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTEMPTY)
		return 0;
	if (errno != EBUSY || depth == 0)
		return -errno;
	dir = io_open_dir(above, path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(dir)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			(void)remove_dir(dirfd(dir), e->d_name, depth - 1);
	return unlinkat(above, path, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

/* In every hierarchy of v1; directories beside them do not have the path, and files no child. */
static int remove_everywhere(const char *path)
{
	enum { DEPTH = 16 };
	AUTO_DIR DIR *root = opendir(CGROUP_ROOT);
	const struct dirent *e;
	int rc = 0;

	if (!root)
		return -errno;
	if (cgroup_is_v2())
		return remove_dir(dirfd(root), path + 1, DEPTH);
	while ((e = readdir(root))) {
		char name[PATH_MAX];
		int n;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		n = snprintf(name, sizeof name, "%s%s", e->d_name, path);
		if (n > 0 && (size_t)n < sizeof name && remove_dir(dirfd(root), name, DEPTH) < 0)
			rc = -EBUSY;
	}
	return rc;
}

int cgroup_remove(const char *path)
{
	for (int i = 0; i < TRIES; i++) {
		if (remove_everywhere(path) == 0)
			return 0;
		(void)nanosleep(&(struct timespec){ .tv_nsec = TRY_NS }, NULL);
	}
	return -EBUSY;
}
