/* Files of a version, in and out, by the path rules of Gradient's command line. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error_path.h"
#include "base/io.h"
#include "base/near.h"
#include "base/xalloc.h"
#include "dataset/internal.h"
#include "dataset/remote.h"

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

/* The name under which a source lands: its own, which "." and ".." hide; "" for "/". */
static char *base_of(const char *source)
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
	AUTO_FREE char *base = base_of(source);
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
	AUTO_FREE char *base = ends_in_slash(source) ? xstrdup("") : base_of(source);
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
	AUTO_FREE char *base = ends_in_slash(source) ? xstrdup("") : base_of(source);
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

void filling_end(const struct filling *f)
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

/* --- where the files of a version lie --------------------------------------------------------- */

/* Committed, or as good as: by its manifest.  Otherwise *ret_open says that it collects files. */
static int state_of(struct datasets *d, const struct dataset_version *v,
                    struct digest *ret_manifest, bool *ret_open, struct error *err)
{
	struct open_record open;
	int rc;

	*ret_open = false;
	*ret_manifest = v->manifest;
	if (v->committed)
		return 0;
	rc = record_get_open(d->store, v, &open, err);
	if (rc < 0)
		return rc;
	*ret_open = !open.taken;
	*ret_manifest = open.v.manifest;
	return 0;
}

/* The directory that shows the files; made if an open version has none yet. */
static int open_files(struct datasets *d, const struct dataset_version *v, struct error *err)
{
	AUTO_FREE char *path = NULL;
	struct digest manifest;
	bool open = false;
	int rc = state_of(d, v, &manifest, &open, err);

	if (rc == 0)
		rc = open ? datasets_open_path(d, v, &path, err)
		          : store_tree(d->store, &manifest, &path, err);
	return rc < 0 ? rc : open_dir(path, err);
}

/* --- list ------------------------------------------------------------------------------------- */

struct listing {
	struct store_entry *entry;
	size_t n, cap;
	char **todo;
	size_t n_todo, cap_todo;
	const char *at;
	size_t children; /* of the directory that is being read */
};

static void release_listing(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free((void *)(uintptr_t)l->entry[i].path);
		free((void *)(uintptr_t)l->entry[i].target);
	}
	for (size_t i = 0; i < l->n_todo; i++)
		free(l->todo[i]);
	free(l->entry);
	free(l->todo);
}

static void list_later(struct listing *l, char *path /* takes */)
{
	l->todo = xgrow(l->todo, l->n_todo, &l->cap_todo, sizeof *l->todo);
	l->todo[l->n_todo++] = path;
}

static int list_child(void *arg, const char *name)
{
	struct listing *l = arg;

	l->children++;
	list_later(l, path_join(l->at, name));
	return 0;
}

static void add_entry(struct listing *l, char kind, uint64_t size, const char *path,
                      const char *target)
{
	l->entry = xgrow(l->entry, l->n, &l->cap, sizeof *l->entry);
	l->entry[l->n++] = (struct store_entry){
		.kind = kind,
		.size = size,
		.path = xstrdup(path),
		.target = target ? xstrdup(target) : NULL,
	};
}

static int list_link(struct listing *l, int fd, const char *path)
{
	char text[PATH_MAX];
	ssize_t len = readlinkat(fd, "", text, sizeof text - 1);

	if (len < 0)
		return -errno;
	text[len] = '\0';
	add_entry(l, 'l', (uint64_t)len, path, text);
	return 0;
}

/* As in a manifest: directories only where they are empty. */
static int list_one(struct listing *l, int root, const char *path)
{
	AUTO_FD int fd = io_open_beneath(root, path, O_PATH | O_NOFOLLOW, 0);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) != 0)
		return fd < 0 ? fd : -errno;
	if (S_ISLNK(st.st_mode))
		return list_link(l, fd, path);
	if (S_ISREG(st.st_mode))
		add_entry(l, st.st_mode & 0111 ? 'x' : 'f', (uint64_t)st.st_size, path, NULL);
	if (!S_ISDIR(st.st_mode))
		return 0;
	l->at = path;
	l->children = 0;
	rc = copy_each_name(root, path, list_child, l);
	if (rc == 0 && l->children == 0 && strcmp(path, ".") != 0)
		add_entry(l, 'd', 0, path, NULL);
	return rc;
}

static int by_path(const void *a, const void *b)
{
	const struct store_entry *x = a;
	const struct store_entry *y = b;

	return strcmp(x->path, y->path);
}

static int each_open_file(int root, const char *prefix, store_entry_fn *fn, void *arg,
                          struct error *err)
{
	__attribute__((cleanup(release_listing))) struct listing l = { 0 };
	int rc = 0;

	list_later(&l, xstrdup(prefix[0] ? prefix : "."));
	while (rc == 0 && l.n_todo > 0) {
		AUTO_FREE char *path = l.todo[--l.n_todo];

		rc = list_one(&l, root, path);
		if (rc == -ENOENT) /* nothing there, as in a manifest; or it went meanwhile */
			rc = 0;
		if (rc < 0)
			return error_sys(err, rc, "cannot read '%s'", path);
	}
	if (l.n > 0)
		qsort(l.entry, l.n, sizeof *l.entry, by_path);
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		rc = fn(arg, &l.entry[i]);
	return rc;
}

