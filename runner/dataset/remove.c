/*
 * Taking files out of an open version.  Each path goes in one step, by a rename into HOME/tmp, and
 * nobody puts files meanwhile: a folder that gets empty can be removed safely.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/usage.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

struct removal {
	const struct dataset_version *v;
	int data, tmp;
	struct progress *progress; /* or NULL */
	struct error *err;
};

/* Opens the directory above; *ret_name is the last component, borrowed. */
static int open_above(int root, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");

	*ret_name = slash ? slash + 1 : path;
	return io_open_beneath(root, above, O_PATH | O_DIRECTORY, 0);
}

static int check_path(const struct removal *r, const char *path)
{
	size_t len = strlen(path);
	bool folder = len > 0 && path[len - 1] == '/';
	AUTO_FREE char *plain = path_clean(path);
	AUTO_FD int fd = -1;
	struct stat st;

	if (!plain)
		return error_set(r->err, SLUICE_INVALID, "path '%s' may not contain '..'", path);
	fd = io_open_beneath(r->data, plain[0] ? plain : ".", O_PATH | O_NOFOLLOW, 0);
	if (fd < 0 || fstat(fd, &st) != 0)
		return error_set(r->err, SLUICE_NOT_FOUND,
		                 "version '%s:%s' has no file or folder '%s'", r->v->dataset,
		                 r->v->id, path);
	if (folder && !S_ISDIR(st.st_mode))
		return error_set(r->err, SLUICE_NOT_FOUND, "'%s' in version '%s:%s' is no folder",
		                 plain, r->v->dataset, r->v->id);
	return 0;
}

static void expect(const struct removal *r, const char *path)
{
	AUTO_FREE char *plain = path_clean(path);
	AUTO_FD int fd = io_open_beneath(r->data, plain[0] ? plain : ".", O_PATH | O_NOFOLLOW, 0);
	AUTO_FREE char *proc = xasprintf("/proc/self/fd/%d/.", fd);

	usage_expect(proc, r->progress); /* a file is no directory */
}

/* -ENOENT: it went with another one.  What cannot be removed in tmp is collected as garbage. */
static int take_out(const struct removal *r, const char *plain)
{
	const char *name;
	char temp[sizeof ".tmp-" + VERSION_ID_LEN] = ".tmp-";
	AUTO_FD int above = open_above(r->data, plain, &name);

	if (above < 0)
		return above;
	id_new_version(temp + strlen(temp));
	if (renameat(above, name, r->tmp, temp) != 0)
		return -errno;
	(void)!io_remove_tree_watched(r->tmp, temp, r->progress);
	return 0;
}

static void remove_empty_above(const struct removal *r, char *path)
{
	for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
		const char *name;
		AUTO_FD int above = -1;

		*slash = '\0';
		above = open_above(r->data, path, &name);
		if (above < 0 || unlinkat(above, name, AT_REMOVEDIR) != 0)
			return;
	}
}

static int push_name(void *arg, const char *name)
{
	struct strbuf *names = arg;

	strbuf_add(names, name, strlen(name) + 1);
	return 0;
}

static int take_out_all(const struct removal *r)
{
	AUTO_STRBUF struct strbuf names = STRBUF_INIT(STRBUF_BIG);
	int rc = copy_each_name(r->data, ".", push_name, &names);
	size_t at = 0;

	while (rc == 0 && at < names.len) {
		rc = take_out(r, names.buf + at);
		at += strlen(names.buf + at) + 1;
	}
	return rc;
}

static int remove_path(const struct removal *r, const char *path)
{
	AUTO_FREE char *plain = path_clean(path);
	int rc = plain[0] ? take_out(r, plain) : take_out_all(r);

	if (rc == 0)
		remove_empty_above(r, plain);
	if (rc < 0 && rc != -ENOENT)
		return error_sys(r->err, rc, "cannot take '%s' out of version '%s:%s'", path,
		                 r->v->dataset, r->v->id);
	return 0;
}

static int open_both(struct datasets *d, struct removal *r)
{
	AUTO_FREE char *tmp = xasprintf("%s/tmp", d->home);
	AUTO_FREE char *data = NULL;
	int rc = datasets_open_path(d, r->v, &data, r->err);

	if (rc < 0)
		return rc;
	r->data = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->data < 0)
		return error_sys(r->err, errno, "cannot open directory '%s'", data);
	r->tmp = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r->tmp < 0 ? error_sys(r->err, errno, "cannot open directory '%s'", tmp) : 0;
}

int datasets_remove(struct datasets *d, const struct dataset_version *v, const char *const *paths,
                    size_t n, struct progress *progress, struct error *err)
{
	struct removal r = { .v = v, .data = -1, .tmp = -1, .progress = progress, .err = err };
	AUTO_FD int shared = store_lock(d->store, LOCK_SHARED, err);
	AUTO_FD int lock = shared < 0 ? shared : open_lock(d, v, LOCK_EXCLUSIVE, err);
	int rc = lock < 0 ? lock : open_both(d, &r);

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = check_path(&r, paths[i]);
	for (size_t i = 0; rc == 0 && progress && i < n; i++)
		expect(&r, paths[i]);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = remove_path(&r, paths[i]);
	cleanup_fd(&r.data);
	cleanup_fd(&r.tmp);
	return rc;
}
