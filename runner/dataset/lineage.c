/* What is still to be looked at is what was added last, not the stack: a chain may be long.  That a
 * version was read before what was made from it was committed bars cycles, and each is visited once
 * whatever damaged records say. */
#include "dataset/lineage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

void lineage_release(struct lineage *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->version[i].dataset_name);
		free(l->version[i].job);
		free(l->version[i].input);
	}
	free(l->version);
	map_release(&l->place, free);
	*l = (struct lineage){ .version = NULL };
}

static int load_name(struct datasets *d, const char *ds, char **ret_name, struct error *err)
{
	struct dataset dataset;
	int rc = record_get_dataset(d->store, ds, &dataset, err);

	if (rc == 0)
		*ret_name = xstrdup(dataset.name);
	else if (rc == SLUICE_NOT_FOUND)
		*ret_name = xstrdup(ds);
	return rc == SLUICE_NOT_FOUND ? 0 : rc;
}

static int load_version(struct datasets *d, const char *ds, struct lineage_version *v,
                        struct error *err)
{
	struct dataset_version found = { .files = 0 };
	int rc = load_name(d, ds, &v->dataset_name, err);

	if (rc == 0)
		rc = record_get_version(d->store, ds, lineage_version_id(v), &found, err);
	v->deleted = rc == SLUICE_NOT_FOUND;
	if (rc < 0)
		return v->deleted ? 0 : rc;
	v->files = found.files;
	v->bytes = found.bytes;
	v->committed_ms = found.committed_ms;
	text_copy(v->run, sizeof v->run, found.run);
	v->job = xstrdup(found.job);
	return 0;
}

/* Finds it, or adds it with this relation. */
static int place_of(struct datasets *d, struct lineage *l, const char *ref,
                    enum lineage_relation relation, size_t *ret_place, struct error *err)
{
	size_t *known = map_find(&l->place, ref);
	char ds[DATASET_ID_LEN + 1];
	struct lineage_version *v;

	if (known) {
		*ret_place = *known;
		return 0;
	}
	text_copy(ds, sizeof ds, ref);
	if (strlen(ref) != LINEAGE_REF_SIZE - 1 || !id_is_dataset(ds) ||
	    ref[DATASET_ID_LEN] != ':' || !id_is_version(ref + DATASET_ID_LEN + 1))
		return error_set(err, SLUICE_CORRUPT, "a record names '%.64s' as an input", ref);
	known = xmalloc(sizeof *known);
	*known = *ret_place = l->n;
	(void)map_set(&l->place, ref, known);
	l->version = xgrow(l->version, l->n, &l->cap, sizeof *l->version);
	v = &l->version[l->n++];
	*v = (struct lineage_version){ .relation = relation };
	text_copy(v->ref, sizeof v->ref, ref);
	return load_version(d, ds, v, err);
}

struct visit {
	struct datasets *d;
	struct lineage *l;
	size_t at;
	enum lineage_relation relation; /* of what is found */
	struct error *err;
};

static int add_input(void *arg, const char *ref)
{
	const struct visit *w = arg;
	struct lineage_version *v;
	size_t place;
	int rc = place_of(w->d, w->l, ref, w->relation, &place, w->err);

	if (rc < 0)
		return rc;
	v = &w->l->version[w->at]; /* it may have moved */
	v->input = xgrow(v->input, v->n_inputs, &v->cap_inputs, sizeof *v->input);
	v->input[v->n_inputs++] = place;
	return 0;
}

static int add_inputs(struct visit *w)
{
	char ds[DATASET_ID_LEN + 1], ver[VERSION_ID_LEN + 1];

	if (w->l->version[w->at].deleted)
		return 0;
	text_copy(ds, sizeof ds, w->l->version[w->at].ref);
	text_copy(ver, sizeof ver, lineage_version_id(&w->l->version[w->at]));
	return record_each_input(w->d->store, ds, ver, add_input, w, w->err);
}

static int add_made(void *arg, const struct catalog_version *row)
{
	const struct visit *w = arg;
	AUTO_FREE char *ref = xasprintf("%s:%s", row->dataset, row->id);
	size_t place;

	return place_of(w->d, w->l, ref, w->relation, &place, w->err);
}

static int add_made_from(struct visit *w)
{
	char ref[LINEAGE_REF_SIZE];

	text_copy(ref, sizeof ref, w->l->version[w->at].ref);
	return catalog_each_made_from(w->d->catalog, ref, add_made, w, w->err);
}

/* What is found stands behind, and is looked at in its turn. */
static int walk(struct datasets *d, struct lineage *l, struct error *err)
{
	struct visit w = { .d = d, .l = l, .err = err, .relation = LINEAGE_BEFORE };
	size_t before, after;
	int rc = 0;

	for (; rc == 0 && w.at < l->n; w.at++)
		rc = add_inputs(&w);
	before = l->n;
	w.relation = LINEAGE_AFTER;
	w.at = 0;
	if (rc == 0)
		rc = add_made_from(&w);
	for (w.at = before; rc == 0 && w.at < l->n; w.at++)
		rc = add_made_from(&w);
	after = l->n;
	w.relation = LINEAGE_BESIDE;
	for (w.at = before; rc == 0 && w.at < after; w.at++)
		rc = add_inputs(&w);
	return rc;
}

int datasets_lineage(struct datasets *d, const struct dataset_version *v,
                     struct lineage *ret_lineage, struct error *err)
{
	AUTO_FREE char *ref = xasprintf("%s:%s", v->dataset, v->id);
	size_t place;
	int rc;

	*ret_lineage = (struct lineage){ .version = NULL };
	if (!v->committed)
		return error_set(err, SLUICE_INVALID,
		                 "version '%s:%s' is not committed yet: what it comes from is not "
		                 "known before",
		                 v->dataset_name, v->id);
	rc = index_catch_up(d, err);
	if (rc == 0)
		rc = place_of(d, ret_lineage, ref, LINEAGE_SELF, &place, err);
	if (rc == 0)
		rc = walk(d, ret_lineage, err);
	return rc < 0 ? error_wrap(err, "cannot tell the lineage of '%s'", ref) : 0;
}
