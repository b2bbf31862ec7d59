/*
 * A job's life, on one page:
 *
 *	waiting -> preparing -> running -> committing -> succeeded
 *
 * or out of it into failed, error, canceled or skipped.  One that is got ready while its needs run
 * is waiting until they have ended well.  job_enter() is the only writer of the state;
 * job_advance() the only place that decides.  Everything that takes long is work on the pool: the
 * pieces of preparing, of which the last one back advances the job, and the commit (commit.c).
 */
#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "engine/internal.h"

/* One piece of work: the image, or one input's tree. */
struct piece {
	struct work work;
	struct run_job *job;
	struct pin *pin; /* an input */
	char *path;      /* its tree */
	bool back;       /* nothing of it is left to do */
	int rc;
	struct error error;
};

static const struct {
	const char *name, *phase;
	unsigned next; /* bits of the states that may follow */
} states[] = {
#define TO(state) (1U << (state))
#define ENDS      (TO(JOB_FAILED) | TO(JOB_ERROR) | TO(JOB_CANCELED))
	[JOB_WAITING] = { "waiting", "PENDING",
	                  TO(JOB_PREPARING) | TO(JOB_CANCELED) | TO(JOB_SKIPPED) },
	[JOB_PREPARING] = { "preparing", "PENDING", TO(JOB_RUNNING) | ENDS },
	[JOB_RUNNING] = { "running", "RUNNING", TO(JOB_COMMITTING) | TO(JOB_SUCCEEDED) | ENDS },
	[JOB_COMMITTING] = { "committing", "RUNNING",
	                     TO(JOB_SUCCEEDED) | TO(JOB_FAILED) | TO(JOB_ERROR) },
	[JOB_SUCCEEDED] = { "succeeded", "SUCCEEDED", 0 },
	[JOB_FAILED] = { "failed", "FAILED", 0 },
	[JOB_ERROR] = { "error", "ERROR", 0 },
	[JOB_CANCELED] = { "canceled", "CANCELED", 0 },
	[JOB_SKIPPED] = { "skipped", "SKIPPED", 0 },
#undef ENDS
#undef TO
};

const char *job_state_name(enum job_state state)
{
	return states[state].name;
}

const char *job_state_phase(enum job_state state)
{
	return states[state].phase;
}

enum job_state job_state_find(const char *name)
{
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (strcmp(states[i].name, name) == 0)
			return (enum job_state)i;
	return JOB_ERROR;
}

static void job_enter(struct run_job *job, enum job_state state)
{
	assert(states[job->state].next & 1U << state);
	job->state = state;
	if (state >= JOB_SUCCEEDED)
		job->finished_ms = clock_mono_ms();
	history_job(job);
	job->run->hooks.on_job(job->run->hooks.arg, job);
}

static void free_live(struct run_job *job)
{
	struct job_work *live = job->live;

	job->live = NULL;
	job_request_free(live->request);
	free(live->unneeded);
	free(live->pieces);
	free(live);
}

/* The message lives as long as the job. */
static void __attribute__((format(printf, 3, 4)))
job_end(struct run_job *job, enum job_state state, const char *fmt, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, fmt);
	if (fmt && vsnprintf(text, sizeof text, fmt, ap) >= 0)
		job->message = xstrdup(text);
	va_end(ap);
	job_enter(job, state);
	free_live(job);
	run_job_ended(job);
}

/* ... with what went wrong. */
static void job_end_error(struct run_job *job, enum job_state state)
{
	AUTO_FREE char *text = job_masked(job, job->live->error.msg);

	job_end(job, state, "%s", text);
}

void job_end_unstarted(struct run_job *job, enum job_state state, const char *message)
{
	job->message = message ? xstrdup(message) : NULL;
	job_enter(job, state);
}

char *job_attempt_dir(const struct run_job *job, int attempt)
{
	return xasprintf("%s/jobs/%s/%d", job->run->dir, job->spec->id, attempt);
}

static void job_advance(struct run_job *job);

/* --- preparing ------------------------------------------------------------------------------ */

