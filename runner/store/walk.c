#include "store/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "store/internal.h"

/* `take` as in struct walk_how: what is ours has no mounts. */
static int open_inside(int dirfd, const char *path, int flags, bool take)
{
	const struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | (take ? RESOLVE_NO_XDEV : 0),
	};
	long fd;

	do
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? -errno : (int)fd;
}

/* Gives the owner, who is us, the right to read, whatever the mode was. */
static int make_readable(int dirfd, const char *path, mode_t mode)
{
	AUTO_FD int fd = open_inside(dirfd, path, O_PATH, true);
	char proc[32];

	if (fd < 0)
		return fd;
	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	return chmod(proc, mode) == 0 ? 0 : -errno;
}

static int open_readable(int dirfd, const char *path, int flags, bool take)
{
	bool dir = flags & O_DIRECTORY;
	int fd = open_inside(dirfd, path, flags, take);

	if (fd != -EACCES || !take || make_readable(dirfd, path, dir ? 0700 : 0600) < 0)
		return fd;
	return open_inside(dirfd, path, flags, take);
}

int walk_open(int root, const char *path, bool take)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
	/* To note that we read it would cost a write each; only an owner may leave it out. */
	int fd = open_inside(root, path, flags | O_NOATIME, take);

	return fd == -EPERM || fd == -EACCES ? open_readable(root, path, flags, take) : fd;
}

int walk_open_parent(int root, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");

	*ret_name = slash ? slash + 1 : path;
	return open_inside(root, dir, O_PATH | O_DIRECTORY, true);
}

void walk_release(struct walk *walk)
{
	for (size_t i = 0; i < walk->n; i++) {
		free(walk->entry[i].path);
		free(walk->entry[i].target);
	}
	free(walk->entry);
	*walk = (struct walk){ 0 };
}

/* --- the walk ------------------------------------------------------------------------------ */

struct walker {
	const struct walk_how *how;
	struct walk *walk;
	struct strbuf path; /* of where we are */
	unsigned depth;
	struct error *err;
};

static int fail(struct walker *w, int rc, const char *what)
{
	char quoted[QUOTE_SIZE];

	if (rc == ENAMETOOLONG || rc == -ENAMETOOLONG)
		return error_set(
			w->err, SLUICE_LIMIT,
			"what lies below '%s' has a path or a target that is longer than the "
			"4,095 bytes that a version can hold; put it as an archive",
			quote(strbuf_str(&w->path), quoted));
	return error_sys(w->err, rc, "cannot %s '%s'", what, quote(strbuf_str(&w->path), quoted));
}

static int add(struct walker *w, char kind, char *target /* takes */)
{
	struct walk *walk = w->walk;
	const char *why = manifest_check_path(strbuf_str(&w->path));
	char quoted[QUOTE_SIZE];

	if (why) {
		free(target);
		return error_set(w->err, SLUICE_LIMIT, "path '%s' %s",
		                 quote(strbuf_str(&w->path), quoted), why);
	}
	walk->entry = xgrow(walk->entry, walk->n, &walk->cap, sizeof *walk->entry);
	walk->entry[walk->n++] = (struct walk_entry){
		.kind = kind,
		.path = xstrdup(strbuf_str(&w->path)),
		.target = target,
	};
	return 0;
}

static int add_link(struct walker *w, int dirfd, const char *name)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(dirfd, name, target, sizeof target);

	if (len < 0)
		return fail(w, errno, "read link");
	if (len == 0 || len > MANIFEST_PATH_MAX)
		return fail(w, ENAMETOOLONG, "keep link");
	return add(w, 'l', xstrndup(target, (size_t)len));
}

static int leave_out(struct walker *w, int dirfd, const char *name, const char *what)
{
	char quoted[QUOTE_SIZE];
	char text[QUOTE_SIZE + 64];

	if (w->how->refuse)
		return error_set(w->err, SLUICE_INVALID,
		                 "'%s' is %s, which a version cannot hold: take it away first",
		                 quote(strbuf_str(&w->path), quoted), what);
	if (w->how->take && unlinkat(dirfd, name, 0) != 0)
		return fail(w, errno, "remove");
	if (w->how->warn) {
		(void)snprintf(text, sizeof text, "'%s' is %s: it is left out",
		               quote(strbuf_str(&w->path), quoted), what);
		w->how->warn(w->how->warn_arg, text);
	}
	return 0;
}

static int add_special(struct walker *w, int dirfd, const char *name, mode_t mode)
{
	if (S_ISFIFO(mode))
		return leave_out(w, dirfd, name, "a FIFO");
	if (S_ISSOCK(mode))
		return leave_out(w, dirfd, name, "a socket");
	return leave_out(w, dirfd, name, "a device");
}

