/* Retention: which versions of a dataset stay, and why; the others are deleted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "dataset/internal.h"
#include "dataset/mount.h"

struct prune {
	struct datasets *d;
	const struct datasets_prune_how *how;
	struct dataset_version *version; /* newest first */
	size_t n, cap;
	struct strbuf why;
	struct error *err;
};

static int take_version(void *arg, const struct dataset_version *v)
{
	struct prune *p = arg;

	p->version = xgrow(p->version, p->n, &p->cap, sizeof *p->version);
	p->version[p->n++] = *v;
	return 0;
}

static int add_tag(void *arg, const char *tag)
{
	struct prune *p = arg;

	strbuf_addf(&p->why, "%stag '%s'", p->why.len > 0 ? ", " : "", tag);
	return 0;
}

static int add_hold(void *arg, const struct catalog_hold *hold)
{
	struct prune *p = arg;

	strbuf_addf(&p->why, "%srun %s/%lld %s it", p->why.len > 0 ? ", " : "", hold->workflow,
	            (long long)hold->number, hold->is_output ? "makes" : "reads");
	return 1; /* one is enough */
}

static int add_mount(void *arg, const struct dataset_mount *m)
{
	struct prune *p = arg;

	strbuf_addf(&p->why, "%smounted at '%s'", p->why.len > 0 ? ", " : "", m->directory);
	return 1;
}

/* Leaves in p->why what keeps the i-th version; "" if nothing does. */
static int find_why(struct prune *p, size_t i)
{
	const struct dataset_version *v = &p->version[i];
	int rc = 0;

	strbuf_release(&p->why);
	p->why = STRBUF_INIT(STRBUF_BIG);
	if (i == 0)
		strbuf_addf(&p->why, "the newest");
	else if (i < p->how->keep_last)
		strbuf_addf(&p->why, "one of the last %llu", (unsigned long long)p->how->keep_last);
	if (p->how->keep_since_ms > 0 && v->committed_ms >= p->how->keep_since_ms)
		strbuf_addf(&p->why, "%srecent", p->why.len > 0 ? ", " : "");
	if (!p->how->tagged_too)
		rc = tags_each_of(p->d, v->dataset, v->id, add_tag, p, p->err);
	if (rc == 0)
		rc = catalog_each_hold(p->d->catalog, v->dataset, v->id, add_hold, p, p->err);
	if (rc >= 0)
		rc = datasets_each_mount(p->d, v->dataset, v->id, add_mount, p, p->err);
	return rc < 0 ? rc : 0;
}

static int prune_version(struct prune *p, size_t i)
{
	const struct dataset_version *v = &p->version[i];
	struct error why;
	int rc = find_why(p, i);

	if (rc < 0)
		return rc;
	if (p->why.len == 0 && !p->how->dry_run) {
		rc = datasets_delete_version(p->d, v, p->how->tagged_too ? DATASET_DELETE_TAGS : 0,
		                             &why);
		if (rc == SLUICE_NOT_FOUND) /* somebody else was faster */
			return 0;
		if (rc == SLUICE_INVALID) /* tagged or read since we looked */
			strbuf_addf(&p->why, "%s", why.msg);
		else if (rc < 0)
			*p->err = why;
		if (rc < 0 && rc != SLUICE_INVALID)
			return rc;
	}
	p->how->seen(p->how->arg, v, p->why.len > 0 ? strbuf_str(&p->why) : NULL);
	return 0;
}

int datasets_prune(struct datasets *d, const struct dataset *dataset,
                   const struct datasets_prune_how *how, struct error *err)
{
	struct prune p = { .d = d, .how = how, .err = err };
	int rc = datasets_each_version(d, dataset, true, take_version, &p, err);

	for (size_t i = 0; rc == 0 && i < p.n; i++) {
		rc = prune_version(&p, i);
		progress_add(how->progress, 1);
	}
	strbuf_release(&p.why);
	free(p.version);
	return rc;
}
