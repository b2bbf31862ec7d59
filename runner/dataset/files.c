/* Files of a version, in and out, by the path rules of Gradient's command line. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error_path.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

/* At a path that the user gave. */
static int fail(struct error *err, int sys, const char *doing, const char *path)
{
	(void)error_sys(err, sys, "cannot %s '%s'", doing, path);
	return error_path(err);
}

static int open_dir(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, errno, "cannot open directory '%s'", path) : fd;
}

static int open_given(const char *path, struct error *err)
{
	int fd = open_dir(path, err);

	return fd < 0 ? error_path(err) : fd;
}

static bool ends_in_slash(const char *path)
{
	size_t len = strlen(path);

	return len > 0 && path[len - 1] == '/';
}

int files_clean(const char *path, char **ret_clean, struct error *err)
{
	*ret_clean = path_clean(path);
	if (*ret_clean)
		return 0;
	return error_set(err, SLUICE_INVALID, "path '%s' may not contain '..'", path);
}

/* --- put -------------------------------------------------------------------------------------- */

char *files_base(const char *source)
{
	AUTO_FREE char *plain = xstrdup(source);
	AUTO_FREE char *real = NULL;
	size_t len = strlen(plain);
	const char *slash;

	while (len > 0 && plain[len - 1] == '/')
		plain[--len] = '\0';
	slash = strrchr(plain, '/');
	if (io_is_component(slash ? slash + 1 : plain))
		return xstrdup(slash ? slash + 1 : plain);
	real = realpath(source, NULL);
	slash = real ? strrchr(real, '/') : NULL;
	return xstrdup(slash ? slash + 1 : "");
}

