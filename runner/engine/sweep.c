#include "engine/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/xalloc.h"

struct sweep {
	const char *home;
	struct datasets *datasets;
	struct executor *executor;
	sweep_notice_fn *notice;
	void *arg;
	struct catalog_run *dead; /* collected first: nothing is changed during a walk */
	size_t n_dead, cap;
};

static int collect(void *arg, const struct catalog_run *run)
{
	struct sweep *s = arg;

	s->dead = xgrow(s->dead, s->n_dead, &s->cap, sizeof *s->dead);
	s->dead[s->n_dead] = *run;
	s->dead[s->n_dead++].workflow = xstrdup(run->workflow);
	return 0;
}

/* Walks RUN/jobs/JOB/ATTEMPT. */
static void sweep_attempts(struct sweep *s, const char *run_dir)
{
	AUTO_FREE char *jobs_dir = xasprintf("%s/jobs", run_dir);
	AUTO_DIR DIR *jobs = opendir(jobs_dir);
	const struct dirent *job;

	while (jobs && (job = readdir(jobs)) != NULL) {
		AUTO_FREE char *job_dir = xasprintf("%s/%s", jobs_dir, job->d_name);
		AUTO_DIR DIR *attempts = io_is_component(job->d_name) && job->d_type == DT_DIR
		                                 ? opendir(job_dir)
		                                 : NULL;
		const struct dirent *attempt;

		while (attempts && (attempt = readdir(attempts)) != NULL) {
			AUTO_FREE char *dir = xasprintf("%s/%s", job_dir, attempt->d_name);
			AUTO_FD int fd = -1;
			struct error err;

			if (!io_is_component(attempt->d_name))
				continue;
			if (executor_sweep(s->executor, dir, &err) < 0)
				s->notice(s->arg, err.msg);
			fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
			if (fd >= 0)
				(void)!io_remove_tree(fd, "outputs");
		}
	}
}

/* The versions that its outputs would have become; collected first, as above. */
struct refs {
	char (*ref)[DATASET_ID_LEN + VERSION_ID_LEN + 2];
	size_t n, cap;
};

static int collect_open(void *arg, const struct catalog_link *link)
{
	struct refs *refs = arg;

	if (!link->is_output || link->committed)
		return 0;
	refs->ref = xgrow(refs->ref, refs->n, &refs->cap, sizeof *refs->ref);
	(void)snprintf(refs->ref[refs->n++], sizeof *refs->ref, "%s:%s", link->dataset,
	               link->version);
	return 0;
}

static int drop_versions(struct sweep *s, const char *run, struct error *err)
{
	struct refs refs = { 0 };
	int rc = catalog_each_link(datasets_catalog(s->datasets), run, collect_open, &refs, err);

	for (size_t i = 0; rc == 0 && i < refs.n; i++) {
		struct dataset_version version;
		int found = datasets_resolve(s->datasets, refs.ref[i], &version, err);

		if (found == 0 && !version.committed)
			rc = datasets_drop_version(s->datasets, &version, err);
		else if (found < 0 && found != SLUICE_NOT_FOUND)
			rc = found;
	}
	free(refs.ref);
	return rc;
}

struct jobs {
	struct catalog_job *row;
	size_t n, cap;
};

static int collect_job(void *arg, const struct catalog_job *job)
{
	struct jobs *jobs = arg;
	bool ended = strcmp(job->state, "waiting") != 0 && strcmp(job->state, "preparing") != 0 &&
	             strcmp(job->state, "running") != 0 && strcmp(job->state, "committing") != 0;

	if (ended)
		return 0;
	jobs->row = xgrow(jobs->row, jobs->n, &jobs->cap, sizeof *jobs->row);
	jobs->row[jobs->n] = *job;
	jobs->row[jobs->n].name = xstrdup(job->name);
	jobs->row[jobs->n].message = "its runner died";
	jobs->row[jobs->n].state = strcmp(job->state, "waiting") == 0 ? "skipped" : "error";
	jobs->n++;
	return 0;
}

static int end_rows(struct sweep *s, struct catalog_run *run, struct error *err)
{
	struct catalog *c = datasets_catalog(s->datasets);
	struct jobs jobs = { 0 };
	int rc = catalog_each_job(c, run->uuid, collect_job, &jobs, err);

	if (rc == 0)
		rc = catalog_begin(c, err);
	for (size_t i = 0; rc == 0 && i < jobs.n; i++)
		rc = catalog_put_job(c, &jobs.row[i], err);
	run->phase = "ERROR";
	run->message = "its runner died";
	run->finished_ms = clock_wall_ms();
	if (rc == 0)
		rc = catalog_update_run(c, run, err);
	if (rc == 0)
		rc = catalog_add_event(c, run->uuid, NULL, 0, run->phase, run->message,
		                       run->finished_ms, err);
	if (rc == 0)
		rc = catalog_commit(c, err);
	for (size_t i = 0; i < jobs.n; i++)
		free((void *)(uintptr_t)jobs.row[i].name);
	free(jobs.row);
	return rc;
}

static int sweep_run(struct sweep *s, struct catalog_run *run, struct error *err)
{
	AUTO_FREE char *dir = xasprintf("%s/runs/%s", s->home, run->uuid);
	AUTO_FREE char *text =
		xasprintf("run %s/%lld was left by a runner that died: ended what remained of it",
	                  run->workflow, (long long)run->number);
	AUTO_FD int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int lock = -1;
	int rc;

	if (dirfd >= 0) {
		lock = lock_take(dirfd, "lock", LOCK_EXCLUSIVE, false);
		if (lock == -EWOULDBLOCK)
			return 0; /* its runner lives */
		if (lock < 0)
			return error_sys(err, lock, "cannot lock '%s'", dir);
		sweep_attempts(s, dir);
	}
	rc = drop_versions(s, run->uuid, err);
	if (rc == 0)
		rc = end_rows(s, run, err);
	if (rc == 0)
		s->notice(s->arg, text);
	return rc;
}

int sweep_dead_runs(const char *home, struct datasets *datasets, struct executor *executor,
                    sweep_notice_fn *notice, void *arg, struct error *err)
{
	struct sweep s = { .home = home,
		           .datasets = datasets,
		           .executor = executor,
		           .notice = notice,
		           .arg = arg };
	int rc = catalog_each_unfinished(datasets_catalog(datasets), collect, &s, err);

	for (size_t i = 0; rc == 0 && i < s.n_dead; i++)
		rc = sweep_run(&s, &s.dead[i], err);
	for (size_t i = 0; i < s.n_dead; i++)
		free((void *)(uintptr_t)s.dead[i].workflow);
	free(s.dead);
	return rc;
}