static void piece_done(struct work *work)
{
	struct piece *p = container_of(work, struct piece, work);
	struct job_work *live = p->job->live;

	if (p->rc < 0 && live->error.class == 0)
		live->error = p->error;
	if (p->rc == 0 && p->pin && !p->pin->tree)
		p->pin->tree = take_ptr(&p->path);
	free(p->path);
	p->path = NULL;
	p->back = true;
	if (--live->pending == 0)
		job_advance(p->job);
}

static void prepare_image(struct work *work)
{
	struct piece *p = container_of(work, struct piece, work);

	p->rc = executor_prepare(p->job->run->executor, &p->job->live->request->request, &p->error);
}

static void prepare_input(struct work *work)
{
	struct piece *p = container_of(work, struct piece, work);
	const struct run *run = p->job->run;

	p->rc = datasets_fetch(run->datasets, &p->pin->version, DATASET_FILES,
	                       &p->job->live->progress, &p->error);
	if (p->rc == 0 && run->options->verify_inputs)
		p->rc = store_verify(datasets_store(run->datasets), &p->pin->version.manifest,
		                     &p->error);
	if (p->rc == 0)
		p->rc = datasets_tree(run->datasets, &p->pin->version, &p->path, &p->error);
}

static struct piece *add_piece(struct run_job *job)
{
	struct piece *p = &job->live->pieces[job->live->n_pieces++];

	job->live->pending++;
	p->job = job;
	return p;
}

static int begin_attempt(struct run_job *job, struct error *err)
{
	int rc;

	free(job->dir);
	job->dir = job_attempt_dir(job, job->attempt);
	rc = io_mkdirs(job->dir, 0755);
	if (rc < 0)
		return error_sys(err, rc, "cannot make '%s'", job->dir);
	if (job->attempt > 1 && job_hand_over_outputs(job, err) < 0)
		return err->class;
	rc = gpus_take(job, err);
	return rc < 0 ? rc : job_request_new(job, &job->live->request, err);
}

/* What has to be done before it can go. */
static void list_pieces(struct run_job *job)
{
	struct image_pin *image = run_image(job->run, job->spec);

	job->live->pieces = xcalloc(job->spec->n_inputs + 1, sizeof *job->live->pieces);
	if (image && !image->ready)
		(void)add_piece(job);
	for (size_t i = 0; i < job->spec->n_inputs; i++) {
		struct pin *pin = job_input_pin(job, &job->spec->inputs[i]);

		if (!pin)
			continue;
		history_link(job, false, job->spec->inputs[i].name, &pin->version);
		if (!pin->tree)
			add_piece(job)->pin = pin;
	}
}

/* NOLINTNEXTLINE(misc-no-recursion): see start_anew */
void job_start(struct run_job *job)
{
	struct job_work *live = xcalloc(1, sizeof *live);
	struct error err;

	job->live = live;
	job->attempt++;
	job->started_ms = clock_mono_ms();
	live->since_ms = job->started_ms;
	if (job->state == JOB_WAITING && run_has_needs(job))
		job_enter(job, JOB_PREPARING);
	if (begin_attempt(job, &err) == 0) {
		live->request->request.progress = &live->progress;
		list_pieces(job);
	} else {
		live->error = err;
	}
	for (size_t i = 0; i < live->n_pieces; i++)
		work_start(job->run->loop, &live->pieces[i].work,
		           live->pieces[i].pin ? prepare_input : prepare_image, piece_done);
	if (live->pending == 0)
		job_advance(job);
}

/* --- running -------------------------------------------------------------------------------- */

static void on_end(void *arg, const struct attempt_result *result)
{
	struct run_job *job = arg;

	job->live->result = *result;
	job->live->attempt = NULL;
	job_advance(job);
}

static int stage_container(struct run_job *job, struct error *err)
{
	struct job_work *live = job->live;
	struct attempt_hooks hooks = { .on_end = on_end, .arg = job };
	int rc = job_request_add_inputs(live->request, err);

	if (rc == 0)
		rc = executor_stage(job->run->executor, &live->request->request, &hooks,
		                    &live->attempt, err);
	live->staged = rc == 0;
	job_request_free(take_ptr(&live->request));
	return rc;
}

void job_stop(struct run_job *job, bool now)
{
	job->stopping = true;
	if (job->live && job->live->attempt)
		executor_stop(job->live->attempt, job->run->executor, now);
}

