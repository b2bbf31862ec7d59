#include "engine/left.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/parse.h"
#include "base/xalloc.h"
#include "engine/internal.h"
#include "engine/left_internal.h"
#include "engine/owner.h"

enum { SPEC_TEXT_MAX = 64 << 20, SIGNAL_MAX = 64 };

/* --- what was recorded of it ----------------------------------------------------------------- */

static int keep_row(void *arg, const struct catalog_run *row)
{
	struct left *left = arg;

	left->row = *row;
	left->row.workflow = left->workflow = xstrdup(row->workflow);
	left->row.spec = left->text = xstrdup(row->spec ? row->spec : "");
	left->row.phase = run_phase_is_unfinished(row->phase) ? "RUNNING" : "";
	left->row.message = NULL;
	return 0;
}

static int keep_job(void *arg, const struct catalog_job *row)
{
	struct left *left = arg;
	struct left_job *job = xcalloc(1, sizeof *job);

	job->row = *row;
	job->row.name = NULL; /* it is the key */
	job->row.state = NULL;
	job->row.message = job->message = row->message ? xstrdup(row->message) : NULL;
	for (int s = JOB_WAITING; s <= JOB_SKIPPED; s++)
		if (strcmp(job_state_name((enum job_state)s), row->state) == 0)
			job->state = (enum job_state)s;
	(void)map_set(&left->jobs, row->name, job);
	return 0;
}

/* 0: it is none. */
static int signal_of(const char *text)
{
	uint64_t number;

	return parse_u64(text, SIGNAL_MAX, &number) ? (int)number : 0;
}

/* When each attempt began, and whether the run was being canceled. */
static int keep_event(void *arg, const struct catalog_event *event)
{
	struct left *left = arg;
	struct left_job *job = event->job ? map_find(&left->jobs, event->job) : NULL;

	if (job && strcmp(event->state, job_state_name(JOB_PREPARING)) == 0)
		job->began_ms = event->at_ms;
	if (!event->job && strcmp(event->state, HISTORY_CANCELING) == 0 && event->detail)
		left->cancel_signal = signal_of(event->detail);
	return 0;
}

static int read_rows(struct left *left, struct catalog *c, const char *uuid, struct error *err)
{
	int rc = catalog_each_run(c, uuid, NULL, 1, keep_row, left, err);

	if (rc == 0 && !left->workflow)
		rc = error_set(err, SLUICE_NOT_FOUND, "there is no run '%s'", uuid);
	else if (rc == 0 && !left->row.phase[0])
		rc = error_set(err, SLUICE_INVALID, "it has ended already");
	if (rc == 0)
		rc = catalog_each_job(c, uuid, keep_job, left, err);
	return rc < 0 ? rc : catalog_each_event(c, uuid, keep_event, left, err);
}

static int take_lock(struct left *left, const char *home, const char *uuid, struct error *err)
{
	enum owner owner;
	int pid = 0;

	left->dir = xasprintf("%s/runs/%s", home, uuid);
	left->dirfd = open(left->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (left->dirfd < 0 && errno == ENOENT) { /* it can be ended, and no more */
		(void)error_set(&left->no_plan, SLUICE_NOT_FOUND, "its directory '%s' is gone",
		                left->dir);
		return 0;
	}
	if (left->dirfd < 0)
		return error_sys(err, errno, "cannot open '%s'", left->dir);
	left->lock = lock_take(left->dirfd, RUN_LOCK, LOCK_EXCLUSIVE, false);
	if (left->lock == -EWOULDBLOCK) {
		(void)!run_owner(home, uuid, &owner, &pid, err);
		return error_set(err, SLUICE_EXISTS, "its runner lives (process %d)", pid);
	}
	if (left->lock < 0)
		return error_sys(err, left->lock, "cannot lock '%s'", left->dir);
	return run_lock_sign(left->lock) < 0
	               ? error_sys(err, errno, "cannot write to '%s'", left->dir)
	               : 0;
}

int left_take(struct catalog *catalog, const char *home, const char *uuid, struct left **ret_left,
              struct error *err)
{
	struct left *left = xcalloc(1, sizeof *left);
	int rc;

	left->dirfd = left->lock = -1;
	rc = take_lock(left, home, uuid, err);
	if (rc == 0 && left->dirfd >= 0)
		rc = rows_restore(catalog, home, uuid, err);
	if (rc == 0) /* after the lock: who ends a run holds it */
		rc = read_rows(left, catalog, uuid, err);
	if (rc == 0 && left->dirfd >= 0 && plan_read(left->dirfd, &left->plan, &left->no_plan) < 0)
		left->plan = NULL;
	if (rc < 0)
		left_free(left);
	else
		*ret_left = left;
	return rc;
}

int left_read_plan(const char *home, const char *uuid, cJSON **ret_plan, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/runs/%s", home, uuid);
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret_plan = NULL;
	if (dir < 0 || faccessat(dir, PLAN_NAME, F_OK, 0) != 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "cannot read '%s'", path);
	return plan_read(dir, ret_plan, err);
}

static void free_job(void *value)
{
	struct left_job *job = value;

	free(job->message);
	free(job);
}

void left_free(struct left *left)
{
	if (!left)
		return;
	cleanup_fd(&left->lock);
	cleanup_fd(&left->dirfd);
	map_release(&left->jobs, free_job);
	cJSON_Delete(left->plan);
	free(left->workflow);
	free(left->text);
	free(left->dir);
	free(left);
}

/* --- what is asked of it ---------------------------------------------------------------------- */

const char *left_text(const struct left *left)
{
	return left->text;
}

const char *left_workflow(const struct left *left)
{
	return left->workflow;
}

int64_t left_number(const struct left *left)
{
	return left->row.number;
}

bool left_is_of_this_boot(const struct left *left)
{
	return left->plan && plan_is_of_this_boot(left->plan);
}

int left_options(const struct left *left, struct run_options *options, struct error *err)
{
	if (!left->plan) {
		*err = left->no_plan;
		return err->class;
	}
	*options = (struct run_options){ .workflow = left->workflow, .text = left->text };
	plan_options(left->plan, options);
	return 0;
}

/* What its row says of a job; one that has none had not begun. */
static enum job_state state_of(const struct left *left, const struct spec_job *job)
{
	const struct left_job *lj = map_find(&left->jobs, job->id);

	return lj ? lj->state : JOB_WAITING;
}

static bool will_start(const struct left *left, const struct spec_job *job)
{
	enum job_state state = state_of(left, job);

	return state == JOB_WAITING || state == JOB_PREPARING ||
	       (state == JOB_RUNNING && !left_is_of_this_boot(left));
}

char *left_missing_secrets(const struct left *left, const struct spec *spec,
                           const struct map *secrets)
{
	struct strbuf names = STRBUF_INIT(512);
	struct map missing = MAP_INIT;

	for (size_t i = 0; i < spec->n_jobs; i++) {
		const struct spec_job *job = spec->jobs[i];

		for (size_t k = 0; will_start(left, job) && k < job->n_env; k++) {
			const char *name = spec_secret_name(job->env[k].value);

			if (!name || map_find(secrets, name) || map_set(&missing, name, &missing))
				continue;
			strbuf_addf(&names, "%s'%s'", missing.len > 1 ? ", " : "", name);
		}
	}
	map_release(&missing, NULL);
	return strbuf_detach(&names);
}
