/*
 * When records or the catalog are damaged: records that cannot be read go aside, datasets that
 * lost theirs get one that is named by the id, and the catalog is made anew.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

struct recovery {
	struct store *store;
	const struct datasets_recover_how *how;
	struct datasets *d; /* once the catalog is there */
	uint64_t *n_datasets;
	const char *ds;
	size_t versions;
	struct error *err;
};

/* `rc` is what reading the record said. */
static int aside_if_damaged(struct recovery *r, const char *path, int rc)
{
	if (rc == 0 || rc == SLUICE_NOT_FOUND)
		return 0;
	if (rc != SLUICE_CORRUPT)
		return rc;
	rc = store_move_record_aside(r->store, path, r->err);
	if (rc == 0)
		r->how->aside(r->how->arg, path);
	return rc;
}

static int see_version(void *arg, const char *name)
{
	struct recovery *r = arg;
	struct dataset_version v;
	char path[RECORD_PATH_SIZE];
	char ver[VERSION_ID_LEN + 1];

	if (!record_is_of_version(name, ver))
		return 0;
	progress_add(r->how->progress, 1);
	return aside_if_damaged(r, record_version_path(r->ds, ver, path),
	                        record_get_version(r->store, r->ds, ver, &v, r->err));
}

static int see_open(void *arg, const char *name)
{
	struct recovery *r = arg;
	struct open_record open;
	char path[RECORD_PATH_SIZE];
	char ver[VERSION_ID_LEN + 1];

	if (!record_is_of_version(name, ver))
		return 0;
	return aside_if_damaged(r, record_open_path(r->ds, ver, path),
	                        record_read_open(r->store, r->ds, ver, &open, r->err));
}

static int see_tag(void *arg, const char *name)
{
	struct recovery *r = arg;
	char path[RECORD_PATH_SIZE];
	char ver[VERSION_ID_LEN + 1];

	if (!id_is_name(name))
		return 0;
	return aside_if_damaged(r, record_tag_path(r->ds, name, path),
	                        record_get_tag(r->store, r->ds, name, ver, r->err));
}

static int each_record(struct recovery *r, const char *folder, store_name_fn *fn)
{
	AUTO_FREE char *path = xasprintf("%s/%s", r->ds, folder);

	return store_list_records(r->store, path, fn, r, r->err);
}

static int see_provider(void *arg, const char *name)
{
	struct recovery *r = arg;
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	char path[RECORD_PATH_SIZE];
	char id[PROVIDER_ID_LEN + 1];

	if (!record_is_of_provider(name, id))
		return 0;
	return aside_if_damaged(r, record_provider_path(id, path),
	                        record_get_provider(r->store, id, &p, r->err));
}

static int see_providers(struct recovery *r)
{
	AUTO_FD int lock = store_lock_names(r->store, r->err);

	return lock < 0 ? lock
	                : store_list_records(r->store, RECORD_PROVIDERS, see_provider, r, r->err);
}

static int see_dataset(void *arg, const char *ds)
{
	static const struct {
		const char *folder;
		store_name_fn *fn;
	} part[] = { { "open", see_open }, { "versions", see_version }, { "tags", see_tag } };
	struct recovery *r = arg;
	struct dataset is;
	char path[RECORD_PATH_SIZE];
	int rc;

	if (!id_is_dataset(ds))
		return 0;
	AUTO_FD int lock = store_lock_dataset(r->store, ds, r->err);
	r->ds = ds;
	rc = lock < 0 ? lock
	              : aside_if_damaged(r, record_dataset_path(ds, path),
	                                 record_get_dataset(r->store, ds, &is, r->err));
	for (size_t i = 0; rc == 0 && i < sizeof part / sizeof part[0]; i++)
		rc = each_record(r, part[i].folder, part[i].fn);
	return rc;
}

/* --- datasets without a record ---------------------------------------------------------------- */

static int count_version(void *arg, const char *name)
{
	struct recovery *r = arg;
	char ver[VERSION_ID_LEN + 1];

	r->versions += record_is_of_version(name, ver);
	return 0;
}

static int name_dataset(void *arg, const char *ds)
{
	struct recovery *r = arg;
	struct dataset is;
	int rc;

	if (!id_is_dataset(ds))
		return 0;
	r->ds = ds;
	r->versions = 0;
	rc = record_get_dataset(r->store, ds, &is, r->err);
	if (rc == SLUICE_NOT_FOUND)
		rc = each_record(r, "versions", count_version);
	else if (rc == 0)
		++*r->n_datasets;
	if (rc < 0 || r->versions == 0)
		return rc;
	rc = datasets_create(r->d, NULL, NULL, ds, &is, r->err);
	if (rc == 0)
		rc = index_dataset_again(r->d, ds, r->err);
	if (rc == 0) {
		++*r->n_datasets;
		r->how->named(r->how->arg, ds);
	}
	return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

int datasets_recover(const char *home, const struct datasets_recover_how *how,
                     struct datasets_recovered *ret_result, struct error *err)
{
	struct datasets_recovered result = { .datasets = 0 };
	struct recovery r = { .how = how, .n_datasets = &result.datasets, .err = err };
	int rc = store_open(home, &r.store, err);

	if (rc == 0 && how->progress)
		rc = record_expect_versions(r.store, 2, how->progress, err);
	if (rc == 0)
		rc = store_list_records(r.store, "", see_dataset, &r, err);
	if (rc == 0)
		rc = see_providers(&r);
	if (rc == 0)
		rc = catalog_recover(home, &result.catalog, err);
	if (rc == 0)
		rc = datasets_open_watched(home, how->progress, &r.d, err);
	if (rc == 0)
		rc = store_list_records(r.store, "", name_dataset, &r, err);
	datasets_close(r.d);
	store_close(r.store);
	*ret_result = result;
	return rc;
}
