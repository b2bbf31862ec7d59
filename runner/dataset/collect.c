/*
 * Garbage collection from the datasets' side: which manifests are needed, and what writers that
 * died left of records.  A version is a root while it has a record, also an open one from when its
 * bytes are in the store for good; and while the index has it, for its record may have been lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "dataset/internal.h"
#include "dataset/mount.h"
#include "store/gc.h"

struct collection {
	struct datasets *d;
	const struct datasets_gc_how *how;
	struct datasets_gc_result *result;
	struct map named; /* DS/VER of committed versions: they never change */
	struct gc *gc;
	const char *ds;
	bool is_cached; /* its bytes are in a bucket */
	struct error *err;
};

/* --- roots ------------------------------------------------------------------------------------ */

/* Whether it need not be named again. */
static int add_root(struct collection *c, const char *ver, const struct digest *manifest)
{
	int rc = c->is_cached ? gc_add_cached_root(c->gc, manifest, c->err)
	                      : gc_add_root(c->gc, manifest, c->err);

	if (rc < 0)
		return error_wrap(c->err, "version '%s:%s'", c->ds, ver);
	return c->is_cached ? rc : true;
}

static int name_committed(void *arg, const char *name)
{
	struct collection *c = arg;
	struct dataset_version v;
	char ver[VERSION_ID_LEN + 1];
	char key[INTENT_SIZE];
	int rc;

	if (!record_is_of_version(name, ver) ||
	    map_find(&c->named, intent_of_version(c->ds, ver, key)))
		return 0;
	rc = record_get_version(c->d->store, c->ds, ver, &v, c->err);
	if (rc == SLUICE_NOT_FOUND) /* deleted since it was listed */
		return 0;
	if (rc == 0)
		rc = add_root(c, ver, &v.manifest);
	if (rc > 0)
		(void)map_set(&c->named, key, c);
	return rc < 0 ? rc : 0;
}

enum { FOUND = 1 };

/* FOUND, or 0 if it is none or has gone since it was listed. */
static int read_open(const struct collection *c, const char *name, struct open_record *open)
{
	char ver[VERSION_ID_LEN + 1];
	int rc = record_is_of_version(name, ver)
	                 ? record_read_open(c->d->store, c->ds, ver, open, c->err)
	                 : SLUICE_NOT_FOUND;

	return rc == SLUICE_NOT_FOUND ? 0 : rc < 0 ? rc : FOUND;
}

static int name_open(void *arg, const char *name)
{
	struct collection *c = arg;
	struct open_record open;
	int rc = read_open(c, name, &open);

	if (rc == FOUND && open.taken)
		rc = add_root(c, open.v.id, &open.v.manifest);
	return rc < 0 ? rc : 0;
}

static bool is_in_bucket(const struct collection *c, const char *ds)
{
	struct dataset is;
	struct error ignored;

	return record_get_dataset(c->d->store, ds, &is, &ignored) == 0 && is.provider[0];
}

/* Also of a directory that lacks its dataset.json: who lost that record wants the rest back. */
static int name_dataset(void *arg, const char *ds)
{
	struct collection *c = arg;
	char path[RECORD_PATH_SIZE];
	int rc;

	if (!id_is_dataset(ds))
		return 0;
	c->ds = ds;
	c->is_cached = false; /* what an open version has is here alone */
	(void)snprintf(path, sizeof path, "%s/open", ds);
	rc = store_list_records(c->d->store, path, name_open, c, c->err);
	c->is_cached = is_in_bucket(c, ds);
	(void)snprintf(path, sizeof path, "%s/versions", ds);
	return rc < 0 ? rc : store_list_records(c->d->store, path, name_committed, c, c->err);
}

static int name_lost(void *arg, const struct catalog_version *row)
{
	struct collection *c = arg;
	struct digest manifest;
	int rc = row->manifest && digest_parse(row->manifest, &manifest) ? 0 : 1;

	c->ds = row->dataset;
	c->is_cached = is_in_bucket(c, row->dataset);
	if (rc == 0)
		rc = add_root(c, row->id, &manifest);
	return rc < 0 ? rc : 0;
}

static void on_waiting(void *arg)
{
	const struct collection *c = arg;

	if (c->how->waiting)
		c->how->waiting(c->how->arg);
}

static int name_roots(void *arg, struct gc *gc, struct error *err)
{
	struct collection *c = arg;
	int rc;

	c->gc = gc;
	c->err = err;
	rc = store_list_records(c->d->store, "", name_dataset, c, err);
	return rc == 0 ? index_each_lost(c->d, name_lost, c, err) : rc;
}

/* --- leftovers -------------------------------------------------------------------------------- */

static int drop_if_dead(void *arg, const char *name)
{
	struct collection *c = arg;
	struct open_record open;
	int rc = read_open(c, name, &open);

	if (rc != FOUND)
		return rc;
	if (!open.v.run[0] || !c->how->is_dead(c->how->arg, open.v.run))
		return 0;
	c->result->open_versions++;
	if (c->how->dry_run)
		return 0;
	rc = datasets_drop_version(c->d, &open.v, c->err);
	return rc == SLUICE_NOT_FOUND || rc == SLUICE_INVALID ? 0 : rc; /* no longer open */
}

