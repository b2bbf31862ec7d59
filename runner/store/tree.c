/*
 * Trees: a manifest laid out as a directory of links to its objects, below HOME/store/trees.
 *
 * A tree is trusted for ever once it has its name, so it gets it when it is complete and its
 * objects are durable: because the version was committed, or by the sync that precedes
 * store_take_tree().  That the links precede the name is the work of the file system: directory
 * changes reach the disk in order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parallel.h"
#include "base/xalloc.h"
#include "store/internal.h"

const char *tree_path(const struct digest *manifest, char path[TREE_PATH_SIZE])
{
	char hex[DIGEST_HEX_LEN + 1];

	(void)snprintf(path, TREE_PATH_SIZE, "trees/%s", digest_hex(manifest, hex));
	return path;
}

bool tree_exists(struct store *store, const struct digest *manifest)
{
	char path[TREE_PATH_SIZE];

	return faccessat(store->fd, tree_path(manifest, path), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Out of sight in one step, then away: half a directory must not be taken for a whole one. */
int tree_discard(struct store *store, int dirfd, const char *name)
{
	char trash[DATASET_ID_LEN + 1];

	id_new_dataset(trash);
	if (renameat(dirfd, name, store->tmp, trash) == 0)
		return io_remove_tree(store->tmp, trash);
	if (errno != EXDEV)
		return -errno;
	/* It lies on another mount. */
	AUTO_FREE char *beside = xasprintf("%s.%s", name, trash);
	if (renameat(dirfd, name, dirfd, beside) != 0)
		return -errno;
	return io_remove_tree(dirfd, beside);
}

/* Moves a finished directory to its place among the trees; where it cannot go because the tree is
 * there already, it is removed. */
static int install(struct store *store, int dirfd, const char *name, const struct digest *manifest)
{
	char path[TREE_PATH_SIZE];

	/* Asked before too: a rename would replace an empty tree, in which somebody may be. */
	if (!tree_exists(store, manifest) &&
	    renameat(dirfd, name, store->fd, tree_path(manifest, path)) == 0)
		return 0;
	if (!tree_exists(store, manifest))
		return -errno;
	return tree_discard(store, dirfd, name);
}

int store_take_tree(struct store *store, const char *path, const struct store_tree_info *info,
                    struct error *err)
{
	char quoted[QUOTE_SIZE];
	int rc = info->laid_out ? install(store, AT_FDCWD, path, &info->manifest)
	                        : tree_discard(store, AT_FDCWD, path);

	if (rc < 0)
		return error_sys(err, rc, "cannot take '%s' into '%s'", quote(path, quoted),
		                 store->path);
	return 0;
}

struct layout {
	struct store *store;
	int root;
	const struct manifest_segment *segment;
	char parent[MANIFEST_PATH_MAX + 1]; /* the last directory made, with all above it */
	struct first_error failed;
};

/* Makes a directory and what is missing above it. */
static int make_directory(struct layout *l, char *path)
{
	for (char *slash = strchr(path, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		/* The mode is part of the promise, whatever the umask is. */
		if (mkdirat(l->root, path, 0755) == 0) {
			if (fchmodat(l->root, path, 0755, 0) != 0)
				return -errno;
		} else if (errno != EEXIST) {
			return -errno;
		}
		if (!slash)
			return 0;
		*slash = '/';
	}
}

/* The directory that an entry needs: the one above it, or itself. */
static int make_place(struct layout *l, const struct store_entry *e)
{
	const char *slash = strrchr(e->path, '/');
	size_t len = e->kind == 'd' ? strlen(e->path) : slash ? (size_t)(slash - e->path) : 0;

	if (len == 0 || (strncmp(l->parent, e->path, len) == 0 && l->parent[len] == '\0'))
		return 0;
	memcpy(l->parent, e->path, len);
	l->parent[len] = '\0';
	return make_directory(l, l->parent);
}

static int lay_out_entry(void *arg, void *state, size_t i)
{
	struct layout *l = arg;
	const struct store_entry *e = &l->segment->entry[i];
	struct error err = { 0 };
	char quoted[QUOTE_SIZE];
	int rc = 0;

	(void)state;
	if (e->kind == 'd')
		return 0;
	if (e->kind == 'l')
		rc = symlinkat(e->target, l->root, e->path) == 0 ? 0 : -errno;
	else
		rc = object_link(l->store, e, l->root, e->path);
	if (rc == 0)
		return 0;
	if (rc == -ENOENT)
		(void)error_set(&err, SLUICE_CORRUPT, "the object of file '%s' is missing",
		                quote(e->path, quoted));
	else
		(void)error_sys(&err, rc, "cannot link '%s'", quote(e->path, quoted));
	return first_error_keep(&l->failed, i, &err);
}

static int lay_out_segment(struct layout *l, struct error *err)
{
	static const struct parallel_ops ops = { .item = lay_out_entry };
	char quoted[QUOTE_SIZE];
	int rc;

	for (size_t i = 0; i < l->segment->n; i++) {
		rc = make_place(l, &l->segment->entry[i]);
		if (rc < 0)
			return error_sys(err, rc, "cannot make the directory of '%s'",
			                 quote(l->segment->entry[i].path, quoted));
	}
	rc = parallel_run(l->segment->n, 0, &ops, l);
	if (rc != 0)
		*err = l->failed.err;
	return rc;
}

static int lay_out(struct store *store, int root, const struct digest *manifest, struct error *err)
{
	struct layout l = { .store = store, .root = root, .failed = FIRST_ERROR_INIT };
	AUTO_READER struct reader *reader = NULL;
	int rc = reader_open(store, manifest, &reader, err);

	while (rc == 0) {
		rc = reader_next(reader, &l.segment, err);
		if (rc < 0 || !l.segment)
			break;
		rc = lay_out_segment(&l, err);
	}
	return rc;
}

static int build(struct store *store, const struct digest *manifest, struct error *err)
{
	char name[DATASET_ID_LEN + 1];
	AUTO_FD int root = -1;
	int rc;

	id_new_dataset(name);
	if (mkdirat(store->tmp, name, 0755) != 0)
		return error_sys(err, errno, "cannot make a directory beside '%s'", store->path);
	root = openat(store->tmp, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root < 0 || fchmod(root, 0755) != 0)
		rc = error_sys(err, errno, "cannot open a directory beside '%s'", store->path);
	else
		rc = lay_out(store, root, manifest, err);
	if (rc == 0) {
		rc = install(store, store->tmp, name, manifest);
		if (rc < 0)
			rc = error_sys(err, rc, "cannot move a tree into '%s'", store->path);
	}
	if (rc < 0 && io_remove_tree(store->tmp, name) < 0)
		(void)error_wrap(err, "'%s' is left over in tmp", name);
	return rc;
}

/* When a tree was last asked for decides which goes first when room is wanted. */
static void touch(struct store *store, const struct digest *manifest)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };
	char path[TREE_PATH_SIZE];

	(void)utimensat(store->fd, tree_path(manifest, path), times, AT_SYMLINK_NOFOLLOW);
}

int store_tree(struct store *store, const struct digest *manifest, char **ret_path,
               struct error *err)
{
	char path[TREE_PATH_SIZE];
	AUTO_FD int lock = store_lock(store, LOCK_SHARED, err);
	int rc = lock < 0 ? lock : tree_exists(store, manifest) ? 0 : build(store, manifest, err);

	if (rc < 0)
		return rc;
	touch(store, manifest);
	*ret_path = xasprintf("%s/%s", store->path, tree_path(manifest, path));
	return 0;
}
