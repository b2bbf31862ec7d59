#include "engine/run.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/reserve.h"
#include "base/xalloc.h"
#include "engine/internal.h"
#include "engine/left_internal.h"
#include "engine/owner.h"

enum { SLOW_MS = 1000 };

void run_notice(struct run *run, const char *fmt, ...)
{
	char text[1400];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) >= 0)
		run->hooks.on_notice(run->hooks.arg, text);
	va_end(ap);
}

/* --- its life -------------------------------------------------------------------------------- */

struct run *run_alloc(uv_loop_t *loop, struct datasets *datasets, struct executor *executor,
                      const struct run_options *options, const struct run_hooks *hooks,
                      const char *uuid)
{
	struct run *run = xcalloc(1, sizeof *run);

	run->loop = loop;
	run->datasets = datasets;
	run->executor = executor;
	run->options = options;
	run->hooks = *hooks;
	run->lock = -1;
	run->created_ms = clock_wall_ms();
	run->scratch = STRBUF_INIT(STRBUF_BIG);
	run->jobs = xcalloc(options->spec->n_jobs, sizeof *run->jobs);
	run->rows = xcalloc(options->spec->n_jobs, sizeof *run->rows);
	run->gpu_users = xcalloc(options->machine.n_gpus, sizeof *run->gpu_users);
	for (size_t i = 0; i < options->spec->n_jobs; i++) {
		run->jobs[i].spec = options->spec->jobs[i];
		run->jobs[i].run = run;
	}
	if (uuid)
		memcpy(run->uuid, uuid, sizeof run->uuid);
	else
		id_new_uuid(run->uuid);
	run->dir = xasprintf("%s/runs/%s", options->home, run->uuid);
	return run;
}

int run_new(uv_loop_t *loop, struct datasets *datasets, struct executor *executor,
            const struct run_options *options, const struct run_hooks *hooks, struct run **ret_run,
            struct error *err)
{
	struct run *run = run_alloc(loop, datasets, executor, options, hooks, NULL);
	int rc = run_resolve(run, err);

	if (rc == 0)
		rc = shares_make(run, err);
	if (rc < 0) {
		run_free(run);
		return rc;
	}
	*ret_run = run;
	return 0;
}

static void free_pin(void *value)
{
	struct pin *pin = value;

	free(pin->tree);
	free(pin);
}

void run_free(struct run *run)
{
	if (!run)
		return;
	for (size_t i = 0; i < run_n_jobs(run); i++) {
		free(run->jobs[i].dir);
		free((void *)(uintptr_t)run->jobs[i].message);
		free(run->jobs[i].outputs);
	}
	cleanup_fd(&run->lock);
	map_release(&run->pins, free_pin);
	map_release(&run->images, free);
	map_release(&run->targets, free);
	strbuf_release(&run->scratch);
	sched_release(&run->sched);
	free(run->shares);
	free(run->demands);
	free(run->gpu_users);
	free(run->rows);
	free(run->bindings);
	free(run->jobs);
	free(run->dir);
	free(run);
}

/* Jobs make and remove many small files.  An ext4 without a journal does not take an inode again
 * for minutes: looking for a free one would take longer with each run that was near. */
static int make_dir(const struct run *run)
{
	AUTO_FREE char *runs = xasprintf("%s/runs", run->options->home);
	int rc = io_mkdirs(runs, 0755);

	if (rc < 0)
		return rc;
	io_set_apart(runs);
	return io_mkdirs(run->dir, 0755);
}

/* The directory and its lock stand before the row can be seen: whoever sees a run without an end
 * and can take its lock knows that its runner is dead. */
