/*
 * What versions take.  Those that are asked about are marked by their objects; then all others are
 * looked through for the same ones.  Memory for the marks of the former only.
 */
#include <string.h>

#include "dataset/internal.h"
#include "store/marks.h"

struct measuring {
	struct datasets *d;
	const struct dataset *dataset;
	const struct dataset_version *only; /* NULL: all of the dataset */
	bool ours;                          /* what is walked now is asked about */
	struct marks mine, shared;
	struct marks walked; /* manifests */
	struct datasets_usage usage;
	struct progress *progress; /* or NULL */
	struct error *err;
};

static bool has_object(const struct store_entry *e)
{
	return e->kind != 'l' && e->kind != 'd';
}

static int add_mine(void *arg, const struct store_entry *e)
{
	struct measuring *m = arg;

	progress_add(m->progress, e->kind != 'd');
	if (!has_object(e))
		return 0;
	m->usage.bytes += e->size;
	if (marks_add(&m->mine, e->kind, &e->digest))
		m->usage.own += e->size;
	return 0;
}

static int add_shared(void *arg, const struct store_entry *e)
{
	struct measuring *m = arg;

	progress_add(m->progress, e->kind != 'd');
	if (has_object(e) && marks_has(&m->mine, e->kind, &e->digest) &&
	    marks_add(&m->shared, e->kind, &e->digest)) {
		m->usage.own -= e->size;
		m->usage.shared += e->size;
	}
	return 0;
}

static int walk_version(void *arg, const struct dataset_version *v)
{
	struct measuring *m = arg;
	bool ours = strcmp(v->dataset, m->dataset->id) == 0 &&
	            (!m->only || strcmp(v->id, m->only->id) == 0);
	int rc;

	if (ours != m->ours)
		return 0;
	m->usage.versions += ours;
	m->usage.files += ours ? v->files : 0;
	if (!ours && !marks_add(&m->walked, 'm', &v->manifest)) {
		progress_add(m->progress, v->files);
		return 0;
	}
	rc = ours ? datasets_fetch(m->d, v, DATASET_LIST, NULL, m->err) : 0;
	if (rc == 0)
		rc = store_each(m->d->store, &v->manifest, "", ours ? add_mine : add_shared, m,
		                m->err);
	if (rc == SLUICE_NOT_FOUND && !ours) /* it is in a bucket, and has nothing here */
		rc = 0;
	return rc < 0 ? error_wrap(m->err, "version '%s:%s'", v->dataset, v->id) : rc;
}

static int walk_dataset(void *arg, const struct dataset *dataset)
{
	struct measuring *m = arg;

	return datasets_each_version(m->d, dataset, true, walk_version, m, m->err);
}

static int expect_version(void *arg, const struct dataset_version *v)
{
	const struct measuring *m = arg;

	progress_expect(m->progress, v->files);
	return 0;
}

static int expect_dataset(void *arg, const struct dataset *dataset)
{
	struct measuring *m = arg;

	return datasets_each_version(m->d, dataset, true, expect_version, m, m->err);
}

int datasets_measure(struct datasets *d, const struct dataset *dataset,
                     const struct dataset_version *only, struct progress *progress,
                     struct datasets_usage *ret_usage, struct error *err)
{
	struct measuring m = { .d = d,
		               .dataset = dataset,
		               .only = only,
		               .ours = true,
		               .progress = progress,
		               .err = err };
	int rc = progress ? datasets_each(d, expect_dataset, &m, err) : 0;

	if (rc == 0)
		rc = walk_dataset(&m, dataset);
	m.ours = false;
	if (rc == 0)
		rc = datasets_each(d, walk_dataset, &m, err);
	marks_release(&m.mine);
	marks_release(&m.shared);
	marks_release(&m.walked);
	*ret_usage = m.usage;
	return rc;
}