static int count_name(void *arg, const char *name)
{
	(void)name;
	++*(size_t *)arg;
	return 0;
}

/* What asking for the lock of a deleted dataset, or a creator that was killed, leaves. */
static int remove_if_empty(struct collection *c, const char *ds)
{
	char path[RECORD_PATH_SIZE];
	char deleted[STORE_DELETED_SIZE];
	struct dataset is;
	size_t versions = 0;
	int rc = record_get_dataset(c->d->store, ds, &is, c->err);

	if (rc != SLUICE_NOT_FOUND)
		return rc;
	(void)snprintf(path, sizeof path, "%s/versions", ds);
	rc = store_list_records(c->d->store, path, count_name, &versions, c->err);
	if (rc < 0 || versions > 0)
		return rc;
	c->result->store.leftovers++;
	if (c->how->dry_run)
		return 0;
	rc = store_delete_dataset(c->d->store, ds, deleted, c->err);
	if (rc == 0)
		store_remove_deleted(c->d->store, deleted, NULL);
	return rc;
}

static int tidy_dataset(void *arg, const char *ds)
{
	struct collection *c = arg;
	char path[RECORD_PATH_SIZE];
	AUTO_FD int names = -1;
	AUTO_FD int lock = -1;
	int rc;

	if (!id_is_dataset(ds))
		return 0;
	c->ds = ds;
	(void)snprintf(path, sizeof path, "%s/open", ds);
	rc = store_list_records(c->d->store, path, drop_if_dead, c, c->err);
	if (rc < 0)
		return rc;
	names = index_lock_names(c->d, c->err);
	lock = names < 0 ? names : index_lock_dataset(c->d, ds, c->err);
	rc = lock < 0 ? lock
	              : store_sweep_dataset(c->d->store, ds, c->how->dry_run,
	                                    &c->result->store.leftovers, c->err);
	if (rc == 0)
		rc = mounts_tidy(c->d, ds, c->how->dry_run, &c->result->store.leftovers, c->err);
	return rc < 0 ? rc : remove_if_empty(c, ds);
}

/* A half record of a provider may hold a secret. */
static int tidy_providers(const struct collection *c)
{
	AUTO_FD int names = index_lock_names(c->d, c->err);

	return names < 0 ? names
	                 : store_sweep_records(c->d->store, RECORD_PROVIDERS, c->how->dry_run,
	                                       &c->result->store.leftovers, c->err);
}

/* --- trees that are too many ------------------------------------------------------------------ */

struct held {
	struct collection *c;
	const struct digest *manifest;
};

static int compare_hold(void *arg, const struct catalog_hold *hold)
{
	const struct held *h = arg;
	struct dataset_version v;
	int rc = record_get_version(h->c->d->store, hold->dataset, hold->version, &v, h->c->err);

	if (rc < 0)
		return rc == SLUICE_NOT_FOUND ? 0 : rc;
	return digest_equal(&v.manifest, h->manifest);
}

static int compare_mounted(void *arg, const struct dataset_mount *m)
{
	const struct held *h = arg;

	return digest_equal(&m->manifest, h->manifest);
}

/* A run names what it reads in the catalog before it asks for the tree. */
static int is_held(void *arg, const struct digest *manifest, struct error *err)
{
	struct held h = { .c = arg, .manifest = manifest };
	int rc = catalog_each_hold(h.c->d->catalog, NULL, NULL, compare_hold, &h, err);

	return rc != 0 ? rc : datasets_each_mount(h.c->d, NULL, NULL, compare_mounted, &h, err);
}

static int trim_trees(struct collection *c)
{
	const struct cache_how how = {
		.limit = *c->how->cache_size,
		.is_held = is_held,
		.waiting = on_waiting,
		.arg = c,
		.dry_run = c->how->dry_run,
	};

	return store_trim_trees(c->d->store, &how, &c->result->cache, c->err);
}

/* --- the whole -------------------------------------------------------------------------------- */

int datasets_gc(struct datasets *d, const struct datasets_gc_how *how,
                struct datasets_gc_result *ret_result, struct error *err)
{
	struct datasets_gc_result result = { 0 };
	struct collection c = { .d = d, .how = how, .result = &result, .err = err };
	const struct gc_how sweep = {
		.roots = name_roots,
		.waiting = on_waiting,
		.arg = &c,
		.dry_run = how->dry_run,
		.progress = how->progress,
	};
	uint64_t leftovers = 0;
	int rc = store_sweep_deleted(d->store, how->dry_run, &leftovers, err);

	if (rc == 0)
		rc = public_tidy(d, how->dry_run, &leftovers, err);
	if (rc == 0)
		rc = store_list_records(d->store, "", tidy_dataset, &c, err);
	if (rc == 0)
		rc = tidy_providers(&c);
	leftovers += result.store.leftovers;
	if (rc == 0)
		rc = store_gc(d->store, &sweep, &result.store, err);
	if (rc == 0 && how->cache_size)
		rc = trim_trees(&c);
	map_release(&c.named, NULL);
	result.store.leftovers += leftovers;
	*ret_result = result;
	return rc;
}