static int take_ownership(struct run *run, struct error *err)
{
	AUTO_FD int dirfd = -1;
	int rc = make_dir(run);

	dirfd = rc < 0 ? -1 : open(run->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return error_sys(err, rc < 0 ? rc : errno, "cannot make '%s'", run->dir);
	run->lock = lock_take(dirfd, RUN_LOCK, LOCK_EXCLUSIVE, false);
	if (run->lock < 0)
		return error_sys(err, run->lock, "cannot lock '%s'", run->dir);
	rc = run_lock_sign(run->lock);
	if (rc == 0)
		rc = plan_write(run, dirfd);
	if (rc == 0)
		rc = io_put_file_fast(dirfd, "workflow.yaml", run->options->text,
		                      strlen(run->options->text), 0644);
	return rc < 0 ? error_sys(err, rc, "cannot write to '%s'", run->dir) : 0;
}

static int record_run(struct run *run, struct error *err)
{
	struct catalog *c = datasets_catalog(run->datasets);
	struct catalog_run row = {
		.workflow = run->options->workflow,
		.phase = run_phase(run),
		.spec = run->options->text,
		.created_ms = run->created_ms,
		.started_ms = run->started_ms,
	};
	int rc = catalog_begin(c, err);

	if (rc < 0)
		return rc;
	memcpy(row.uuid, run->uuid, sizeof row.uuid);
	rc = catalog_add_run(c, &row, &run->number, err);
	if (rc == 0)
		rc = take_ownership(run, err);
	if (rc < 0) {
		catalog_rollback(c);
		run->number = 0;
		return rc;
	}
	return catalog_commit(c, err);
}

static void on_turn(uv_prepare_t *turn)
{
	history_flush(container_of(turn, struct run, turn));
}

/* From here to the run's end nobody can delete what it reads; that a deletion was not faster is
 * asked for after the links can be seen. */
static int hold_inputs(struct run *run, struct error *err)
{
	size_t pos = 0;
	void *value;

	for (size_t i = 0; i < run_n_jobs(run); i++) {
		const struct run_job *job = &run->jobs[i];

		for (size_t k = 0; k < job->spec->n_inputs; k++) {
			const struct pin *pin = run_pin(run, &job->spec->inputs[k]);

			if (pin)
				history_link(job, false, job->spec->inputs[k].name, &pin->version);
		}
	}
	history_flush(run);
	while (map_next(&run->pins, &pos, &value)) {
		const struct pin *pin = value;
		int rc = datasets_confirm(run->datasets, &pin->version, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int start(struct run *run, struct error *err)
{
	int rc = run_resolve_start(run, err);

	if (rc == 0) {
		run->started = true;
		run->started_ms = clock_wall_ms();
		rc = record_run(run, err);
	}
	for (size_t i = 0; rc == 0 && i < run_n_jobs(run); i++) {
		job_list_outputs(&run->jobs[i]);
		rc = job_open_outputs(&run->jobs[i], err);
		history_job(&run->jobs[i]);
	}
	return rc < 0 ? rc : hold_inputs(run, err);
}

/* This and all rows of the end are what the reserve is for. */
static void drop_open_versions(struct run *run)
{
	reserve_tend(run->options->home, true);
	for (size_t i = 0; i < run_n_jobs(run); i++)
		job_drop_outputs(&run->jobs[i]);
}

/* What the jobs left that is not kept: volumes, strings, half-written outputs. */
static void remove_leftovers(struct work *work)
{
	struct run *run = container_of(work, struct run, cleanup);

	for (size_t i = 0; i < run_n_jobs(run); i++)
		for (int attempt = 1; attempt <= run->jobs[i].attempt; attempt++) {
			AUTO_FREE char *dir = job_attempt_dir(&run->jobs[i], attempt);
			AUTO_FD int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

			if (dirfd >= 0)
				(void)!io_remove_tree(dirfd, "outputs");
		}
}

static void on_slow(uv_timer_t *slow)
{
	run_notice(container_of(slow, struct run, slow), "removing what the jobs left behind");
}

static void on_turn_closed(uv_handle_t *handle)
{
	struct run *run = container_of((uv_prepare_t *)handle, struct run, turn);

	run->hooks.on_end(run->hooks.arg);
}

static void on_slow_closed(uv_handle_t *handle)
{
	struct run *run = container_of((uv_timer_t *)(void *)handle, struct run, slow);

	uv_close((uv_handle_t *)&run->turn, on_turn_closed);
}

static void leftovers_removed(struct work *work)
{
	struct run *run = container_of(work, struct run, cleanup);

	run->ended = true;
	run->finished_ms = clock_wall_ms();
	history_end(run);
	uv_close((uv_handle_t *)&run->slow, on_slow_closed);
}

/* The job that it needs has ended before it, so the reason is there to be told. */
static void skip_job(void *arg, size_t job)
{
	static const char *const how[] = {
		[JOB_FAILED] = "failed",
		[JOB_ERROR] = "ended in error",
		[JOB_CANCELED] = "was canceled",
		[JOB_SKIPPED] = "was skipped",
	};
	struct run *run = arg;
	const struct spec_job *spec = run->jobs[job].spec;
	AUTO_FREE char *why = NULL;

	for (size_t i = 0; i < spec->n_needs && !why; i++) {
		const struct run_job *need = &run->jobs[spec->needs[i]->index];

		if (need->state > JOB_SUCCEEDED)
			why = xasprintf("it needs job '%s', which %s", need->spec->id,
			                how[need->state]);
	}
	if (run->jobs[job].live)
		job_withdraw(&run->jobs[job], why);
	else
		job_end_unstarted(&run->jobs[job], JOB_SKIPPED, why);
}

static void cancel_job(void *arg, size_t job)
{
	struct run *run = arg;

	job_end_unstarted(&run->jobs[job], JOB_CANCELED, NULL);
}

bool run_may_go(const struct run_job *job)
{
	return sched_holds(&job->run->sched, job->spec->index);
}

bool run_has_needs(const struct run_job *job)
{
	return sched_has_needs(&job->run->sched, job->spec->index);
}

static void forget_ahead(struct run *run, const struct run_job *job)
{
	for (int i = 0; i < SCHED_AHEADS; i++)
		if (run->ahead[i] == job)
			run->ahead[i] = NULL;
}

/* Those that were got ready ahead, or still are. */
static void let_go(struct run *run)
{
	for (int i = 0; i < SCHED_AHEADS; i++) {
		struct run_job *job = run->ahead[i];

		if (!job || job->stopping || !run_may_go(job))
			continue;
		run->ahead[i] = NULL;
		job_let_go(job);
	}
}

static void begin_job(struct run *run, struct run_job *job)
{
	int i = 0;

	while (!run_may_go(job) && run->ahead[i])
		i++;
	if (!run_may_go(job))
		run->ahead[i] = job;
	job_start(job);
}

/* Starts what may start, and ends what has nothing left.  A job that fails at once comes back here
 * from inside: the outermost call does the work, so that nothing nests. */
static void run_advance(struct run *run)
{
	bool more = true;

	if (run->advancing)
		return;
	run->advancing = true;
	while (more) {
		size_t job = 0;

		more = !run->stopping && sched_next(&run->sched, &job);
		let_go(run);
		if (more)
			begin_job(run, &run->jobs[job]);
	}
	run->advancing = false;
	if (!sched_is_done(&run->sched) || run->finishing)
		return;
	run->finishing = true;
	history_flush(run);
	drop_open_versions(run);
	(void)uv_timer_init(run->loop, &run->slow);
	(void)uv_timer_start(&run->slow, on_slow, SLOW_MS, 0);
	work_start(run->loop, &run->cleanup, remove_leftovers, leftovers_removed);
}

static void stop_all(struct run *run, bool now)
{
	run->stopping = true;
	sched_stop(&run->sched, cancel_job, run);
	for (size_t i = 0; i < run_n_jobs(run); i++)
		if (run->jobs[i].live)
			job_stop(&run->jobs[i], now);
}

void run_job_ended(struct run_job *job)
{
	struct run *run = job->run;
	bool ok = job->state == JOB_SUCCEEDED;

	forget_ahead(run, job);
	run->n_failed += job->state == JOB_FAILED;
	run->n_error += job->state == JOB_ERROR;
	gpus_give_back(job);
	sched_done(&run->sched, job->spec->index, ok, skip_job, run);
	if (!ok && run->options->fail_fast && !run->stopping)
		stop_all(run, false);
	run_advance(run);
}

void run_job_given_back(struct run_job *job)
{
	forget_ahead(job->run, job);
	sched_give_back(&job->run->sched, job->spec->index);
	run_advance(job->run);
}

/* What is recorded of it gets an end too. */
static void end_unstarted(struct run *run, const struct error *err)
{
	history_flush(run);
	drop_open_versions(run);
	run->error = *err;
	run->ended = true;
	run->finished_ms = clock_wall_ms();
	run->n_error++;
	if (run->number == 0)
		return;
	for (size_t i = 0; i < run_n_jobs(run); i++)
		job_end_unstarted(&run->jobs[i], JOB_SKIPPED, "the run could not start");
	history_end(run);
}

void run_sched_restore(struct run *run, const enum sched_was *was)
{
	sched_restore(&run->sched, run->options->spec, was, skip_job, run);
}

/* What the last runner would have done next. */
static void resume_stopping(struct run *run)
{
	run->cancel_signal = run->left->cancel_signal;
	if (run->cancel_signal || (run->options->fail_fast && run->n_failed + run->n_error > 0))
		stop_all(run, false);
}

static int begin(struct run *run, struct error *err)
{
	struct sched_amount room;
	int rc;

	shares_room(run, &room);
	sched_init(&run->sched, run->options->spec, &room, run->demands,
	           run->executor->ops->staged_stay ? SCHED_NEEDING : SCHED_LACKING);
	run->advancing = true; /* until it is all there */
	rc = run->left ? run_resume_start(run, err) : start(run, err);
	history_flush(run);
	if (rc < 0) {
		if (!run->left)
			end_unstarted(run, err);
		return rc;
	}
	history_keep(run);
	(void)uv_prepare_init(run->loop, &run->turn);
	(void)uv_prepare_start(&run->turn, on_turn);
	if (run->left)
		resume_stopping(run);
	run->advancing = false;
	run_advance(run);
	return 0;
}

void run_given_done(struct run *run, const struct error *err)
{
	struct error why;

	if (!err && begin(run, &why) == 0)
		return;
	if (err)
		run->error = *err;
	run->ended = true;
	run->hooks.on_end(run->hooks.arg);
}

void run_images_done(struct run *run, const struct error *err)
{
	struct error why;

	if (!err && given_start(run, &why) < 0)
		err = &why;
	if (err || !run->given)
		run_given_done(run, err);
}

int run_start(struct run *run, struct error *err)
{
	int rc = 0;

	if (!run->left && images_start(run))
		return 0;
	rc = given_start(run, err);
	return rc < 0 || run->given ? rc : begin(run, err);
}

void run_cancel(struct run *run, int signal)
{
	bool again = run->cancel_signal != 0;

	if (run->given || run->wanted)
		run->cancel_signal = signal;
	if (run->wanted)
		images_cancel(run);
	if (run->given)
		given_cancel(run);
	if (!run->started || run->finishing)
		return;
	run->cancel_signal = signal;
	if (!again)
		history_canceling(run);
	stop_all(run, again);
	run_advance(run);
}