void job_withdraw(struct run_job *job, const char *why)
{
	if (job->stopping) /* for another reason, or need */
		return;
	job->live->unneeded = xstrdup(why);
	job_stop(job, false);
}

/* --- telling -------------------------------------------------------------------------------- */

void run_job_progress(const struct run_job *job, struct run_progress *ret_progress)
{
	const struct job_work *live = job->live;

	*ret_progress = (struct run_progress){ .doing = "", .since_ms = job->started_ms };
	if (!live || (job->state != JOB_PREPARING && job->state != JOB_COMMITTING))
		return;
	ret_progress->since_ms = live->since_ms;
	ret_progress->done = atomic_load(&live->progress.done);
	ret_progress->total = atomic_load(&live->progress.total);
	/* The image, if there is something to do for it, is the first piece and has no pin. */
	if (job->state == JOB_PREPARING && live->pending > 0)
		ret_progress->doing =
			live->pieces[0].pin || live->pieces[0].back ? "inputs" : "image";
}

/* --- deciding ------------------------------------------------------------------------------- */

static void remove_attempt(struct run_job *job)
{
	AUTO_FREE char *attempts = xasprintf("%s/jobs/%s", job->run->dir, job->spec->id);

	(void)!io_remove_tree(AT_FDCWD, job->dir);
	(void)rmdir(attempts); /* unless there are others */
	free(job->dir);
	job->attempt--;
	job->dir = job->attempt > 0 ? job_attempt_dir(job, job->attempt) : NULL;
}

/* Of one whose needs still run, or did not end well, nobody has seen that it was got ready: it
 * leaves nothing.  If that went wrong it is tried again in its turn, which may not come. */
static void leave_ahead(struct run_job *job)
{
	AUTO_FREE char *why = take_ptr(&job->live->unneeded);

	remove_attempt(job);
	free_live(job);
	if (job->stopping) {
		job_end_unstarted(job, why ? JOB_SKIPPED : JOB_CANCELED, why);
		run_job_ended(job);
	} else {
		run_job_given_back(job);
	}
}

static void end_preparing(struct run_job *job)
{
	if (job->state == JOB_WAITING)
		leave_ahead(job);
	else if (job->live->error.class != 0)
		job_end_error(job, JOB_ERROR);
	else
		job_end(job, JOB_CANCELED, NULL);
}

/* Once more: the run's network died, say, while it waited for its turn. */
/* NOLINTNEXTLINE(misc-no-recursion): by way of a stage that is new */
static void start_anew(struct run_job *job)
{
	remove_attempt(job);
	free_live(job);
	job_start(job);
}

/* The time that it was ready and waited for others is not its own. */
static void go(struct run_job *job)
{
	struct job_work *live = job->live;

	live->stale = !executor_go(live->attempt, job->run->executor);
	if (live->stale)
		return;
	live->staged = false;
	job->started_ms += clock_mono_ms() - live->since_ms;
	job_enter(job, JOB_RUNNING);
}

static void after_preparing(struct run_job *job)
{
	struct job_work *live = job->live;
	struct image_pin *image = run_image(job->run, job->spec);

	if (live->error.class != 0) {
		end_preparing(job);
		return;
	}
	if (image)
		image->ready = true;
	history_flush(job->run);
	if (job->stopping || stage_container(job, &live->error) < 0) {
		end_preparing(job);
		return;
	}
	live->since_ms = clock_mono_ms();
	if (run_may_go(job))
		go(job);
}

void job_let_go(struct run_job *job)
{
	if (job->state == JOB_WAITING)
		job_enter(job, JOB_PREPARING);
	if (job->live->staged)
		go(job);
}

static void after_failure(struct run_job *job)
{
	const struct attempt_result *r = &job->live->result;

	if (r->oom)
		job_end(job, JOB_FAILED, "out of memory: the kernel killed it");
	else if (r->end == ATTEMPT_SIGNALED)
		job_end(job, JOB_FAILED, "killed by signal %d (%s)", r->signal,
		        sigdescr_np(r->signal) ? sigdescr_np(r->signal) : "unknown");
	else if (r->exit_code == 127)
		job_end(job, JOB_FAILED, "exit code 127: command not found");
	else if (r->exit_code == 126)
		job_end(job, JOB_FAILED, "exit code 126: command cannot be executed");
	else if (r->exit_code > 128 && sigdescr_np(r->exit_code - 128))
		job_end(job, JOB_FAILED, "exit code %d: killed by signal %d (%s)", r->exit_code,
		        r->exit_code - 128, sigdescr_np(r->exit_code - 128));
	else
		job_end(job, JOB_FAILED, "exit code %d", r->exit_code);
}

