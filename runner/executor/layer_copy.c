#include "executor/layer_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"

enum { DEPTH_MAX = 256, VALUE_MAX = 64 * 1024, NAMES_MAX = 64 * 1024 };

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct entry {
	int from, into; /* directories */
	const char *name;
	const struct stat *is;
};

struct copying {
	const struct layer_owner *owner;
	unsigned depth;
};

static bool is_opaque(int dir)
{
	static const char *const names[] = { "trusted.overlay.opaque", "user.overlay.opaque" };
	char value = 0;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (fgetxattr(dir, names[i], &value, 1) == 1 && value == 'y')
			return true;
	return false;
}

/* What an overlay keeps for itself is none of its files'. */
static bool is_kept(const char *name)
{
	static const char *const own[] = { "trusted.overlay.", "user.overlay." };

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (strncmp(name, own[i], strlen(own[i])) == 0)
			return false;
	return true;
}

/* What may not be set here is left out, as when a layer is unpacked. */
static void copy_xattrs(int from, int to)
{
	AUTO_FREE char *names = xmalloc(NAMES_MAX);
	AUTO_FREE char *value = NULL;
	ssize_t len = flistxattr(from, names, NAMES_MAX);

	for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
		ssize_t n;

		value = value ? value : xmalloc(VALUE_MAX);
		n = is_kept(name) ? fgetxattr(from, name, value, VALUE_MAX) : -1;
		if (n >= 0)
			(void)fsetxattr(to, name, value, (size_t)n, 0);
	}
}

static int give(const struct copying *c, const struct entry *e)
{
	uid_t uid = c->owner ? c->owner->uid : e->is->st_uid;
	gid_t gid = c->owner ? c->owner->gid : e->is->st_gid;

	return fchownat(e->into, e->name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

static int set_times(const struct entry *e)
{
	const struct timespec times[2] = { e->is->st_atim, e->is->st_mtim };

	return utimensat(e->into, e->name, times, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

/* The order matters: a change of owner drops setuid bits and capabilities. */
static int copy_meta(const struct copying *c, const struct entry *e, int from, int to)
{
	int rc = give(c, e);

	if (rc < 0)
		return rc;
	copy_xattrs(from, to);
	if (fchmod(to, e->is->st_mode & 07777) != 0)
		return -errno;
	return set_times(e);
}

static int copy_file(const struct copying *c, const struct entry *e)
{
	AUTO_FD int from = openat(e->from, e->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD int to = openat(e->into, e->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc = from < 0 || to < 0 ? -errno : io_copy(from, to);

	return rc < 0 ? rc : copy_meta(c, e, from, to);
}

static int copy_link(const struct copying *c, const struct entry *e)
{
	char target[PATH_MAX] = "";
	int rc;

	if (readlinkat(e->from, e->name, target, sizeof target - 1) < 0 ||
	    symlinkat(target, e->into, e->name) != 0)
		return -errno;
	rc = give(c, e);
	return rc < 0 ? rc : set_times(e);
}

/* Only root has devices in its layers; sockets are nobody's. */
static int copy_node(const struct copying *c, const struct entry *e)
{
	int rc;

	if (mknodat(e->into, e->name, e->is->st_mode, e->is->st_rdev) != 0)
		return -errno;
	rc = give(c, e);
	if (rc == 0 && fchmodat(e->into, e->name, e->is->st_mode & 07777, 0) != 0)
		rc = -errno;
	return rc < 0 ? rc : set_times(e);
}

static int copy_dir(const struct copying *c, const struct entry *e);

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static int copy_entry(const struct copying *c, const struct entry *e)
{
	mode_t type = e->is->st_mode & S_IFMT;
	int rc;

	if (type == S_IFDIR)
		return copy_dir(c, e);
	rc = io_remove_tree(e->into, e->name);
	if (rc < 0 || type == S_IFSOCK || (type == S_IFCHR && e->is->st_rdev == makedev(0, 0)))
		return rc;
	if (type == S_IFREG)
		return copy_file(c, e);
	return type == S_IFLNK ? copy_link(c, e) : copy_node(c, e);
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static int copy_children(const struct copying *c, int from /* takes */, int into)
{
	AUTO_DIR DIR *dir = fdopendir(from);
	const struct dirent *child;
	int rc = 0;

	if (!dir) {
		(void)close(from);
		return -ENOMEM;
	}
	while (rc == 0 && (child = readdir(dir))) {
		struct stat is;
		const struct entry e = {
			.from = from, .into = into, .name = child->d_name, .is = &is
		};

		if (strcmp(e.name, ".") == 0 || strcmp(e.name, "..") == 0)
			continue;
		rc = fstatat(from, e.name, &is, AT_SYMLINK_NOFOLLOW) == 0 ? copy_entry(c, &e)
		                                                          : -errno;
	}
	return rc;
}

/* A directory where there is one stays, and gains. */
static int make_dir(const struct entry *e, bool anew)
{
	struct stat was;
	int rc = 0;

	if (fstatat(e->into, e->name, &was, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (anew || !S_ISDIR(was.st_mode)))
		rc = io_remove_tree(e->into, e->name);
	if (rc == 0 && mkdirat(e->into, e->name, 0700) != 0 && errno != EEXIST)
		rc = -errno;
	return rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static int copy_dir(const struct copying *c, const struct entry *e)
{
	const struct copying below = { .owner = c->owner, .depth = c->depth + 1 };
	AUTO_FD int from = openat(e->from, e->name, OPEN_DIR);
	AUTO_FD int into = -1;
	int copy;
	int rc = from < 0 ? -errno : 0;

	if (rc == 0 && below.depth > DEPTH_MAX)
		rc = -ELOOP;
	if (rc == 0)
		rc = make_dir(e, is_opaque(from));
	if (rc < 0)
		return rc;
	into = openat(e->into, e->name, OPEN_DIR);
	copy = into < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, 3);
	rc = copy < 0 ? -errno : copy_children(&below, copy, into);
	return rc < 0 ? rc : copy_meta(c, e, from, into);
}

int layer_copy(int layer, int into, const struct layer_owner *owner)
{
	const struct copying c = { .owner = owner };
	AUTO_FD int to = openat(into, ".", OPEN_DIR);
	int from = openat(layer, ".", OPEN_DIR);

	if (from < 0)
		return -errno;
	if (to < 0) {
		(void)close(from);
		return -EBADF;
	}
	return copy_children(&c, from, to);
}
