/*
 * Verification from the datasets' side: which records there are, whether each can be read, and
 * what they need of the store.  It goes by the records; the index tells only which ones were lost.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "dataset/internal.h"
#include "dataset/remote.h"
#include "store/bucket.h"

struct verified {
	char ds[DATASET_ID_LEN + 1], ver[VERSION_ID_LEN + 1];
	struct digest manifest;
};

struct verification {
	struct datasets *d;
	const struct datasets_verify_how *how;
	struct datasets_verify_result result;
	struct verify *verify;
	struct verified *version;
	size_t n, cap;
	const char *ds;
	bool in_bucket; /* the dataset is on a storage provider that is one */
	struct error *err;
};

static void tell(struct verification *v, const char *ver, const char *path, const char *problem)
{
	const struct datasets_damage damage = {
		.dataset = v->ds,
		.version = ver,
		.path = path,
		.problem = problem,
	};

	v->result.damage++;
	v->how->damage(v->how->arg, &damage);
}

/* 1: it is there; 0: it is not, or it was told that it is damaged. */
static int look(struct verification *v, const char *ver, int rc)
{
	if (rc == SLUICE_CORRUPT)
		tell(v, ver, NULL, v->err->msg);
	return rc == 0 ? 1 : rc == SLUICE_CORRUPT || rc == SLUICE_NOT_FOUND ? 0 : rc;
}

static void add(struct verification *v, const struct dataset_version *found)
{
	struct verified *new;

	v->version = xgrow(v->version, v->n, &v->cap, sizeof *v->version);
	new = &v->version[v->n++];
	text_copy(new->ds, sizeof new->ds, found->dataset);
	text_copy(new->ver, sizeof new->ver, found->id);
	new->manifest = found->manifest;
}

/* --- records ---------------------------------------------------------------------------------- */

static int see_version(void *arg, const char *name)
{
	struct verification *v = arg;
	struct dataset_version found;
	char ver[VERSION_ID_LEN + 1];
	int rc;

	if (!record_is_of_version(name, ver))
		return 0;
	rc = look(v, ver, record_get_version(v->d->store, v->ds, ver, &found, v->err));
	/* What a bucket has need not be here; it is verified when it comes. */
	if (rc == 1 && v->in_bucket && !bucket_is_here(v->d->store, &found.manifest))
		v->result.elsewhere++;
	else if (rc == 1)
		add(v, &found);
	return rc < 0 ? rc : 0;
}

static int see_open(void *arg, const char *name)
{
	struct verification *v = arg;
	struct open_record open;
	char ver[VERSION_ID_LEN + 1];
	int rc;

	if (!record_is_of_version(name, ver))
		return 0;
	rc = look(v, ver, record_read_open(v->d->store, v->ds, ver, &open, v->err));
	if (rc == 1 && open.taken)
		add(v, &open.v);
	return rc < 0 ? rc : 0;
}

static int see_tag(void *arg, const char *name)
{
	struct verification *v = arg;
	char ver[VERSION_ID_LEN + 1];
	int rc = id_is_name(name)
	                 ? look(v, NULL, record_get_tag(v->d->store, v->ds, name, ver, v->err))
	                 : 0;

	return rc < 0 ? rc : 0;
}

static int see_dataset(void *arg, const char *ds)
{
	static const struct {
		const char *folder;
		store_name_fn *fn;
	} part[] = { { "open", see_open }, { "versions", see_version }, { "tags", see_tag } };
	struct verification *v = arg;
	struct dataset is;
	size_t before = v->n;
	int found;
	int rc;

	if (!id_is_dataset(ds))
		return 0;
	v->ds = ds;
	found = look(v, NULL, record_get_dataset(v->d->store, ds, &is, v->err));
	v->in_bucket = found == 1 && is.provider[0];
	rc = found < 0 ? found : 0;
	for (size_t i = 0; rc == 0 && i < sizeof part / sizeof part[0]; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", ds, part[i].folder);

		rc = store_list_records(v->d->store, path, part[i].fn, v, v->err);
	}
	if (rc == 0 && found == 0 && v->n > before)
		tell(v, NULL, NULL,
		     "its record dataset.json is missing or damaged, so that its "
		     "versions cannot be found");
	return rc;
}

