/*
 * Copies between a directory of ours and one of the user's, both full of names that neither side
 * may trust.  Every step starts at one of the two descriptors and resolves beneath it without
 * symbolic links; links are copied as links.  What is still to do stands in a list, not on the
 * stack; how deep a tree may be is bounded by the longest path that the kernel takes.
 */
#include "dataset/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"

char *path_clean(const char *path)
{
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && strncmp(path, "..", 2) == 0) {
			strbuf_release(&sb);
			return NULL;
		}
		if (len > 0 && !(len == 1 && path[0] == '.')) {
			if (sb.len > 0)
				strbuf_addch(&sb, '/');
			strbuf_add(&sb, path, len);
		}
		path += len + strspn(path + len, "/");
	}
	return strbuf_detach(&sb);
}

static bool is_here(const char *path)
{
	return path[0] == '\0' || strcmp(path, ".") == 0;
}

char *path_join(const char *a, const char *b)
{
	if (is_here(a))
		return xstrdup(is_here(b) ? "." : b);
	return is_here(b) ? xstrdup(a) : xasprintf("%s/%s", a, b);
}

int copy_each_name(int from, const char *path, copy_name_fn *fn, void *arg)
{
	int fd = io_open_beneath(from, path, O_RDONLY | O_DIRECTORY, 0);
	AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd < 0)
		return fd;
	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	for (;;) {
		const struct dirent *e;
		int rc;

		errno = 0;
		e = readdir(dir);
		if (!e)
			return -errno;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		rc = fn(arg, e->d_name);
		if (rc != 0)
			return rc;
	}
}

static int fail(const struct copy *c, const char *path, int sys, const char *doing,
                struct error *err)
{
	struct strbuf sb = STRBUF_INIT(TEXT_MAX / 2);
	AUTO_FREE char *shown = NULL;

	strbuf_addprintable(&sb, path, NAME_MAX_LEN);
	shown = strbuf_detach(&sb);
	if (sys == -ENAMETOOLONG)
		return error_set(err, SLUICE_LIMIT,
		                 "cannot %s '%s' of '%s': its path is longer than the 4,095 bytes "
		                 "that a version can hold; put what lies there as an archive",
		                 doing, shown, c->what);
	if (sys == -ESTALE)
		return error_set(err, SLUICE_INVALID,
		                 "'%s' of '%s' changed while it was copied; try again when nobody "
		                 "writes to it",
		                 shown, c->what);
	if (sys == -ELOOP || sys == -EXDEV || sys == -ENOTDIR)
		return error_set(err, SLUICE_INVALID,
		                 "cannot %s '%s' of '%s': a file or a symbolic link stands where a "
		                 "directory must be",
		                 doing, shown, c->what);
	return error_sys(err, sys, "cannot %s '%s' of '%s'", doing, shown, c->what);
}

/* --- where a file or link gets its name ------------------------------------------------------ */

enum { TEMP_SIZE = sizeof ".tmp-" + VERSION_ID_LEN };

struct place {
	int dir; /* the directory above */
	int tmp; /* where it is made: borrowed */
	const char *name;
	char temp[TEMP_SIZE];
	struct progress *progress;
};

static void release_place(struct place *p)
{
	cleanup_fd(&p->dir);
}

#define AUTO_PLACE __attribute__((cleanup(release_place)))

static int open_place(const struct copy *c, const char *target, struct place *p)
{
	const char *slash = strrchr(target, '/');
	AUTO_FREE char *above = slash ? xstrndup(target, (size_t)(slash - target)) : xstrdup(".");
	int rc = io_mkdirs_beneath(c->to, above, 0755);

	if (rc < 0)
		return rc;
	p->dir = io_open_beneath(c->to, above, O_PATH | O_DIRECTORY, 0);
	if (p->dir < 0)
		return p->dir;
	p->tmp = c->tmp >= 0 ? c->tmp : p->dir;
	p->progress = c->progress;
	p->name = slash ? slash + 1 : target;
	memcpy(p->temp, ".tmp-", sizeof ".tmp-");
	id_new_version(p->temp + sizeof ".tmp-" - 1);
	return 0;
}

