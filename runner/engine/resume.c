/*
 * Going on with a run that its runner left.  What decides about a job is, in this order:
 *
 *	its row says that it ended                      it has
 *	it was committing, and its bytes are taken      the records are written, if they are not
 *	its attempt has a shim, living or not           the executor follows it to its end
 *	anything else                                   it starts anew, as another attempt
 *
 * An output that is committed already is known by its record, and never committed again.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "engine/internal.h"
#include "engine/left_internal.h"

/* --- before it starts ------------------------------------------------------------------------ */

/* A row is written before its attempt begins; but a full disk may have kept it from being. */
static void find_attempt(struct run_job *job)
{
	for (;;) {
		AUTO_FREE char *next =
			xasprintf("%s/jobs/%s/%d", job->run->dir, job->spec->id, job->attempt + 1);

		if (access(next, F_OK) != 0)
			return;
		job->attempt++;
	}
}

/* Of what ended, all that others look at; of what did not, only its attempt. */
static void restore_job(struct run_job *job, const struct left_job *lj)
{
	struct run *run = job->run;

	job->attempt = lj ? lj->row.attempt : 0;
	if (!lj || lj->state < JOB_SUCCEEDED)
		find_attempt(job);
	if (job->attempt > 0)
		job->dir = job_attempt_dir(job, job->attempt);
	if (!lj || lj->state < JOB_SUCCEEDED)
		return;
	job->state = lj->state;
	job->message = lj->message ? xstrdup(lj->message) : NULL;
	job->finished_ms = clock_mono_ms();
	job->started_ms = job->finished_ms - (lj->row.finished_ms - lj->row.started_ms);
	run->n_failed += job->state == JOB_FAILED;
	run->n_error += job->state == JOB_ERROR;
}

static int check_secrets(const struct left *left, const struct run_options *options,
                         struct error *err)
{
	AUTO_FREE char *missing = left_missing_secrets(left, options->spec, options->secrets);

	if (!missing[0])
		return 0;
	return error_set(
		err, SLUICE_INVALID,
		"what has yet to start of it needs secrets that are kept nowhere, and were "
		"not given: %s; use --secret NAME=VALUE, --secret-env NAME or --env-file "
		"FILE",
		missing);
}

int run_resume(uv_loop_t *loop, struct datasets *datasets, struct executor *executor,
               const struct run_options *options, struct left *left, const struct run_hooks *hooks,
               struct run **ret_run, struct error *err)
{
	struct run *run = run_alloc(loop, datasets, executor, options, hooks, left->row.uuid);
	int rc = check_secrets(left, options, err);

	run->left = left;
	run->number = left->row.number;
	run->created_ms = left->row.created_ms;
	run->started_ms = left->row.started_ms;
	if (rc == 0)
		rc = plan_restore(run, left->plan, err);
	if (rc == 0)
		rc = shares_make(run, err);
	if (rc == 0)
		rc = run_check_steps(run, err);
	if (rc < 0) {
		run_free(run);
		return rc;
	}
	run->lock = take_fd(&left->lock);
	for (size_t i = 0; i < run_n_jobs(run); i++)
		restore_job(&run->jobs[i], map_find(&left->jobs, run->jobs[i].spec->id));
	*ret_run = run;
	return 0;
}

/* --- its outputs ----------------------------------------------------------------------------- */

struct found_link {
	char *job, *name;
	char ref[DATASET_ID_LEN + VERSION_ID_LEN + 2];
};

struct links {
	struct found_link *link;
	size_t n, cap;
};

/* Collected first: nothing is changed during a walk. */
static int keep_link(void *arg, const struct catalog_link *row)
{
	struct links *links = arg;
	struct found_link *link;

	if (!row->is_output)
		return 0;
	links->link = xgrow(links->link, links->n, &links->cap, sizeof *links->link);
	link = &links->link[links->n++];
	link->job = xstrdup(row->job);
	link->name = xstrdup(row->name);
	(void)snprintf(link->ref, sizeof link->ref, "%s:%s", row->dataset, row->version);
	return 0;
}

static void free_links(struct links *links)
{
	for (size_t i = 0; i < links->n; i++) {
		free(links->link[i].job);
		free(links->link[i].name);
	}
	free(links->link);
}

