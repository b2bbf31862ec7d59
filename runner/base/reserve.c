#include "base/reserve.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define RESERVE_NAME "reserve"

enum {
	FILES = 16,            /* for their inodes */
	FILE_SIZE = 64 * 1024, /* 1 MiB in all */
	PLENTY = 16,           /* times of that which a disk must have free to be asked for it */
};

/* Is there room for so many of it? */
static bool has_room(int dir, uint64_t times)
{
	struct statvfs fs;
	bool root = geteuid() == 0;

	if (fstatvfs(dir, &fs) != 0)
		return false;
	if ((root ? fs.f_bfree : fs.f_bavail) * fs.f_frsize < times * FILES * FILE_SIZE)
		return false;
	/* Some file systems do not count inodes. */
	return fs.f_files == 0 || (root ? fs.f_ffree : fs.f_favail) >= times * (FILES + 1);
}

static int set_aside(int dir)
{
	for (int i = 0; i < FILES; i++) {
		char name[32];
		AUTO_FD int fd = -1;

		(void)snprintf(name, sizeof name, RESERVE_NAME "/%d", i);
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 || posix_fallocate(fd, 0, FILE_SIZE) != 0)
			return -1;
	}
	return 0;
}

void reserve_tend(const char *home, bool may_spend)
{
	AUTO_FD int dir = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return;
	if (faccessat(dir, RESERVE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		if (may_spend && !has_room(dir, 1))
			(void)!io_remove_tree(dir, RESERVE_NAME);
	} else if (has_room(dir, PLENTY) && mkdirat(dir, RESERVE_NAME, 0700) == 0 &&
	           set_aside(dir) < 0) {
		(void)!io_remove_tree(dir, RESERVE_NAME);
	}
}
