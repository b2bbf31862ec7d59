#include "base/mount_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

int mount_tree_copy(int dirfd, const char *path, unsigned flags, const struct mount_attr *attr)
{
	AUTO_FD int fd = (int)syscall(SYS_open_tree, dirfd, path,
	                              OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);

	if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (flags & AT_RECURSIVE),
	                      attr, sizeof *attr) != 0)
		return -errno;
	return take_fd(&fd);
}

int mount_tree_put(int tree, int dirfd, const char *path)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (path[0] ? 0 : MOVE_MOUNT_T_EMPTY_PATH);

	return syscall(SYS_move_mount, tree, "", dirfd, path, flags) == 0 ? 0 : -errno;
}
