/* What files a version has, committed or open, and what is in one of them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/near.h"
#include "base/xalloc.h"
#include "dataset/internal.h"
#include "dataset/remote.h"

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

int list_open(struct datasets *d, const struct dataset_version *v, struct error *err)
{
	AUTO_FREE char *path = NULL;
	struct digest manifest;
	bool is_open = false;
	int rc = state_of(d, v, &manifest, &is_open, err);
	int fd;

	if (rc == 0)
		rc = is_open ? datasets_open_path(d, v, &path, err)
		             : store_tree(d->store, &manifest, &path, err);
	if (rc < 0)
		return rc;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "cannot open directory '%s'", path) : fd;
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
	root = shared < 0 ? shared : list_open(d, v, err);
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
	root = list_open(d, v, err);
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