static void after_success(struct run_job *job)
{
	struct job_work *live = job->live;

	if (live->result.oom)
		run_notice(job->run,
		           "job '%s': out of memory: the kernel killed a process of it, though it "
		           "ended with 0",
		           job->spec->id);
	if (!live->checked) {
		job_notice_undeclared(job);
		if (job_check_outputs(job, &live->error) < 0) {
			job_end_error(job, JOB_FAILED);
			return;
		}
	}
	if (job->n_outputs == 0) {
		job_end(job, JOB_SUCCEEDED, NULL);
		return;
	}
	job_enter(job, JOB_COMMITTING);
	if (job->run->executor->ops->seals && !live->result.sealed && !live->taken)
		run_notice(job->run,
		           "job '%s': a process outside of it may have its outputs open: they "
		           "are copied, which takes longer",
		           job->spec->id);
	history_flush(job->run); /* before a commit takes the directories that were checked */
	live->progress = (struct progress){ 0 };
	live->since_ms = clock_mono_ms();
	commit_start(job);
}

static void after_running(struct run_job *job)
{
	struct job_work *live = job->live;
	const struct attempt_result *r = &live->result;

	if (r->end == ATTEMPT_ERROR) {
		live->error = r->error;
		job_end_error(job, JOB_ERROR);
	} else if (job->stopping) { /* however it ended: it may not have done all its work */
		job_end(job, JOB_CANCELED, NULL);
	} else if (r->end == ATTEMPT_EXITED && r->exit_code == 0) {
		after_success(job);
	} else {
		after_failure(job);
	}
}

static void after_committing(struct run_job *job)
{
	const struct error *why = &job->live->error;

	if (why->class == 0)
		job_end(job, JOB_SUCCEEDED, NULL);
	else /* more than a version can hold is the job's doing */
		job_end_error(job, why->class == SLUICE_LIMIT ? JOB_FAILED : JOB_ERROR);
}

void job_committed(struct run_job *job, const struct error *err)
{
	if (err)
		job->live->error = *err;
	job_advance(job);
}

/* NOLINTNEXTLINE(misc-no-recursion): a job's state only moves on */
static void job_advance(struct run_job *job)
{
	switch (job->state) {
	case JOB_WAITING:
	case JOB_PREPARING:
		if (!job->live->staged)
			after_preparing(job);
		else if (job->state == JOB_WAITING)
			leave_ahead(job);
		else if (job->live->stale && !job->stopping)
			start_anew(job);
		else /* it could not even go */
			after_running(job);
		break;
	case JOB_RUNNING:
		after_running(job);
		break;
	case JOB_COMMITTING:
		after_committing(job);
		break;
	case JOB_SUCCEEDED:
	case JOB_FAILED:
	case JOB_ERROR:
	case JOB_CANCELED:
	case JOB_SKIPPED:
		abort(); /* a job that is not on its way has no work to come back */
	}
}

/* --- after another runner -------------------------------------------------------------------- */

void job_adopt(struct run_job *job, bool committing)
{
	const struct attempt_hooks hooks = { .on_end = on_end, .arg = job };
	struct image_pin *image = run_image(job->run, job->spec);
	struct job_work *live = xcalloc(1, sizeof *live);
	int rc = 0;

	live->taken = job_outputs_are_taken(job);
	live->checked = committing || live->taken;
	if (!live->taken)
		rc = executor_adopt(job->run->executor, job->dir, image ? image->digest : NULL,
		                    &hooks, &live->attempt, &live->error);
	if (rc == SLUICE_NOT_FOUND) {
		free(live);
		return;
	}
	gpus_restore(job);
	job->live = live;
	job->state = JOB_PREPARING;
}

void job_follow(struct run_job *job)
{
	struct job_work *live = job->live;

	if (live->error.class != 0) {
		job_end_error(job, JOB_ERROR);
		return;
	}
	job_enter(job, JOB_RUNNING);
	if (live->taken)
		after_success(job);
}