int datasets_each_file(struct datasets *d, const struct dataset_version *v, const char *prefix,
                       store_entry_fn *fn, void *arg, struct error *err)
{
	AUTO_FREE char *plain = NULL;
	AUTO_FD int shared = -1;
	AUTO_FD int root = -1;
	struct digest manifest;
	bool open = false;
	int rc = files_clean(prefix, &plain, err);

	if (rc == 0)
		rc = state_of(d, v, &manifest, &open, err);
	if (rc < 0)
		return rc;
	if (!open) {
		rc = datasets_fetch(d, v, DATASET_LIST, NULL, err);
		return rc < 0 ? rc : store_each(d->store, &manifest, plain, fn, arg, err);
	}
	shared = store_lock(d->store, LOCK_SHARED, err);
	root = shared < 0 ? shared : open_files(d, v, err);
	return root < 0 ? root : each_open_file(root, plain, fn, arg, err);
}

/* --- one of them ------------------------------------------------------------------------------ */

struct lookup {
	const char *path;
	struct store_entry entry; /* kind 0: not found; its strings are not kept */
	bool is_directory;
};

static int look_at(void *arg, const struct store_entry *entry)
{
	struct lookup *l = arg;

	l->is_directory = entry->kind == 'd' || strcmp(entry->path, l->path) != 0;
	if (!l->is_directory) {
		l->entry = *entry;
		l->entry.path = l->path;
		l->entry.target = NULL;
	}
	return 1;
}

/* Looks for the nearest name beside a path that is not there. */
struct neighbours {
	const char *wanted; /* its last component */
	size_t skip;        /* so many bytes of a path stand before it */
	size_t best;
	char *name;
};

static int be_nearer(void *arg, const struct store_entry *entry)
{
	struct neighbours *n = arg;
	const char *rest = entry->path + n->skip;
	AUTO_FREE char *name = xstrndup(rest, strcspn(rest, "/"));
	size_t distance = near_distance(n->wanted, name, n->best);

	if (distance > n->best || (n->name && distance == n->best))
		return 0;
	free(n->name);
	n->name = take_ptr(&name);
	n->best = distance;
	return 0;
}

static int no_file(struct datasets *d, const struct dataset_version *v, const char *path,
                   struct error *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *above = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	struct neighbours n = { .wanted = slash ? slash + 1 : path };
	AUTO_FREE char *near = NULL;
	int rc;

	n.skip = (size_t)(n.wanted - path);
	n.best = near_limit(n.wanted);
	rc = datasets_each_file(d, v, above, be_nearer, &n, err);
	near = n.name;
	if (rc < 0)
		return rc;
	if (!near)
		return error_set(err, SLUICE_NOT_FOUND, "version '%s:%s' has no file '%s'",
		                 v->dataset_name, v->id, path);
	return error_set(err, SLUICE_NOT_FOUND,
	                 "version '%s:%s' has no file '%s': did you mean '%.*s%s'?",
	                 v->dataset_name, v->id, path, (int)n.skip, path, near);
}

static int open_found(struct datasets *d, const struct dataset_version *v,
                      const struct store_entry *entry, struct error *err)
{
	AUTO_FD int root = -1;
	struct digest manifest;
	bool open = false;
	int fd = state_of(d, v, &manifest, &open, err);

	if (fd < 0)
		return fd;
	if (!open) {
		fd = remote_fetch_file(d, v->dataset, entry, err);
		return fd < 0 ? fd : store_open_file(d->store, entry, err);
	}
	root = open_files(d, v, err);
	if (root < 0)
		return root;
	fd = io_open_beneath(root, entry->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	return fd < 0 ? error_sys(err, fd, "cannot read '%s'", entry->path) : fd;
}

int datasets_open_file(struct datasets *d, const struct dataset_version *v, const char *path,
                       struct error *err)
{
	AUTO_FREE char *plain = NULL;
	AUTO_FD int shared = store_lock(d->store, LOCK_SHARED, err);
	struct lookup l = { 0 };
	int rc = shared < 0 ? shared : files_clean(path, &plain, err);

	if (rc < 0)
		return rc;
	l.path = plain;
	rc = datasets_each_file(d, v, plain, look_at, &l, err);
	if (rc < 0)
		return rc;
	if (l.is_directory || !plain[0])
		return error_set(err, SLUICE_INVALID,
		                 "'%s' in version '%s:%s' is a directory, not a file",
		                 plain[0] ? plain : "/", v->dataset_name, v->id);
	if (!l.entry.kind)
		return no_file(d, v, plain, err);
	if (l.entry.kind == 'l')
		return error_set(err, SLUICE_INVALID,
		                 "'%s' in version '%s:%s' is a symbolic link, not a file", plain,
		                 v->dataset_name, v->id);
	return open_found(d, v, &l.entry, err);
}

/* --- get -------------------------------------------------------------------------------------- */

static int get_file(struct copy *c, const char *path, const char *target, struct error *err)
{
	const char *slash = strrchr(target, '/');
	const char *name = slash ? slash + 1 : target;
	AUTO_FREE char *above = slash == target ? xstrdup("/")
	                        : slash         ? xstrndup(target, (size_t)(slash - target))
	                                        : xstrdup(".");
	AUTO_FD int to = -1;
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
	from = rc < 0 ? rc : open_files(d, v, err);
	if (from < 0)
		return from;
	c.from = from;
	return get(&c, source, path[0] ? path : ".", target, err);
}
