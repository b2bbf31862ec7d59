/*
 * The commit.  A version exists when versions/VER.json does; that file is created without
 * replacing, so of two that commit one version one wins.  Everything it rests on is durable before:
 *
 *	1  objects, manifest                  store_add_tree
 *	2  one sync                           store_sync
 *	3  the digest, in the open record     where the directory is ours to take
 *	4  the directory becomes the tree     store_take_tree
 *	5  all of it in the bucket            where the dataset is on one: see store/bucket.h
 *	6  the record there, the record here  see remote.h and commit_record.c
 *
 * Killed before 3: the files are where they were; what got into the store is garbage until the next
 * try finds it there.  Killed after 3: the digest stands for the files, and the next try goes on
 * from there; that the directory may lie there still, or the tree may not, is harmless, because
 * store_tree makes a tree from its objects.
 *
 * Two that commit one version at once must not take one directory together: the bytes are behind
 * a lock of that version, and the second finds the digest that the first has written.
 */
#include "dataset/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/remote.h"

struct bytes {
	struct datasets *d;
	const struct dataset_version *v;
	const struct commit_source *from;
	const struct store_watch *watch;
	struct open_record open;
};

/* Writes the digest to the open record, unless that was dropped or handed over meanwhile. */
static int note_taken(struct bytes *b, const struct store_tree_info *info, struct error *err)
{
	AUTO_FD int lock = store_lock_dataset(b->d->store, b->v->dataset, err);
	const struct dataset_maker maker = {
		.run = b->open.v.run,
		.job = b->open.v.job,
		.attempt = b->open.v.attempt,
	};
	struct open_record now;
	int rc = lock < 0 ? lock : record_get_open(b->d->store, b->v, &now, err);

	if (rc < 0)
		return rc;
	if (!open_is_made_by(&now, &maker))
		return error_set(err, SLUICE_INVALID,
		                 "version '%s:%s' was given to another attempt", b->v->dataset,
		                 b->v->id);
	now.taken = true;
	now.v.manifest = info->manifest;
	now.v.files = info->files;
	now.v.bytes = info->bytes;
	return record_put_open(b->d->store, &now, true, err);
}

/* Ours to take are what datasets_put collected and what attempts left; all else is somebody's. */
static bool is_ours(const struct datasets *d, const char *path)
{
	AUTO_FREE char *runs = xasprintf("%s/runs/", d->home);
	AUTO_FREE char *real_runs = realpath(runs, NULL);
	AUTO_FREE char *real = realpath(path, NULL);
	size_t len = real_runs ? strlen(real_runs) : 0;

	return real && real_runs && strncmp(real, real_runs, len) == 0 && real[len] == '/';
}

static int add_bytes(struct bytes *b, struct store_tree_info *ret_info, struct error *err)
{
	struct store *store = b->d->store;
	AUTO_FREE char *data = open_data_path(b->d, b->v->dataset, b->v->id);
	const char *path = b->from->path ? b->from->path : data;
	bool ours = !b->from->path || (!b->from->foreign && is_ours(b->d, path));
	const struct store_add_how how = {
		.flags = (ours ? STORE_ADOPT : 0) | (b->from->copied ? STORE_COPY : 0) |
		         (b->from->foreign ? STORE_REFUSE_SPECIAL : 0),
		.below = b->from->below,
		.watch = b->watch,
		.base = b->open.has_base ? &b->open.base : NULL,
	};
	int rc = 0;

	if (b->open.taken)
		return store_tree_stat(store, &b->open.v.manifest, ret_info, err);
	/* If nothing was put into it, this is an empty version. */
	if (!b->from->path)
		rc = io_mkdirs(data, 0755);
	if (rc < 0)
		return error_sys(err, rc, "cannot make directory '%s'", data);
	rc = store_add_tree(store, path, &how, ret_info, err);
	if (rc == 0)
		rc = store_sync(store, err);
	if (rc == 0 && ours)
		rc = note_taken(b, ret_info, err);
	if (rc == 0 && ours)
		rc = store_take_tree(store, path, ret_info, err);
	return rc;
}

static int commit_bytes(struct bytes *b, struct store_tree_info *ret_info, int *ret_lock,
                        struct error *err)
{
	struct datasets *d = b->d;
	const struct dataset_version *v = b->v;
	AUTO_FD int own = -1;
	AUTO_FD int lock = store_lock(d->store, LOCK_SHARED, err);
	int rc = lock < 0 ? lock : record_get_open(d->store, v, &b->open, err);

	if (rc < 0)
		return rc;
	own = open_lock(d, v, LOCK_EXCLUSIVE, err);
	if (own < 0)
		return own;
	/* Once more: whoever had the lock before may have changed it. */
	rc = record_get_open(d->store, v, &b->open, err);
	if (rc == 0)
		rc = add_bytes(b, ret_info, err);
	if (rc == 0)
		rc = remote_send(d, &b->open, &ret_info->manifest, b->watch, err);
	if (rc < 0)
		return rc;
	*ret_lock = take_fd(&lock);
	return 0;
}

int datasets_commit_bytes(struct datasets *d, const struct dataset_version *v, const char *path,
                          const struct store_watch *watch, struct store_tree_info *ret_info,
                          int *ret_lock, struct error *err)
{
	const struct commit_source from = { .path = path };
	struct bytes b = { .d = d, .v = v, .from = &from, .watch = watch };

	return commit_bytes(&b, ret_info, ret_lock, err);
}

int datasets_copy_bytes(struct datasets *d, const struct dataset_version *v, const char *path,
                        const struct store_watch *watch, struct store_tree_info *ret_info,
                        int *ret_lock, struct error *err)
{
	const struct commit_source from = { .path = path, .copied = true };
	struct bytes b = { .d = d, .v = v, .from = &from, .watch = watch };

	return commit_bytes(&b, ret_info, ret_lock, err);
}

bool datasets_is_taken(struct datasets *d, const struct dataset_version *v)
{
	struct open_record open;
	struct error ignored;

	return record_get_open(d->store, v, &open, &ignored) == 0 && open.taken;
}

int commit_source(struct datasets *d, struct dataset_version *v, const struct commit_source *from,
                  const struct store_watch *watch, struct error *err)
{
	struct bytes b = { .d = d, .v = v, .from = from, .watch = watch };
	struct store_tree_info info = { 0 };
	struct open_record open;
	int lock = -1;
	int rc = record_get_open(d->store, v, &open, err);

	/* Before the bytes: a job's files must not go into the store for nothing. */
	if (rc == 0)
		rc = open_check_fence(&open, NULL, err);
	if (rc == 0)
		rc = commit_bytes(&b, &info, &lock, err);
	return rc < 0 ? rc : datasets_commit_record(d, v, NULL, &info, lock, err);
}

int datasets_commit(struct datasets *d, struct dataset_version *v, const char *path,
                    const struct store_watch *watch, struct error *err)
{
	const struct commit_source from = { .path = path };

	return commit_source(d, v, &from, watch, err);
}
