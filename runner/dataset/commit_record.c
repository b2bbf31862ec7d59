/*
 * The second half of a commit: the records, which make versions of what is in the store.  A job's
 * outputs go together.  The records of those whose datasets are in a bucket are there before: see
 * remote_commit.c.
 *
 *	1  the locks of their datasets, in the order of the ids
 *	2  who may commit them, and the next numbers
 *	3  an intent for each
 *	4  each record, created without replacing; if one fails, those before it go again
 *	5  open/VER.json and open/VER.data go
 *	6  all rows, in one transaction
 *
 * Who looks for a version looks at the rows, so they appear together.  Killed within 4: who heals
 * the intents makes rows for the records that are there; the bytes of the others are in the store
 * for good, and whoever goes on with the run writes their records.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

struct member {
	struct dataset_commit *c;
	struct open_record open;
	char intent[INTENT_SIZE];
	int lock;   /* of its dataset; -1 if a member before it has that */
	bool tried; /* there may be a record of it, and it is ours */
};

struct group {
	struct datasets *d;
	const struct dataset_maker *maker;
	struct member *member; /* by dataset */
	size_t n;
};

int open_check_fence(const struct open_record *open, const struct dataset_maker *maker,
                     struct error *err)
{
	if (open_is_made_by(open, maker))
		return 0;
	if (open->v.run[0])
		return error_set(err, SLUICE_INVALID,
		                 "version '%s:%s' belongs to attempt %d of job '%s' of run '%s', "
		                 "which alone may commit it",
		                 open->v.dataset, open->v.id, open->v.attempt, open->v.job,
		                 open->v.run);
	return error_set(err, SLUICE_INVALID,
	                 "version '%s:%s' belongs to no job, and no job may "
	                 "commit it",
	                 open->v.dataset, open->v.id);
}

static int by_dataset(const void *a, const void *b)
{
	const struct dataset_commit *one = ((const struct member *)a)->c;
	const struct dataset_commit *two = ((const struct member *)b)->c;
	int order = strcmp(one->version->dataset, two->version->dataset);

	return order ? order : one < two ? -1 : 1; /* as they were given */
}

static void group_init(struct group *g, struct dataset_commit *commits, size_t n)
{
	g->n = n;
	g->member = xcalloc(n, sizeof *g->member);
	for (size_t i = 0; i < n; i++) {
		struct member *m = &g->member[i];
		const struct dataset_version *v = commits[i].version;

		m->c = &commits[i];
		m->lock = -1;
		(void)intent_of_version(v->dataset, v->id, m->intent);
	}
	qsort(g->member, n, sizeof *g->member, by_dataset);
}

static void group_release(struct group *g)
{
	for (size_t i = 0; i < g->n; i++)
		cleanup_fd(&g->member[i].lock);
	free(g->member);
}

static bool is_first_of_dataset(const struct group *g, size_t i)
{
	return i == 0 ||
	       strcmp(g->member[i - 1].c->version->dataset, g->member[i].c->version->dataset) != 0;
}

static int lock_all(struct group *g, struct error *err)
{
	for (size_t i = 0; i < g->n; i++) {
		if (!is_first_of_dataset(g, i))
			continue;
		g->member[i].lock = index_lock_dataset(g->d, g->member[i].c->version->dataset, err);
		if (g->member[i].lock < 0)
			return g->member[i].lock;
	}
	return 0;
}

static int number(struct group *g, size_t i, struct error *err)
{
	struct dataset_version *v = &g->member[i].open.v;

	v->seq = g->member[i].c->seq;
	if (v->seq)
		return 0;
	if (is_first_of_dataset(g, i))
		return index_next_seq(g->d, v->dataset, &v->seq, err);
	v->seq = g->member[i - 1].open.v.seq + 1;
	return 0;
}

static int complete(struct group *g, size_t i, struct error *err)
{
	struct member *m = &g->member[i];
	int rc = record_get_open(g->d->store, m->c->version, &m->open, err);

	if (rc == 0)
		rc = open_check_fence(&m->open, g->maker, err);
	if (rc == 0)
		rc = number(g, i, err);
	if (rc < 0)
		return rc;
	m->open.v.committed = true;
	m->open.v.manifest = m->c->info.manifest;
	m->open.v.files = m->c->info.files;
	m->open.v.bytes = m->c->info.bytes;
	m->open.v.committed_ms = m->c->seq ? m->c->committed_ms : clock_wall_ms();
	return 0;
}

static int put_all(struct group *g, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < g->n; i++) {
		struct member *m = &g->member[i];

		rc = record_put_version(g->d->store, &m->open.v, g->maker ? g->maker->inputs : NULL,
		                        err);
		m->tried = rc != SLUICE_EXISTS;
	}
	return rc;
}

static void take_back(struct group *g)
{
	char path[RECORD_PATH_SIZE];
	struct error ignored; /* the first failure is told */

	for (size_t i = 0; i < g->n && g->member[i].tried; i++) {
		const struct dataset_version *v = &g->member[i].open.v;

		(void)!store_delete_record(g->d->store,
		                           record_version_path(v->dataset, v->id, path), &ignored);
	}
}

/* They are committed; what stays behind now is harmless. */
static void close_all(struct group *g)
{
	char path[RECORD_PATH_SIZE];
	struct error ignored;

	for (size_t i = 0; i < g->n; i++) {
		struct member *m = &g->member[i];
		const struct dataset_version *v = &m->open.v;

		(void)!store_delete_record(g->d->store, record_open_path(v->dataset, v->id, path),
		                           &ignored);
		open_remove_leftovers(g->d, v->dataset, v->id);
		text_copy(m->open.v.dataset_name, sizeof m->open.v.dataset_name,
		          m->c->version->dataset_name);
		*m->c->version = m->open.v;
	}
}

static int write_records(struct group *g, struct error *err)
{
	const char **intents = xcalloc(g->n, sizeof *intents);
	size_t n = 0;
	int rc = 0;

	while (rc == 0 && n < g->n) {
		intents[n] = g->member[n].intent;
		rc = index_intend(g->d, intents[n++], err);
	}
	if (rc == 0) {
		rc = put_all(g, err);
		if (rc == 0)
			close_all(g);
		else
			take_back(g);
	}
	index_settle_all(g->d, intents, n);
	free(intents);
	return rc;
}

int datasets_commit_records(struct datasets *d, struct dataset_commit *commits, size_t n,
                            const struct dataset_maker *maker, struct error *err)
{
	struct group g = { .d = d, .maker = maker };
	int rc;

	if (n == 0)
		return 0;
	group_init(&g, commits, n);
	rc = lock_all(&g, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = complete(&g, i, err);
	if (rc == 0)
		rc = write_records(&g, err);
	group_release(&g);
	for (size_t i = 0; i < n; i++)
		cleanup_fd(&commits[i].lock);
	return rc;
}

int datasets_commit_record(struct datasets *d, struct dataset_version *v,
                           const struct dataset_maker *maker, const struct store_tree_info *info,
                           int lock, struct error *err)
{
	struct dataset_commit commit = { .version = v, .info = *info, .lock = lock };
	int rc = datasets_commit_remote(d, &commit, 1, maker, err);

	if (rc < 0)
		cleanup_fd(&commit.lock);
	return rc < 0 ? rc : datasets_commit_records(d, &commit, 1, maker, err);
}
