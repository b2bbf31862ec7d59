#include "store/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/usage.h"
#include "base/xalloc.h"
#include "store/internal.h"

enum { WAITING_MS = 1000 };

struct cached {
	struct digest digest;
	struct timespec used;
	uint64_t bytes;
};

struct cache {
	struct store *store;
	const struct cache_how *how;
	struct cached *tree;
	size_t n, cap;
	bool said_waiting;
};

static int by_use(const void *a, const void *b)
{
	const struct timespec *x = &((const struct cached *)a)->used;
	const struct timespec *y = &((const struct cached *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* One that goes while it is looked at is none. */
static int add_tree(struct cache *c, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/trees/%s", c->store->path, name);
	struct cached tree = { .bytes = 0 };
	struct usage usage = { 0 };
	struct stat st;
	int rc;

	if (strlen(name) != DIGEST_HEX_LEN || !digest_parse(name, &tree.digest))
		return 0;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	rc = usage_add(path, &usage);
	if (rc < 0)
		return rc;
	tree.used = st.st_atim;
	tree.bytes = usage.bytes - usage.linked + (uint64_t)st.st_blocks * 512;
	c->tree = xgrow(c->tree, c->n, &c->cap, sizeof *c->tree);
	c->tree[c->n++] = tree;
	return 0;
}

static int list_trees(struct cache *c)
{
	AUTO_DIR DIR *dir = io_open_dir(c->store->fd, "trees");
	const struct dirent *e;
	int rc = 0;

	if (!dir)
		return -errno;
	while (rc == 0 && (e = readdir(dir)))
		rc = add_tree(c, e->d_name);
	if (rc == 0 && c->n > 0)
		qsort(c->tree, c->n, sizeof *c->tree, by_use);
	return rc;
}

static void on_waiting(void *arg)
{
	struct cache *c = arg;

	if (c->how->waiting && !c->said_waiting)
		c->how->waiting(c->how->arg);
	c->said_waiting = true;
}

/* Out of sight under the lock, away without it: others wait for it.  `trash` is "" if nothing is
 * left to remove. */
static int hide_tree(struct cache *c, const struct cached *tree, char trash[DATASET_ID_LEN + 1],
                     struct error *err)
{
	char path[TREE_PATH_SIZE];
	AUTO_FD int lock = store_lock_sweep(c->store, WAITING_MS, on_waiting, c, err);
	int held = lock < 0 ? lock : c->how->is_held(c->how->arg, &tree->digest, err);
	int rc = 0;

	if (held != 0)
		return held;
	id_new_dataset(trash);
	tree_path(&tree->digest, path);
	if (renameat(c->store->fd, path, c->store->tmp, trash) != 0) {
		rc = errno == EXDEV ? tree_discard(c->store, c->store->fd, path) : -errno;
		trash[0] = '\0';
	}
	return rc == 0 || rc == -ENOENT
	               ? 0
	               : error_sys(err, rc, "cannot remove '%s/%s'", c->store->path, path);
}

/* 1: it is held. */
static int evict(struct cache *c, const struct cached *tree, struct error *err)
{
	char trash[DATASET_ID_LEN + 1] = "";
	int rc;

	if (c->how->dry_run)
		return c->how->is_held(c->how->arg, &tree->digest, err);
	rc = hide_tree(c, tree, trash, err);
	if (rc == 0 && trash[0]) {
		rc = io_remove_tree(c->store->tmp, trash);
		if (rc < 0)
			rc = error_sys(err, rc, "cannot remove a tree beside '%s'", c->store->path);
	}
	return rc;
}

static int trim(struct cache *c, struct cache_result *result, struct error *err)
{
	int rc = list_trees(c);

	if (rc < 0)
		return error_sys(err, rc, "cannot look at the trees below '%s'", c->store->path);
	for (size_t i = 0; i < c->n; i++)
		result->left += c->tree[i].bytes;
	for (size_t i = 0; i < c->n && result->left > c->how->limit; i++) {
		rc = evict(c, &c->tree[i], err);
		if (rc < 0)
			return rc;
		if (rc == 1)
			continue;
		result->trees++;
		result->bytes += c->tree[i].bytes;
		result->left -= c->tree[i].bytes;
	}
	return 0;
}

int store_trim_trees(struct store *store, const struct cache_how *how,
                     struct cache_result *ret_result, struct error *err)
{
	struct cache c = { .store = store, .how = how };
	struct cache_result result = { 0 };
	/* A garbage collection would take what is hidden for a dead process's. */
	AUTO_FD int one = lock_take(store->fd, "gc.lock", LOCK_EXCLUSIVE, true);
	int rc;

	if (one < 0)
		return error_sys(err, one, "cannot lock '%s/gc.lock'", store->path);
	rc = trim(&c, &result, err);
	free(c.tree);
	*ret_result = result;
	return rc;
}