static int tell_lost(void *arg, const struct catalog_version *row)
{
	struct verification *v = arg;

	v->ds = row->dataset;
	tell(v, row->id, NULL,
	     "its record is missing, and only the catalog knows of it; 'sluice store recover' would "
	     "forget it");
	return 0;
}

/* What is deleted meanwhile loses its record before its row, for a moment. */
static int see_lost(void *arg, const struct catalog_version *row)
{
	(void)row;
	++*(size_t *)arg;
	return 0;
}

static int look_for_lost(struct verification *v)
{
	size_t lost = 0;
	int rc = index_each_lost(v->d, see_lost, &lost, v->err);

	return rc < 0 || lost == 0 ? rc : index_each_lost(v->d, tell_lost, v, v->err);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static int tell_damage(void *arg, const struct verify_damage *damage)
{
	struct verification *v = arg;

	tell(v, v->version[v->result.versions].ver, damage->path, damage->problem);
	return 0;
}

/* Of what was deleted while we read nobody wants to hear. */
static bool is_gone(struct verification *v, const struct verified *version)
{
	struct dataset_version is;
	struct open_record open;
	struct error ignored;

	return record_get_version(v->d->store, version->ds, version->ver, &is, &ignored) ==
	               SLUICE_NOT_FOUND &&
	       record_read_open(v->d->store, version->ds, version->ver, &open, &ignored) ==
	               SLUICE_NOT_FOUND;
}

static int tell_versions(struct verification *v)
{
	int rc = 0;

	for (; rc == 0 && v->result.versions < v->n; v->result.versions++) {
		const struct verified *version = &v->version[v->result.versions];

		v->ds = version->ds;
		if (v->result.count.damaged > 0 && !is_gone(v, version))
			rc = verify_each(v->verify, &version->manifest, tell_damage, v, v->err);
	}
	return rc;
}

/* What its bucket lacks.  Where that does not answer, what is here is verified all the same. */
static int look_into_bucket(struct verification *v)
{
	struct error why;
	int rc = datasets_fetch(v->d, v->how->only, DATASET_LIST, NULL, v->err);

	if (rc < 0)
		return rc;
	v->ds = v->how->only->dataset;
	rc = remote_each_missing(v->d, v->how->only, tell_damage, v, &why);
	if (rc < 0 && bucket_is_here(v->d->store, &v->how->only->manifest)) {
		AUTO_FREE char *text = xasprintf("only what is here is verified: %s", why.msg);

		if (v->d->public.note)
			v->d->public.note(v->d->public.arg, text);
		return 0;
	}
	if (rc < 0)
		*v->err = why;
	return rc;
}

/* What is neither here nor there was told. */
static int bring_only(struct verification *v)
{
	int rc;

	add(v, v->how->only);
	rc = look_into_bucket(v);
	if (rc == 0 && v->result.damage == 0)
		return datasets_fetch(v->d, v->how->only, DATASET_FILES, v->how->progress, v->err);
	if (rc == 0 && !bucket_is_here(v->d->store, &v->how->only->manifest))
		v->n = 0;
	return rc;
}

int datasets_verify(struct datasets *d, const struct datasets_verify_how *how,
                    struct datasets_verify_result *ret_result, struct error *err)
{
	struct verification v = { .d = d, .how = how, .err = err };
	int rc = 0;

	v.verify = verify_new(d->store, how->progress);
	if (how->only) {
		rc = bring_only(&v);
	} else {
		rc = store_list_records(d->store, "", see_dataset, &v, err);
	}
	if (rc == 0 && !how->only)
		rc = look_for_lost(&v);
	for (size_t i = 0; rc == 0 && how->progress && i < v.n; i++)
		verify_expect(v.verify, &v.version[i].manifest);
	for (size_t i = 0; rc == 0 && i < v.n; i++)
		rc = verify_manifest(v.verify, &v.version[i].manifest, err);
	v.result.count = verify_count(v.verify);
	if (rc == 0)
		rc = tell_versions(&v);
	*ret_result = v.result;
	verify_free(v.verify);
	free(v.version);
	return rc;
}
