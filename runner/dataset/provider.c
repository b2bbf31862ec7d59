#include "dataset/provider.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/home.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

/* --- all there are --------------------------------------------------------------------------- */

struct providers {
	struct provider *p;
	size_t n, cap;
	struct store *store;
	struct error *err;
};

static void release_all(struct providers *all)
{
	for (size_t i = 0; i < all->n; i++)
		provider_release(&all->p[i]);
	free(all->p);
}

#define AUTO_PROVIDERS __attribute__((cleanup(release_all)))

static struct provider *add(struct providers *all)
{
	all->p = xgrow(all->p, all->n, &all->cap, sizeof *all->p);
	all->p[all->n] = PROVIDER_INIT;
	return &all->p[all->n++];
}

static void make_managed(struct provider *ret)
{
	*ret = PROVIDER_INIT;
	text_copy(ret->id, sizeof ret->id, PROVIDER_MANAGED_ID);
	text_copy(ret->name, sizeof ret->name, PROVIDER_MANAGED_NAME);
}

/* One that is deleted while we look is none. */
static int load(void *arg, const char *name)
{
	struct providers *all = arg;
	char id[PROVIDER_ID_LEN + 1];
	struct provider p = PROVIDER_INIT;
	int rc = record_is_of_provider(name, id) ? record_get_provider(all->store, id, &p, all->err)
	                                         : SLUICE_NOT_FOUND;

	if (rc == 0)
		*add(all) = p;
	return rc == SLUICE_NOT_FOUND ? 0 : rc;
}

static int by_name(const void *a, const void *b)
{
	const struct provider *p = a, *q = b;
	int rc = strcmp(p->name, q->name);

	return rc != 0 ? rc : strcmp(p->id, q->id);
}

static int load_all(struct providers *all)
{
	int rc;

	make_managed(add(all));
	rc = store_list_records(all->store, RECORD_PROVIDERS, load, all, all->err);
	qsort(all->p, all->n, sizeof *all->p, by_name);
	return rc;
}

int providers_each(struct store *store, provider_fn *fn, void *arg, struct error *err)
{
	AUTO_PROVIDERS struct providers all = { .store = store, .err = err };
	int rc = load_all(&all);

	for (size_t i = 0; rc == 0 && i < all.n; i++)
		rc = fn(arg, &all.p[i]);
	return rc;
}

/* --- one of them ----------------------------------------------------------------------------- */

static bool is_managed(const char *name_or_id)
{
	return !name_or_id[0] || strcmp(name_or_id, PROVIDER_MANAGED_ID) == 0 ||
	       strcmp(name_or_id, PROVIDER_MANAGED_NAME) == 0;
}

static int no_provider(const char *name, const struct strbuf *known, struct error *err)
{
	AUTO_STRBUF struct strbuf shown = STRBUF_INIT(TEXT_MAX);

	strbuf_addprintable(&shown, name, NAME_MAX_LEN);
	return error_set(
		err, SLUICE_NOT_FOUND,
		"no storage provider '%s': there is %.512s; 'sluice storageProviders create "
		"s3' adds a bucket",
		strbuf_str(&shown), strbuf_str(known));
}

static int find_by_name(struct store *store, const char *name, struct provider *ret_provider,
                        struct error *err)
{
	AUTO_PROVIDERS struct providers all = { .store = store, .err = err };
	AUTO_STRBUF struct strbuf known = STRBUF_INIT(STRBUF_BIG);
	AUTO_STRBUF struct strbuf ids = STRBUF_INIT(STRBUF_BIG);
	struct provider *found = NULL;
	size_t n = 0;
	int rc = load_all(&all);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < all.n; i++) {
		strbuf_addf(&known, "%s'%s' (%s)", i > 0 ? ", " : "", all.p[i].name, all.p[i].id);
		if (strcmp(all.p[i].name, name) != 0)
			continue;
		strbuf_addf(&ids, "%s%s", n++ > 0 ? ", " : "", all.p[i].id);
		found = &all.p[i];
	}
	if (!found)
		return no_provider(name, &known, err);
	if (n > 1)
		return error_set(
			err, SLUICE_INVALID,
			"%zu storage providers are named '%s': %.512s; say which by its id", n,
			name, strbuf_str(&ids));
	*ret_provider = *found;
	*found = PROVIDER_INIT;
	return 0;
}

int providers_find(struct store *store, const char *name_or_id, struct provider *ret_provider,
                   struct error *err)
{
	int rc;

	if (is_managed(name_or_id)) {
		make_managed(ret_provider);
		return 0;
	}
	if (!id_is_provider(name_or_id))
		return find_by_name(store, name_or_id, ret_provider, err);
	rc = record_get_provider(store, name_or_id, ret_provider, err);
	/* Also for the words of it: no name looks like an id. */
	return rc == SLUICE_NOT_FOUND ? find_by_name(store, name_or_id, ret_provider, err) : rc;
}

int provider_check_there(struct datasets *d, const char *id, struct error *err)
{
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;

	return providers_find(d->store, id, &p, err);
}

/* --- changes --------------------------------------------------------------------------------- */

