#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"

int lock_take(int dirfd, const char *name, enum lock_how how, bool wait)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	int op = (how == LOCK_SHARED ? LOCK_SH : LOCK_EX) | (wait ? 0 : LOCK_NB);

	if (fd < 0)
		return -errno;
	while (flock(fd, op) != 0)
		if (errno != EINTR)
			return -errno;
	return take_fd(&fd);
}