static int put_file(const struct copy *c, const char *source, const char *target, struct error *err)
{
	AUTO_FREE char *base = files_base(source);
	AUTO_FREE char *to = path_join(target, base);
	AUTO_FD int fd = open(source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return fail(err, errno, "read", source);
	if (fstat(fd, &st) == 0)
		progress_expect(c->progress, (uint64_t)st.st_size);
	return copy_file(c, fd, to, err);
}

int files_directory_target(const char *source, const char *target, char **ret_path,
                           struct error *err)
{
	AUTO_FREE char *base = ends_in_slash(source) ? xstrdup("") : files_base(source);
	AUTO_FREE char *to = NULL;
	AUTO_FREE char *path = NULL;
	int rc = files_clean(target, &to, err);

	if (rc < 0)
		return rc;
	path = path_join(to, base);
	*ret_path = strcmp(path, ".") == 0 ? xstrdup("") : take_ptr(&path);
	return 0;
}

static int put_directory(struct copy *c, const char *source, const char *target, struct error *err)
{
	AUTO_FREE char *base = ends_in_slash(source) ? xstrdup("") : files_base(source);
	AUTO_FREE char *to = path_join(target, base);
	AUTO_FD int from = open_given(source, err);

	if (from < 0)
		return from;
	c->from = from;
	return copy_tree(c, ".", to, err);
}

static int put(struct copy *c, const char *source, const char *target, struct error *err)
{
	struct stat st;

	if (stat(source, &st) != 0)
		return errno == ENOENT ? error_set(err, SLUICE_NOT_FOUND,
		                                   "there is no file or directory '%s'", source)
		                       : fail(err, errno, "read", source);
	if (S_ISDIR(st.st_mode))
		return put_directory(c, source, target, err);
	if (S_ISREG(st.st_mode))
		return put_file(c, source, target, err);
	return error_set(err, SLUICE_INVALID,
	                 "cannot put '%s': it is neither a file nor a directory", source);
}

void filling_end(struct filling *f)
{
	cleanup_fd(&f->tmp);
	cleanup_fd(&f->to);
	cleanup_fd(&f->lock);
	cleanup_fd(&f->shared);
}

int filling_begin(struct datasets *d, const struct dataset_version *v, struct filling *f,
                  struct error *err)
{
	AUTO_FREE char *data = NULL;
	AUTO_FREE char *tmp = xasprintf("%s/tmp", d->home);
	int rc;

	f->shared = store_lock(d->store, LOCK_SHARED, err);
	f->lock = f->shared < 0 ? f->shared : open_lock(d, v, LOCK_SHARED, err);
	rc = f->lock < 0 ? f->lock : datasets_open_path(d, v, &data, err);
	if (rc < 0)
		return rc;
	f->to = open_dir(data, err);
	f->tmp = f->to < 0 ? f->to : open_dir(tmp, err);
	return f->tmp < 0 ? f->tmp : 0;
}

int files_put(struct datasets *d, const struct dataset_version *v, const char *source,
              const struct datasets_put_how *how, struct error *err)
{
	AUTO_FREE char *to = NULL;
	AUTO_FILLING struct filling f = FILLING_INIT;
	struct copy c = { .what = source, .progress = how->progress };
	int rc = filling_begin(d, v, &f, err);

	if (rc == 0)
		rc = files_clean(how->target, &to, err);
	if (rc < 0)
		return rc;
	c.to = f.to;
	c.tmp = f.tmp;
	rc = put(&c, source, to, err);
	return rc < 0 ? error_wrap(err, "cannot put files into '%s:%s'", v->dataset, v->id) : 0;
}

int datasets_put(struct datasets *d, const struct dataset_version *v, const char *source,
                 const char *target, struct error *err)
{
	return files_put(d, v, source, &(struct datasets_put_how){ .target = target }, err);
}

/* --- get -------------------------------------------------------------------------------------- */

static int get_file(struct copy *c, const char *path, const char *target, struct error *err)
{
	const char *slash = strrchr(target, '/');
	const char *name = slash ? slash + 1 : target;
	const char *base = strrchr(path, '/');
	AUTO_FREE char *above = slash == target ? xstrdup("/")
	                        : slash         ? xstrndup(target, (size_t)(slash - target))
	                                        : xstrdup(".");
	AUTO_FD int to = -1;
	struct stat st;
	int rc;

	if (!io_is_component(name))
		return error_set(
			err, SLUICE_INVALID,
			"'%s' is a file and goes to exactly the target path; '%s' names no "
			"file",
			path, target);
	rc = io_mkdirs(above, 0755);
	if (rc < 0)
		return fail(err, rc, "make directory", above);
	to = open_given(above, err);
	if (to < 0)
		return to;
	if (fstatat(to, name, &st, 0) == 0 && S_ISDIR(st.st_mode))
		return error_set(err, SLUICE_INVALID,
		                 "'%s' is a file and goes to exactly the target path, but '%s' is "
		                 "a directory; give '%s/%s'",
		                 path, target, target, base ? base + 1 : path);
	c->to = to;
	return copy_tree(c, path, name, err);
}

static int get_directory(struct copy *c, const char *path, const char *below, const char *target,
                         struct error *err)
{
	int rc = io_mkdirs(target, 0755);
	AUTO_FD int to = -1;

	if (rc < 0)
		return fail(err, rc, "make directory", target);
	to = open_given(target, err);
	if (to < 0)
		return to;
	c->to = to;
	return copy_tree(c, path, below, err);
}

static int get(struct copy *c, const char *source, const char *path, const char *target,
               struct error *err)
{
	AUTO_FD int fd = io_open_beneath(c->from, path, O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return error_set(err, SLUICE_NOT_FOUND, "version '%s' has no file or folder '%s'",
		                 c->what, source);
	if (S_ISDIR(st.st_mode))
		return get_directory(c, path, ends_in_slash(source) ? "." : path, target, err);
	if (ends_in_slash(source))
		return error_set(err, SLUICE_NOT_FOUND, "'%s' in version '%s' is no folder", path,
		                 c->what);
	return get_file(c, path, target, err);
}

int datasets_get(struct datasets *d, const struct dataset_version *v, const char *source,
                 const char *target, struct progress *progress, struct error *err)
{
	AUTO_FREE char *what = xasprintf("%s:%s", v->dataset, v->id);
	AUTO_FREE char *path = NULL;
	struct copy c = { .tmp = -1, .what = what, .progress = progress };
	AUTO_FD int shared = -1;
	AUTO_FD int from = -1;
	int rc = files_clean(source, &path, err);

	if (rc < 0)
		return rc;
	if (!target[0])
		return error_set(err, SLUICE_INVALID, "the target path is empty");
	shared = store_lock(d->store, LOCK_SHARED, err);
	rc = shared < 0 ? shared : datasets_fetch(d, v, DATASET_FILES, progress, err);
	from = rc < 0 ? rc : list_open(d, v, err);
	if (from < 0)
		return from;
	c.from = from;
	return get(&c, source, path[0] ? path : ".", target, err);
}