static struct run_output *find_output(struct run *run, const char *job, const char *name)
{
	for (size_t i = 0; i < run_n_jobs(run); i++)
		for (size_t k = 0; k < run->jobs[i].n_outputs; k++)
			if (strcmp(run->jobs[i].spec->id, job) == 0 &&
			    strcmp(run->jobs[i].outputs[k].spec->name, name) == 0)
				return &run->jobs[i].outputs[k];
	return NULL;
}

/* A version that is gone was dropped when its job ended without success. */
static int restore_version(struct run *run, const struct found_link *link, struct error *err)
{
	struct run_output *o = find_output(run, link->job, link->name);
	int rc =
		o ? datasets_resolve(run->datasets, link->ref, &o->version, err) : SLUICE_NOT_FOUND;

	if (rc == 0 && o->version.committed)
		o->info = (struct store_tree_info){ .manifest = o->version.manifest,
			                            .files = o->version.files,
			                            .bytes = o->version.bytes };
	return rc == SLUICE_NOT_FOUND ? 0 : rc;
}

static bool is_output_of(const struct run *run, const struct dataset_version *v)
{
	for (size_t i = 0; i < run_n_jobs(run); i++)
		for (size_t k = 0; k < run->jobs[i].n_outputs; k++) {
			const struct dataset_version *o = &run->jobs[i].outputs[k].version;

			if (strcmp(o->dataset, v->dataset) == 0 && strcmp(o->id, v->id) == 0)
				return true;
		}
	return false;
}

static bool drop_unless_output(void *arg, const struct dataset_version *v)
{
	return !is_output_of(arg, v);
}

/* The runner may have died between opening a version and recording whose it is. */
static int restore_outputs(struct run *run, struct error *err)
{
	struct links links = { 0 };
	int rc;

	for (size_t i = 0; i < run_n_jobs(run); i++)
		job_list_outputs(&run->jobs[i]);
	rc = catalog_each_link(datasets_catalog(run->datasets), run->uuid, keep_link, &links, err);
	for (size_t i = 0; rc == 0 && i < links.n; i++)
		rc = restore_version(run, &links.link[i], err);
	free_links(&links);
	if (rc == 0)
		rc = left_drop_versions(run->datasets, run->uuid, drop_unless_output, run, err);
	for (size_t i = 0; rc == 0 && i < run_n_jobs(run); i++)
		if (run->jobs[i].state < JOB_SUCCEEDED)
			rc = job_open_outputs(&run->jobs[i], err);
	return rc;
}

/* --- its jobs --------------------------------------------------------------------------------- */

static enum sched_was was(const struct run_job *job)
{
	if (job->live)
		return SCHED_RUNNING;
	if (job->state < JOB_SUCCEEDED)
		return SCHED_WAITING;
	return job->state == JOB_SUCCEEDED ? SCHED_SUCCEEDED : SCHED_OTHERWISE;
}

static int64_t mono_of_wall(int64_t wall_ms)
{
	int64_t ago = clock_wall_ms() - wall_ms;

	return clock_mono_ms() - (wall_ms > 0 && ago > 0 ? ago : 0);
}

static void adopt(struct run_job *job)
{
	const struct left *left = job->run->left;
	const struct left_job *lj = map_find(&left->jobs, job->spec->id);

	if (job->state >= JOB_SUCCEEDED || job->attempt == 0)
		return;
	job_adopt(job, lj && lj->state == JOB_COMMITTING);
	if (job->live)
		job->started_ms = mono_of_wall(lj ? lj->began_ms : 0);
}

int run_resume_start(struct run *run, struct error *err)
{
	enum sched_was *states = xcalloc(run_n_jobs(run), sizeof *states);
	int rc = restore_outputs(run, err);

	if (rc == 0 && plan_renew(run->left->dirfd, run->left->plan) < 0)
		rc = error_set(err, SLUICE_SYSTEM, "cannot write to '%s'", run->dir);
	if (rc < 0) {
		free(states);
		return rc;
	}
	run->started = true;
	history_run(run);
	for (size_t i = 0; i < run_n_jobs(run); i++)
		adopt(&run->jobs[i]);
	for (size_t i = 0; i < run_n_jobs(run); i++) {
		states[i] = was(&run->jobs[i]);
		if (states[i] == SCHED_WAITING)
			history_job(&run->jobs[i]);
	}
	run_sched_restore(run, states);
	free(states);
	for (size_t i = 0; i < run_n_jobs(run); i++)
		if (run->jobs[i].live)
			job_follow(&run->jobs[i]);
	return 0;
}