/* The lock of names is held. */
static int check_free(struct datasets *d, const struct provider *wanted, struct error *err)
{
	AUTO_PROVIDERS struct providers all = { .store = d->store, .err = err };
	int rc = load_all(&all);

	for (size_t i = 0; rc == 0 && i < all.n; i++)
		if (strcmp(all.p[i].name, wanted->name) == 0 &&
		    strcmp(all.p[i].id, wanted->id) != 0)
			rc = error_set(err, SLUICE_EXISTS,
			               "there is a storage provider '%s' already (%s)",
			               wanted->name, all.p[i].id);
	return rc;
}

int providers_create(struct datasets *d, const struct provider_config *config,
                     struct provider *ret_provider, struct error *err)
{
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	AUTO_FD int lock = -1;
	int rc = provider_configure(&p, config, err);

	if (rc == 0)
		rc = provider_check_whole(&p, err);
	if (rc < 0)
		return rc;
	id_new_provider(p.id);
	p.created_ms = p.modified_ms = clock_wall_ms();
	lock = index_lock_names(d, err);
	rc = lock < 0 ? lock : check_free(d, &p, err);
	if (rc == 0)
		rc = home_needs_providers(d->home, err);
	if (rc == 0)
		rc = record_put_provider(d->store, &p, false, err);
	if (rc < 0)
		return rc;
	*ret_provider = p;
	p = PROVIDER_INIT;
	return 0;
}

static int refuse_managed(const char *what, struct error *err)
{
	return error_set(err, SLUICE_INVALID,
	                 "'" PROVIDER_MANAGED_NAME "' is this home's own store and cannot be %s",
	                 what);
}

int providers_update(struct datasets *d, const char *id, const struct provider_config *config,
                     struct provider *ret_provider, struct error *err)
{
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	AUTO_FD int lock = -1;
	int rc;

	if (is_managed(id))
		return refuse_managed("changed", err);
	lock = index_lock_names(d, err);
	rc = lock < 0 ? lock : providers_find(d->store, id, &p, err);
	if (rc == 0)
		rc = provider_configure(&p, config, err);
	if (rc == 0)
		rc = check_free(d, &p, err);
	p.modified_ms = clock_wall_ms();
	if (rc == 0)
		rc = record_put_provider(d->store, &p, true, err);
	if (rc < 0)
		return rc;
	*ret_provider = p;
	p = PROVIDER_INIT;
	return 0;
}

struct users {
	const char *id;
	struct strbuf names;
	size_t n;
};

static int add_user(void *arg, const struct catalog_dataset *row)
{
	struct users *u = arg;

	if (row->provider && strcmp(row->provider, u->id) == 0)
		strbuf_addf(&u->names, "%s'%s'", u->n++ > 0 ? ", " : "", row->name);
	return 0;
}

/* The lock of names is held: there is no dataset but those of the rows. */
static int check_unused(struct datasets *d, const char *id, struct error *err)
{
	struct users u = { .id = id, .names = STRBUF_INIT(STRBUF_BIG) };
	int rc = catalog_each_dataset(d->catalog, NULL, add_user, &u, err);

	if (rc == 0 && u.n > 0)
		rc = error_set(
			err, SLUICE_INVALID,
			"%zu dataset%s on this storage provider: %.512s; to leave them to the "
			"bucket and its other homes give --forget-datasets, while 'sluice "
			"datasets delete' deletes one for all",
			u.n, u.n == 1 ? " is" : "s are", strbuf_str(&u.names));
	strbuf_release(&u.names);
	return rc;
}

/* --- datasets that are left to the bucket ---------------------------------------------------- */

struct leaving {
	struct datasets *d;
	const char *id;
	struct dataset *dataset;
	size_t n, cap;
	struct error *err;
};

static int refuse_open(void *arg, const struct dataset_version *v)
{
	return error_set(
		arg, SLUICE_INVALID,
		"version '%s:%s' of '%s' is open, and nowhere but here; commit it, or delete "
		"it by 'sluice datasets versions delete'",
		v->dataset, v->id, v->dataset_name);
}

static int add_leaving(void *arg, const struct dataset *dataset)
{
	struct leaving *l = arg;
	int rc;

	if (strcmp(dataset->provider, l->id) != 0)
		return 0;
	rc = datasets_each_version(l->d, dataset, false, refuse_open, l->err, l->err);
	if (rc < 0)
		return rc;
	l->dataset = xgrow(l->dataset, l->n, &l->cap, sizeof *l->dataset);
	l->dataset[l->n++] = *dataset;
	return 0;
}

int providers_forget_datasets(struct datasets *d, const char *id, struct error *err)
{
	struct leaving l = { .d = d, .id = id, .err = err };
	int rc = is_managed(id) ? refuse_managed("deleted", err)
	                        : datasets_each(d, add_leaving, &l, err);

	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		rc = datasets_delete(d, &l.dataset[i], DATASET_DELETE_TAGS | DATASET_DELETE_HERE,
		                     err);
		if (rc == SLUICE_NOT_FOUND) /* another did */
			rc = 0;
	}
	free(l.dataset);
	return rc;
}

/* --- the end --------------------------------------------------------------------------------- */

int providers_delete(struct datasets *d, const char *id, struct error *err)
{
	char path[RECORD_PATH_SIZE];
	AUTO_FD int lock = -1;
	int rc;

	if (is_managed(id))
		return refuse_managed("deleted", err);
	lock = index_lock_names(d, err);
	rc = lock < 0 ? lock : provider_check_there(d, id, err);
	if (rc == 0)
		rc = check_unused(d, id, err);
	return rc < 0 ? rc : store_delete_record(d->store, record_provider_path(id, path), err);
}
