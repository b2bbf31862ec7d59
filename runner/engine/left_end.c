/* The end of a run that nobody goes on with: no job of it runs, no version of it is open. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "engine/internal.h"
#include "engine/left_internal.h"

static const char why[] = "canceled after its runner had died";

/* --- versions --------------------------------------------------------------------------------- */

/* Collected first: nothing is changed during a walk. */
struct lost {
	const char *run;
	bool (*is_lost)(void *arg, const struct dataset_version *v);
	void *arg;
	struct dataset *dataset;
	size_t n_datasets, datasets_cap;
	struct dataset_version *version;
	size_t n, cap;
};

static int keep_dataset(void *arg, const struct dataset *dataset)
{
	struct lost *lost = arg;

	lost->dataset =
		xgrow(lost->dataset, lost->n_datasets, &lost->datasets_cap, sizeof *lost->dataset);
	lost->dataset[lost->n_datasets++] = *dataset;
	return 0;
}

static int keep_lost(void *arg, const struct dataset_version *v)
{
	struct lost *lost = arg;

	if (strcmp(v->run, lost->run) != 0 || !lost->is_lost(lost->arg, v))
		return 0;
	lost->version = xgrow(lost->version, lost->n, &lost->cap, sizeof *lost->version);
	lost->version[lost->n++] = *v;
	return 0;
}

int left_drop_versions(struct datasets *datasets, const char *run,
                       bool (*is_lost)(void *arg, const struct dataset_version *v), void *arg,
                       struct error *err)
{
	struct lost lost = { .run = run, .is_lost = is_lost, .arg = arg };
	int rc = datasets_each(datasets, keep_dataset, &lost, err);

	for (size_t i = 0; rc == 0 && i < lost.n_datasets; i++)
		rc = datasets_each_version(datasets, &lost.dataset[i], false, keep_lost, &lost,
		                           err);
	for (size_t i = 0; rc == 0 && i < lost.n; i++)
		rc = datasets_drop_version(datasets, &lost.version[i], err);
	free(lost.dataset);
	free(lost.version);
	return rc;
}

static bool every_one(void *arg, const struct dataset_version *v)
{
	(void)arg;
	(void)v;
	return true;
}

/* --- processes and directories ---------------------------------------------------------------- */

/* One that cannot be ended stays to be tried again, and so does its run. */
static int end_attempt(struct executor *executor, const char *dir, struct error *err)
{
	AUTO_FD int fd = -1;
	int rc = executor_sweep(executor, dir, err);

	if (rc < 0)
		return rc;
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)!io_remove_tree(fd, "outputs");
	return 0;
}

static int end_job(struct executor *executor, const char *job_dir, struct error *err)
{
	AUTO_DIR DIR *attempts = opendir(job_dir);
	const struct dirent *e;
	int rc = 0;

	while (rc == 0 && attempts && (e = readdir(attempts)) != NULL) {
		AUTO_FREE char *dir = xasprintf("%s/%s", job_dir, e->d_name);

		if (io_is_component(e->d_name))
			rc = end_attempt(executor, dir, err);
	}
	return rc;
}

static int end_jobs(const struct left *left, struct executor *executor, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/jobs", left->dir);
	AUTO_DIR DIR *jobs = opendir(path);
	const struct dirent *e;
	int rc = 0;

	while (rc == 0 && jobs && (e = readdir(jobs)) != NULL) {
		AUTO_FREE char *dir = xasprintf("%s/%s", path, e->d_name);

		if (io_is_component(e->d_name))
			rc = end_job(executor, dir, err);
	}
	return rc;
}

/* --- rows ------------------------------------------------------------------------------------- */

static int end_rows(struct left *left, struct catalog *c, struct error *err)
{
	const char *name;
	size_t pos = 0;
	void *value;
	int rc = 0;

	while (rc == 0 && (name = map_next(&left->jobs, &pos, &value)) != NULL) {
		struct catalog_job row = ((const struct left_job *)value)->row;

		if (((const struct left_job *)value)->state >= JOB_SUCCEEDED)
			continue;
		row.name = name;
		row.state = job_state_name(JOB_CANCELED);
		row.message = why;
		rc = catalog_put_job(c, &row, err);
	}
	left->row.phase = "CANCELED";
	left->row.message = why;
	left->row.finished_ms = clock_wall_ms();
	if (rc == 0)
		rc = catalog_update_run(c, &left->row, err);
	if (rc == 0)
		rc = catalog_add_event(c, left->row.uuid, NULL, 0, left->row.phase, why,
		                       left->row.finished_ms, err);
	return rc;
}

int left_end(struct left *left, struct datasets *datasets, struct executor *executor,
             struct error *err)
{
	struct catalog *c = datasets_catalog(datasets);
	int rc = end_jobs(left, executor, err);

	if (rc == 0)
		rc = left_drop_versions(datasets, left->row.uuid, every_one, NULL, err);
	if (rc == 0)
		rc = catalog_begin(c, err);
	if (rc < 0)
		return rc;
	rc = end_rows(left, c, err);
	if (rc < 0) {
		catalog_rollback(c);
		return rc;
	}
	rc = catalog_commit(c, err);
	if (rc == 0)
		rows_keep(c, left->row.uuid, left->dir);
	return rc;
}
