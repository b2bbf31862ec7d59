/*
 * Where entries may go.  The directory that an entry goes into is opened with RESOLVE_IN_ROOT:
 * the kernel follows links that the layer itself brought as if the layer were the root directory,
 * which is what a container would see, and nothing leads out of it.  The last component is never
 * followed: it is looked at and made relative to the parent's descriptor.  So no name is ever
 * checked as a string and then opened as a path.
 */
#include "image/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

int place_refuse(const char *path, const char *why, struct error *err)
{
	AUTO_STRBUF struct strbuf shown = STRBUF_INIT(4096);

	strbuf_addprintable(&shown, path, 200);
	return error_set(err, SLUICE_INVALID, "entry '%s': %s", strbuf_str(&shown), why);
}

int place_failed(int sys, const char *path, struct error *err)
{
	AUTO_STRBUF struct strbuf shown = STRBUF_INIT(4096);

	strbuf_addprintable(&shown, path, 200);
	return error_sys(err, sys, "cannot unpack '%s'", strbuf_str(&shown));
}

int place_clean(const char *raw, unsigned depth_max, char clean[PATH_MAX], struct error *err)
{
	size_t len = 0;
	unsigned depth = 0;

	for (const char *p = raw; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return place_refuse(raw, "'..' in its path", err);
		if (n > 0 && !(n == 1 && *p == '.')) {
			if (n > NAME_MAX || len + n + 2 > PATH_MAX)
				return place_refuse(raw, "its path is too long", err);
			if (++depth > depth_max)
				return error_set(err, SLUICE_LIMIT,
				                 "a path has more than %u components", depth_max);
			if (len > 0)
				clean[len++] = '/';
			memcpy(clean + len, p, n);
			len += n;
		}
		p += n;
		p += *p == '/';
	}
	clean[len] = '\0';
	return 0;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

int tree_make_opaque(const struct tree *t, int fd)
{
	if (fsetxattr(fd, t->is_users ? "user.overlay.opaque" : "trusted.overlay.opaque", "y", 1,
	              0) != 0)
		return -errno;
	return 0;
}

int tree_make_dir(const struct tree *t, int parent, const char *name, int *ret_fd)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	AUTO_FD int fd = -1;
	struct stat st;
	bool was_whiteout = false;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode)) {
		was_whiteout = is_whiteout(&st);
		if (unlinkat(parent, name, 0) != 0)
			return -errno;
	}
	if (mkdirat(parent, name, 0755) != 0) {
		if (errno != EEXIST)
			return -errno;
		fd = openat(parent, name, flags);
	} else {
		fd = openat(parent, name, flags);
		if (fd >= 0 && fchmod(fd, 0755) != 0)
			return -errno;
	}
	if (fd < 0)
		return -errno;
	if (was_whiteout) {
		int rc = tree_make_opaque(t, fd);

		if (rc < 0)
			return rc;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/* The directory above was opened; NAME below it could not be: is it something to make? */
static int step_into(const struct tree *t, int above, const char *name, int *ret_fd)
{
	struct stat st;

	if (fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? tree_make_dir(t, above, name, ret_fd) : -errno;
	return is_whiteout(&st) ? tree_make_dir(t, above, name, ret_fd) : -ENOTDIR;
}

/* Layers may leave out the directories above an entry. */
static int make_parents(const struct tree *t, const char *path, int *ret_fd)
{
	AUTO_FREE char *prefix = xstrdup(path);
	AUTO_FD int above = io_open_in_root(t->root, ".", O_RDONLY | O_DIRECTORY);
	char *name = prefix;

	while (above >= 0) {
		char *end = name + strcspn(name, "/");
		bool last = *end == '\0';
		int fd;

		*end = '\0';
		fd = io_open_in_root(t->root, prefix, O_RDONLY | O_DIRECTORY);
		if (fd == -ENOENT || fd == -ENOTDIR) {
			int rc = step_into(t, above, name, &fd);

			if (rc < 0)
				return rc;
		}
		(void)close(above);
		above = fd;
		if (last || above < 0)
			break;
		*end = '/';
		name = end + 1;
	}
	if (above < 0)
		return above;
	*ret_fd = take_fd(&above);
	return 0;
}

static int enter_parent(struct tree *t, const char *parent, bool make)
{
	int fd;
	int rc;

	if (t->parent && strcmp(t->parent, parent) == 0)
		return 0;
	fd = io_open_in_root(t->root, *parent ? parent : ".", O_RDONLY | O_DIRECTORY);
	if ((fd == -ENOENT || fd == -ENOTDIR) && make) {
		rc = make_parents(t, parent, &fd);
		if (rc < 0)
			return rc;
	}
	if (fd < 0)
		return fd;
	if (t->parent_fd >= 0)
		(void)close(t->parent_fd);
	free(t->parent);
	t->parent_fd = fd;
	t->parent = xstrdup(parent);
	return 0;
}

int place_enter(struct tree *t, struct place *place, bool make, struct error *err)
{
	char *slash = strrchr(place->path, '/');
	int rc;

	if (slash)
		*slash = '\0';
	rc = enter_parent(t, slash ? place->path : "", make);
	if (slash)
		*slash = '/';
	if (rc == -ENOTDIR)
		return place_refuse(place->path, "something above it is no directory", err);
	if (rc == -ELOOP || rc == -EXDEV)
		return place_refuse(place->path, "a link above it leads nowhere", err);
	if (rc < 0)
		return place_failed(rc, place->path, err);
	place->parent = t->parent_fd;
	place->name = slash ? slash + 1 : place->path;
	return 0;
}

int place_clear(const struct place *place, struct error *err)
{
	int rc = io_remove_tree(place->parent, place->name);

	return rc < 0 ? place_failed(rc, place->path, err) : 0;
}

void tree_release(struct tree *t)
{
	cleanup_fd(&t->parent_fd);
	free(t->parent);
}
