#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/id.h"

enum { IO_CHUNK = 256 * 1024, COPY_STEP = 64 << 20 };

int io_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int io_read_all(int fd, struct strbuf *sb)
{
	for (;;) {
		size_t room = sb->max - sb->len;
		size_t want = room < IO_CHUNK ? room : IO_CHUNK;
		char beyond = 0; /* a byte here tells "too big" from "just fits" */
		char *to = room == 0 ? &beyond : strbuf_reserve(sb, want);
		ssize_t n;

		if (!to)
			return -EFBIG;
		n = read(fd, to, room == 0 ? 1 : want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (to == &beyond)
			return -EFBIG;
		sb->len += (size_t)n;
		sb->buf[sb->len] = '\0';
	}
}

int io_read_file(int dirfd, const char *path, struct strbuf *sb)
{
	AUTO_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : io_read_all(fd, sb);
}

int io_set(const char *path, const char *text)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : io_write_all(fd, text, strlen(text));
}

static int open_how(int dirfd, const char *path, struct open_how how)
{
	long fd;

	do
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? -errno : (int)fd;
}

int io_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	return open_how(
		dirfd, path,
		(struct open_how){
			.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
			.mode = (flags & O_CREAT) ? mode : 0,
			.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
		});
}

DIR *io_open_dir(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir) {
		(void)close(fd);
		errno = ENOMEM;
	}
	return dir;
}

int io_open_in_root(int dirfd, const char *path, int flags)
{
	return open_how(dirfd, path,
	                (struct open_how){
				.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
			});
}

int io_mkdirs_beneath(int dirfd, const char *path, mode_t mode)
{
	AUTO_FD int at = open_how(dirfd, ".", (struct open_how){ .flags = O_PATH | O_CLOEXEC });

	if (at < 0)
		return at;
	while (*path) {
		size_t len = strcspn(path, "/");
		char name[NAME_MAX + 1];
		int next;

		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, path, len);
		name[len] = '\0';
		path += len + strspn(path + len, "/");
		if (len == 0)
			continue;
		if (mkdirat(at, name, *path ? 0755 : mode) != 0 && errno != EEXIST)
			return -errno;
		next = io_open_beneath(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
		if (next < 0)
			return next;
		(void)close(at);
		at = next;
	}
	return 0;
}

int io_mkdirs(const char *path, mode_t mode)
{
	AUTO_FREE char *copy = NULL;

	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	if (errno != ENOENT)
		return -errno;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) != 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): AUTO_FREE frees it */
	return mkdir(copy, mode) != 0 && errno != EEXIST ? -errno : 0;
}

static int put_file(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
                    bool replace, bool durable)
{
	char random[VERSION_ID_LEN + 1];
	char temp[32];
	AUTO_FD int fd = -1;
	int rc;

	id_new_version(random);
	if (snprintf(temp, sizeof temp, ".tmp-%s", random) < 0)
		return -EINVAL;
	fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	rc = io_write_all(fd, data, len);
	if (rc == 0 && fchmod(fd, mode) != 0)
		rc = -errno;
	if (rc == 0 && durable && fsync(fd) != 0)
		rc = -errno;
	if (rc == 0 && replace && renameat(dirfd, temp, dirfd, name) == 0)
		return durable ? io_fsync_dir(dirfd, ".") : 0;
	if (rc == 0 && replace)
		rc = -errno;
	if (rc == 0 && linkat(dirfd, temp, dirfd, name, 0) != 0)
		rc = -errno;
	(void)unlinkat(dirfd, temp, 0);
	if (rc == 0 && durable)
		rc = io_fsync_dir(dirfd, ".");
	return rc;
}

int io_put_file(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
                bool replace)
{
	return put_file(dirfd, name, data, len, mode, replace, true);
}

int io_put_file_fast(int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
	return put_file(dirfd, name, data, len, mode, true, false);
}

int io_put_new_file_fast(int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
	return put_file(dirfd, name, data, len, mode, false, false);
}

void io_set_apart(const char *dir)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int flags;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0 || (flags & FS_TOPDIR_FL))
		return;
	flags |= FS_TOPDIR_FL;
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

int io_fsync_dir(int dirfd, const char *path)
{
	AUTO_FD int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) != 0 ? -errno : 0;
}

static const struct io_copying unwatched;

static bool is_stopped(const struct io_copying *how)
{
	return how->stop && atomic_load(how->stop);
}

static int copy_by_hand(int in, int out, uint64_t len, const struct io_copying *how)
{
	AUTO_FREE char *buf = malloc(IO_CHUNK);

	if (!buf)
		return -ENOMEM;
	while (len > 0) {
		ssize_t n = read(in, buf, len < IO_CHUNK ? (size_t)len : IO_CHUNK);
		int rc;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		rc = is_stopped(how) ? -ECANCELED : io_write_all(out, buf, (size_t)n);
		if (rc < 0)
			return rc;
		progress_add(how->progress, (uint64_t)n);
		len -= (uint64_t)n;
	}
	return 0;
}

