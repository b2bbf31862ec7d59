#include "executor/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/mount_tree.h"

enum { NAME_SIZE = 64 };

static int write_map(pid_t pid, const char *file, unsigned inside, unsigned outside)
{
	char path[NAME_SIZE], line[NAME_SIZE];

	if (snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file) < 0 ||
	    snprintf(line, sizeof line, "%u %u 1\n", inside, outside) < 0)
		return -EINVAL;
	return io_set(path, line);
}

/* A user namespace in which the owner of a directory is the container's user: what an id-mapped
 * mount is described by. */
static int open_user_namespace(const struct stat *owner, uid_t uid, gid_t gid)
{
	char path[NAME_SIZE];
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	int fd = -1;
	int rc;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	rc = write_map(pid, "uid_map", owner->st_uid, uid);
	if (rc == 0)
		rc = write_map(pid, "gid_map", owner->st_gid, gid);
	if (rc == 0 && snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid) > 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		rc = fd < 0 ? -errno : 0;
	}
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return rc < 0 ? rc : fd;
}

int idmap_mount(const char *dir, const char *target, const struct stat *owner, uid_t uid, gid_t gid)
{
	AUTO_FD int userns = open_user_namespace(owner, uid, gid);
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)userns };
	AUTO_FD int fd = -1;

	if (userns < 0)
		return userns;
	fd = mount_tree_copy(AT_FDCWD, dir, AT_SYMLINK_NOFOLLOW, &attr);
	if (fd < 0)
		return fd;
	if (mkdir(target, 0755) != 0)
		return -errno;
	return mount_tree_put(fd, AT_FDCWD, target);
}