/* A directory that we take becomes part of a tree. */
static int normalise(struct walker *w, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail(w, errno, "look at");
	if ((st.st_uid != geteuid() || st.st_gid != getegid()) &&
	    fchown(fd, geteuid(), getegid()) != 0)
		return fail(w, errno, "take ownership of");
	if ((st.st_mode & 07777) != 0755 && fchmod(fd, 0755) != 0)
		return fail(w, errno, "set the mode of");
	return 0;
}

static int walk_children(struct walker *w, int fd /* takes */);

/* NOLINTNEXTLINE(misc-no-recursion): MANIFEST_DEPTH_MAX bounds it */
static int walk_directory(struct walker *w, int dirfd, const char *name)
{
	size_t before = w->walk->n;
	char quoted[QUOTE_SIZE];
	int fd;
	int rc;

	if (w->how->stop && atomic_load(w->how->stop))
		return error_set(w->err, SLUICE_CANCELED, "it was stopped");
	if (w->depth == MANIFEST_DEPTH_MAX)
		return error_set(w->err, SLUICE_LIMIT, "'%s' lies deeper than 256 directories",
		                 quote(strbuf_str(&w->path), quoted));
	fd = open_readable(dirfd, name, O_RDONLY | O_DIRECTORY, w->how->take);
	if (fd == -EXDEV)
		return error_set(w->err, SLUICE_INVALID, "'%s' is a mount point; unmount it first",
		                 quote(strbuf_str(&w->path), quoted));
	if (fd < 0)
		return fail(w, fd, "open directory");
	w->depth++;
	rc = walk_children(w, fd);
	w->depth--;
	return rc == 0 && w->walk->n == before ? add(w, 'd', NULL) : rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): MANIFEST_DEPTH_MAX bounds it */
static int walk_child(struct walker *w, int dirfd, const struct dirent *e)
{
	mode_t mode = (mode_t)DTTOIF(e->d_type);

	if (e->d_type == DT_UNKNOWN) {
		struct stat st;

		if (fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return fail(w, errno, "look at");
		mode = st.st_mode;
	}
	if (S_ISDIR(mode))
		return walk_directory(w, dirfd, e->d_name);
	if (S_ISLNK(mode))
		return add_link(w, dirfd, e->d_name);
	if (!S_ISREG(mode))
		return add_special(w, dirfd, e->d_name, mode);
	return add(w, 'f', NULL);
}

/* Back to the directory that was left. */
static void truncate_path(struct walker *w, size_t len)
{
	w->path.failed = false;
	w->path.len = len;
	w->path.buf[len] = '\0';
}

/* NULL at the end with errno 0, NULL after a failure with the reason. */
static const struct dirent *next_entry(DIR *dir)
{
	errno = 0;
	return readdir(dir);
}

/* NOLINTNEXTLINE(misc-no-recursion): MANIFEST_DEPTH_MAX bounds it */
static int walk_children(struct walker *w, int fd)
{
	AUTO_DIR DIR *dir = fdopendir(fd);
	size_t len = w->path.len;
	const struct dirent *e;
	int rc = 0;

	if (!dir) {
		(void)close(fd);
		return fail(w, ENOMEM, "open directory");
	}
	if (w->how->take)
		rc = normalise(w, fd);
	while (rc == 0 && (e = next_entry(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (len > 0)
			strbuf_addch(&w->path, '/');
		strbuf_addstr(&w->path, e->d_name);
		rc = w->path.failed ? fail(w, ENAMETOOLONG, "keep what lies below")
		                    : walk_child(w, fd, e);
		truncate_path(w, len);
	}
	if (rc == 0 && errno != 0)
		rc = fail(w, errno, "read directory");
	return rc;
}

static int by_path(const void *a, const void *b)
{
	const struct walk_entry *x = a;
	const struct walk_entry *y = b;

	return strcmp(x->path, y->path); /* as unsigned bytes */
}

int walk_tree(int root, const struct walk_how *how, struct walk *ret_walk, struct error *err)
{
	struct walker w = {
		.how = how,
		.walk = ret_walk,
		.path = STRBUF_INIT(MANIFEST_PATH_MAX),
		.err = err,
	};
	int fd = open_inside(root, ".", O_RDONLY | O_DIRECTORY, how->take);
	int rc;

	strbuf_addstr(&w.path, how->below ? how->below : "");
	rc = fd < 0 ? fail(&w, fd, "open directory") : walk_children(&w, fd);
	if (rc == 0 && ret_walk->n == 0 && w.path.len > 0)
		rc = add(&w, 'd', NULL);
	if (ret_walk->n > 0)
		qsort(ret_walk->entry, ret_walk->n, sizeof *ret_walk->entry, by_path);
	strbuf_release(&w.path);
	return rc;
}