/* So many bytes from where both stand, or up to the end. */
static int copy_bytes(int in, int out, uint64_t len, const struct io_copying *how)
{
	while (len > 0) {
		ssize_t n;

		if (is_stopped(how))
			return -ECANCELED;
		n = copy_file_range(in, NULL, out, NULL, len < COPY_STEP ? (size_t)len : COPY_STEP,
		                    0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			return copy_by_hand(in, out, len, how); /* the end, or a file of /proc */
		if (n < 0)
			return errno == ENOSPC || errno == EIO || errno == EDQUOT
			               ? -errno
			               : copy_by_hand(in, out, len, how);
		progress_add(how->progress, (uint64_t)n);
		len -= (uint64_t)n;
	}
	return 0;
}

/* What is no hole, each to the place where it was. */
static int copy_sparse(int in, int out, off_t size, const struct io_copying *how)
{
	off_t hole = 0;

	for (;;) {
		off_t data = lseek(in, hole, SEEK_DATA);
		int rc;

		if (data < 0 && errno == ENXIO)
			data = size;
		if (data >= 0)
			progress_add(how->progress, (uint64_t)(data - hole));
		if (data == size)
			return ftruncate(out, size) == 0 ? 0 : -errno;
		hole = data < 0 ? -1 : lseek(in, data, SEEK_HOLE);
		if (hole < 0 || lseek(in, data, SEEK_SET) < 0 || lseek(out, data, SEEK_SET) < 0)
			return -errno;
		rc = copy_bytes(in, out, (uint64_t)(hole - data), how);
		if (rc < 0)
			return rc;
	}
}

/* Only a whole file into an empty one: elsewhere a hole would show what was there. */
static bool can_be_sparse(int in, int out, off_t *ret_size)
{
	struct stat from;
	struct stat to;

	if (fstat(in, &from) != 0 || fstat(out, &to) != 0)
		return false;
	*ret_size = from.st_size;
	return S_ISREG(from.st_mode) && S_ISREG(to.st_mode) && to.st_size == 0 &&
	       from.st_blocks < from.st_size / 512 && lseek(out, 0, SEEK_CUR) == 0;
}

bool io_clone(int in, int out)
{
	return ioctl(out, FICLONE, in) == 0;
}

int io_copy_watched(int in, int out, const struct io_copying *how)
{
	bool whole = lseek(in, 0, SEEK_CUR) == 0;
	struct stat to;
	off_t size;

	if (whole && io_clone(in, out)) {
		if (how->progress && fstat(out, &to) == 0)
			progress_add(how->progress, (uint64_t)to.st_size);
		return 0;
	}
	return whole && can_be_sparse(in, out, &size) ? copy_sparse(in, out, size, how)
	                                              : copy_bytes(in, out, UINT64_MAX, how);
}

int io_copy(int in, int out)
{
	return io_copy_watched(in, out, &unwatched);
}

int io_pour(int in, int out)
{
	for (;;) {
		ssize_t n = copy_file_range(in, NULL, out, NULL, COPY_STEP, 0);

		if (n <= 0) /* into a pipe, or the end */
			n = sendfile(out, in, NULL, COPY_STEP);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* into a file that is appended to, or the end; errors come again */
			return copy_by_hand(in, out, UINT64_MAX, &unwatched);
	}
}

/* For removing: what another has removed meanwhile is removed. */
static int unless_gone(void)
{
	return errno == ENOENT ? 0 : -errno;
}

/* Depth is bounded by the descriptors a process may have; deeper trees are -EMFILE. */
/* NOLINTNEXTLINE(misc-no-recursion): a level takes a descriptor */
static int remove_children(int fd, dev_t dev, struct progress *progress)
{
	AUTO_DIR DIR *dir = fdopendir(fd);
	int rc = 0;

	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	while (rc == 0) {
		const struct dirent *e;
		struct stat st = { .st_dev = dev };
		int child;

		errno = 0;
		e = readdir(dir);
		if (!e)
			return unless_gone();
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		progress_add(progress, 1);
		if (e->d_type != DT_DIR && unlinkat(fd, e->d_name, 0) == 0)
			continue;
		if (unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0)
			continue;
		child = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0 || fstat(child, &st) != 0 || st.st_dev != dev) {
			rc = child < 0 || st.st_dev == dev ? unless_gone() : -EXDEV;
			if (child >= 0)
				(void)close(child);
			continue;
		}
		rc = remove_children(child, dev, progress); /* takes child */
		if (rc == 0 && unlinkat(fd, e->d_name, AT_REMOVEDIR) != 0)
			rc = unless_gone();
	}
	return rc;
}

int io_remove_tree(int dirfd, const char *name)
{
	return io_remove_tree_watched(dirfd, name, NULL);
}

int io_remove_tree_watched(int dirfd, const char *name, struct progress *progress)
{
	struct stat st;
	int fd;
	int rc;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return unless_gone();
	if (fstat(fd, &st) != 0) {
		rc = -errno;
		(void)close(fd);
		return rc;
	}
	rc = remove_children(fd, st.st_dev, progress); /* takes fd */
	if (rc == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) != 0)
		rc = unless_gone();
	return rc;
}

bool io_is_component(const char *name)
{
	return name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/');
}

bool io_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}