/* Gives the finished temporary file its name, or removes it. */
static int finish(const struct place *p, int rc)
{
	if (rc == 0 && renameat(p->tmp, p->temp, p->dir, p->name) != 0)
		rc = -errno;
	if (rc < 0)
		(void)unlinkat(p->tmp, p->temp, 0);
	return rc;
}

/* Not by its ctime: that of an object changes with each link to it. */
static bool has_changed(int fd, const struct stat *before)
{
	struct stat st;

	return fstat(fd, &st) != 0 || st.st_size != before->st_size ||
	       st.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	       st.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

static mode_t mode_of(const struct stat *st)
{
	return st->st_mode & 0111 ? 0755 : 0644;
}

static int write_to(int in, int out, const struct stat *st, const struct place *p)
{
	int rc = io_copy_watched(in, out, &(struct io_copying){ .progress = p->progress });

	if (rc == 0 && has_changed(in, st))
		rc = -ESTALE;
	return rc == 0 && fchmod(out, mode_of(st)) != 0 ? -errno : rc;
}

static int write_copy(int in, const struct stat *st, const struct place *p)
{
	AUTO_FD int out = openat(p->tmp, p->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int fd;
	int rc;

	if (out < 0)
		return -errno;
	rc = write_to(in, out, st, p);
	fd = take_fd(&out);
	if (close(fd) != 0 && errno != EINTR && rc == 0)
		rc = -errno; /* some file systems say only now that the disk is full */
	return finish(p, rc);
}

/* --- in a directory of the user, where a killed copy must leave nothing --------------------- */

/*
 * A file is whole before it gets any name.  Only where it replaces another it has one for a
 * moment before its own, which follows from its own: what a kill leaves there, the next copy
 * of that file takes away.  Several copies at once may take it from each other; what bears it is
 * whole all the same, so the one that finds it gone tries again.
 */
enum { SPARE_SIZE = sizeof ".sluice-" + DIGEST_HEX_LEN, TRIES = 100, COMPARE_STEP = 128 * 1024 };

static const char *spare_name(const struct place *p, char spare[SPARE_SIZE])
{
	const struct digest digest = digest_of(p->name, strlen(p->name));
	char hex[DIGEST_HEX_LEN + 1];

	(void)snprintf(spare, SPARE_SIZE, ".sluice-%s", digest_hex(&digest, hex));
	return spare;
}

/* Makes `name`, which must not be there, of a file without a name or else of a link's text. */
static int make_name(const struct place *p, const char *name, int fd, const char *text)
{
	char self[sizeof "/proc/self/fd/" + 3 * sizeof fd];

	if (text)
		return symlinkat(text, p->dir, name) != 0 ? -errno : 0;
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, p->dir, name, AT_SYMLINK_FOLLOW) != 0 ? -errno : 0;
}

static int replace_by(const struct place *p, int fd, const char *text)
{
	char spare[SPARE_SIZE];
	int rc = -EAGAIN;

	(void)spare_name(p, spare);
	for (int i = 0; i < TRIES && rc < 0; i++) {
		if (unlinkat(p->dir, spare, 0) != 0 && errno != ENOENT)
			return -errno;
		rc = make_name(p, spare, fd, text);
		if (rc == 0 && renameat(p->dir, spare, p->dir, p->name) != 0)
			rc = -errno;
		if (rc < 0 && rc != -EEXIST && rc != -ENOENT)
			break;
	}
	if (rc < 0)
		(void)unlinkat(p->dir, spare, 0);
	return rc;
}

static int give_name(const struct place *p, int fd, const char *text)
{
	int rc = make_name(p, p->name, fd, text);

	return rc == -EEXIST ? replace_by(p, fd, text) : rc;
}

/* Reads as much as there is at `at`, so that two reads of equal files are equally long. */
static ssize_t read_at(int fd, char *buf, off_t at)
{
	size_t n = 0;

	while (n < COMPARE_STEP) {
		ssize_t got = pread(fd, buf + n, COMPARE_STEP - n, at + (off_t)n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static bool same_bytes(int a, int b)
{
	AUTO_FREE char *buf = xmalloc((size_t)2 * COMPARE_STEP);

	for (off_t at = 0;; at += COMPARE_STEP) {
		ssize_t n = read_at(a, buf, at);

		if (n < 0 || read_at(b, buf + COMPARE_STEP, at) != n ||
		    memcmp(buf, buf + COMPARE_STEP, (size_t)n) != 0)
			return false;
		if (n < COMPARE_STEP)
			return true;
	}
}

/* Whether the name has this file already.  Its bytes say so: versions keep no times, and another
 * file may have the same size.  One with a second name may change by that, and is replaced. */
static bool is_there(const struct place *p, int in, const struct stat *st)
{
	AUTO_FD int fd = openat(p->dir, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat there;

	return fd >= 0 && fstat(fd, &there) == 0 && S_ISREG(there.st_mode) &&
	       there.st_size == st->st_size && (there.st_mode & 07777) == mode_of(st) &&
	       there.st_nlink == 1 && same_bytes(in, fd);
}

static bool link_is_there(const struct place *p, const char *text)
{
	char there[PATH_MAX];
	ssize_t len = readlinkat(p->dir, p->name, there, sizeof there);

	return len >= 0 && (size_t)len == strlen(text) && memcmp(there, text, (size_t)len) == 0;
}

static int get_copy(int in, const struct stat *st, const struct place *p)
{
	AUTO_FD int out = -1;
	int rc;

	if (is_there(p, in, st)) {
		progress_add(p->progress, (uint64_t)st->st_size);
		return 0;
	}
	out = openat(p->dir, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	if (out < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		return write_copy(in, st, p); /* NFS, FAT: a kill may leave a .tmp- there */
	if (out < 0)
		return -errno;
	rc = write_to(in, out, st, p);
	return rc < 0 ? rc : give_name(p, out, NULL);
}

/* --- one file, one link ---------------------------------------------------------------------- */

int copy_file(const struct copy *c, int fd, const char *target, struct error *err)
{
	AUTO_PLACE struct place p = { .dir = -1 };
	struct stat st;
	int rc = fstat(fd, &st) != 0 ? -errno : open_place(c, target, &p);

	if (rc == 0)
		rc = c->tmp < 0 ? get_copy(fd, &st, &p) : write_copy(fd, &st, &p);
	return rc < 0 ? fail(c, target, rc, "write", err) : 0;
}

static int copy_link(const struct copy *c, int fd, const char *target, struct error *err)
{
	AUTO_PLACE struct place p = { .dir = -1 };
	char text[PATH_MAX];
	ssize_t len = readlinkat(fd, "", text, sizeof text - 1);
	int rc;

	if (len < 0)
		return fail(c, target, -errno, "write", err);
	text[len] = '\0';
	rc = open_place(c, target, &p);
	if (rc < 0)
		return fail(c, target, rc, "write", err);
	if (c->tmp < 0)
		rc = link_is_there(&p, text) ? 0 : give_name(&p, -1, text);
	else
		rc = finish(&p, symlinkat(text, p.tmp, p.temp) != 0 ? -errno : 0);
	return rc < 0 ? fail(c, target, rc, "write", err) : 0;
}

int copy_move(const struct copy *c, const char *source, const char *target, struct error *err)
{
	AUTO_PLACE struct place p = { .dir = -1 };
	int rc = open_place(c, target, &p);

	if (rc == 0 && renameat(c->from, source, p.dir, p.name) != 0)
		rc = -errno;
	return rc < 0 ? fail(c, target, rc, "write", err) : 0;
}

/* --- the walk -------------------------------------------------------------------------------- */

struct pair {
	char *from, *to;
};

struct todo {
	struct pair *pair;
	size_t n, cap;
	const struct pair *at; /* the directory that is being read */
};

/* NOLINTNEXTLINE(readability-non-const-parameter): they are freed with the pair */
static void push(struct todo *todo, char *from /* takes */, char *to /* takes */)
{
	todo->pair = xgrow(todo->pair, todo->n, &todo->cap, sizeof *todo->pair);
	todo->pair[todo->n++] = (struct pair){ from, to };
}

static void release_pair(struct pair *pair)
{
	free(pair->from);
	free(pair->to);
}

static void release_todo(struct todo *todo)
{
	for (size_t i = 0; i < todo->n; i++)
		release_pair(&todo->pair[i]);
	free(todo->pair);
}

static int push_child(void *arg, const char *name)
{
	struct todo *todo = arg;

	push(todo, path_join(todo->at->from, name), path_join(todo->at->to, name));
	return 0;
}

static int copy_directory(const struct copy *c, struct todo *todo, const struct pair *at,
                          const struct stat *st, struct error *err)
{
	struct stat into;
	int rc = fstat(c->to, &into) != 0 ? -errno : io_mkdirs_beneath(c->to, at->to, 0755);

	if (rc < 0)
		return fail(c, at->to, rc, "make directory", err);
	if (into.st_dev == st->st_dev && into.st_ino == st->st_ino)
		return error_set(err, SLUICE_INVALID, "cannot copy '%s' into itself", c->what);
	todo->at = at;
	rc = copy_each_name(c->from, at->from, push_child, todo);
	return rc < 0 ? fail(c, at->from, rc, "read", err) : 0;
}

static int copy_regular(const struct copy *c, const struct pair *at, struct error *err)
{
	AUTO_FD int fd = io_open_beneath(c->from, at->from, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);

	return fd < 0 ? fail(c, at->from, fd, "read", err) : copy_file(c, fd, at->to, err);
}

static int copy_one(const struct copy *c, struct todo *todo, const struct pair *at,
                    struct error *err)
{
	AUTO_FD int fd = io_open_beneath(c->from, at->from, O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	if (fd < 0)
		return fail(c, at->from, fd, "read", err);
	if (fstat(fd, &st) != 0)
		return fail(c, at->from, -errno, "read", err);
	if (S_ISDIR(st.st_mode))
		return copy_directory(c, todo, at, &st, err);
	if (c->move)
		return copy_move(c, at->from, at->to, err);
	if (S_ISLNK(st.st_mode))
		return copy_link(c, fd, at->to, err);
	if (S_ISREG(st.st_mode))
		return copy_regular(c, at, err);
	return error_set(err, SLUICE_INVALID,
	                 "cannot copy '%s' of '%s': it is a socket, a pipe or a device; leave it "
	                 "out",
	                 at->from, c->what);
}

/* What cannot be read is told when it is copied. */
static int expect_one(const struct copy *c, struct todo *todo, const struct pair *at,
                      struct error *err)
{
	AUTO_FD int fd = io_open_beneath(c->from, at->from, O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	(void)err;
	if (fd < 0 || fstat(fd, &st) != 0)
		return 0;
	todo->at = at;
	if (S_ISDIR(st.st_mode))
		(void)!copy_each_name(c->from, at->from, push_child, todo);
	if (S_ISREG(st.st_mode))
		progress_expect(c->progress, (uint64_t)st.st_size);
	return 0;
}

typedef int copy_pair_fn(const struct copy *c, struct todo *todo, const struct pair *at,
                         struct error *err);

static int walk(const struct copy *c, const char *source, const char *target, copy_pair_fn *fn,
                struct error *err)
{
	__attribute__((cleanup(release_todo))) struct todo todo = { 0 };
	int rc = 0;

	push(&todo, xstrdup(source), xstrdup(target));
	while (rc == 0 && todo.n > 0) {
		struct pair at = todo.pair[--todo.n];

		rc = fn(c, &todo, &at, err);
		release_pair(&at);
	}
	return rc;
}

int copy_tree(const struct copy *c, const char *source, const char *target, struct error *err)
{
	if (c->progress && !c->move)
		(void)walk(c, source, target, expect_one, err);
	return walk(c, source, target, copy_one, err);
}
