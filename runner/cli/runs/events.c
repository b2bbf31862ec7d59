/*
 * The view for scripts: one JSON object a line, written at once.  Their forms stand in
 * schema/event.json.  Where log lines are asked for, a job's lines come before what is said of its
 * end.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/runs/run_json.h"
#include "cli/text.h"
#include "cli/view/view_kind.h"
#include "cli/workflow/plan.h"
#include "loop/tail.h"

enum { STAMP_MS_LEN = 23 }; /* of a log line's time: "2026-11-23T20:27:00.123" */

struct follower {
	struct events *events;
	const struct run_job *job;
	struct tail *tail;  /* NULL: none, or at its end */
	struct strbuf held; /* what is said of its end */
};

struct events {
	uv_loop_t *loop;
	const struct cli *cli;
	const struct run *run; /* NULL: not yet */
	const char *workflow;
	struct follower *followers; /* one a job */
	size_t n_followers, n_tails;
	bool with_logs, announced, run_ended;
};

/* Takes the event; a line goes out whole, and at once. */
static void put(cJSON *event, struct strbuf *held)
{
	AUTO_FREE char *text = json_print(event);
	struct strbuf line = STRBUF_INIT(STRBUF_BIG);

	cJSON_Delete(event);
	text_add_utf8(&line, text, strlen(text));
	strbuf_addch(&line, '\n');
	if (held) {
		strbuf_add(held, line.buf, line.len);
	} else {
		(void)fwrite(strbuf_str(&line), 1, line.len, stdout);
		(void)fflush(stdout);
	}
	strbuf_release(&line);
}

static cJSON *new_event(const struct events *e, const char *type)
{
	char time[CLOCK_TEXT_SIZE];
	cJSON *event = json_new_obj();

	json_add_str(event, "type", type);
	json_add_str(event, "time", clock_format(clock_wall_ms(), time));
	if (e->announced)
		json_add_str(event, "run", run_uuid(e->run));
	return event;
}

/* The run has its number only once it is recorded. */
static void announce(struct events *e)
{
	cJSON *event;
	cJSON *jobs;

	if (e->announced || !e->run || run_number(e->run) == 0)
		return;
	e->announced = true;
	event = new_event(e, "run_started");
	json_add_str(event, "workflow", e->workflow);
	json_add_int(event, "id", run_number(e->run));
	json_add_str(event, "executor", run_executor(e->run)->name);
	jobs = json_new_arr();
	for (size_t i = 0; i < run_n_jobs(e->run); i++)
		json_push_str(jobs, run_job(e->run, i)->spec->id);
	json_add(event, "jobs", jobs);
	put(event, NULL);
}

/* --- logs ----------------------------------------------------------------------------------- */

static void on_line(void *arg, const struct tail_line *line)
{
	struct follower *f = arg;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	AUTO_STRBUF struct strbuf time = STRBUF_INIT(STRBUF_BIG);
	cJSON *event = json_new_obj();

	text_add_utf8(&text, line->text, line->len);
	strbuf_add(&time, line->time,
	           line->time_len > STAMP_MS_LEN ? STAMP_MS_LEN : line->time_len);
	strbuf_addch(&time, 'Z');
	json_add_str(event, "type", "log");
	json_add_str(event, "time", strbuf_str(&time));
	json_add_str(event, "run", run_uuid(f->events->run));
	json_add_str(event, "job", f->job->spec->id);
	json_add_int(event, "attempt", f->job->attempt);
	json_add_str(event, "stream", line->is_stderr ? "stderr" : "stdout");
	json_add_str(event, "text", strbuf_str(&text));
	json_add_bool(event, "partial", line->partial);
	put(event, NULL);
}

/* The last lines of a log may come after the run's own end. */
static void maybe_finish(struct events *e)
{
	struct catalog_run row;
	cJSON *event;

	if (!e->run_ended || e->n_tails > 0 || run_error(e->run))
		return;
	row = run_row(e->run);
	event = new_event(e, "run_finished");
	json_add_str(event, "workflow", row.workflow);
	json_add_int(event, "id", row.number);
	run_json_add_status(event, &row);
	json_add_int(event, "exitStatus", run_exit_status(e->run));
	put(event, NULL);
}

static void on_tail_end(void *arg)
{
	struct follower *f = arg;

	f->tail = NULL;
	f->events->n_tails--;
	(void)fwrite(strbuf_str(&f->held), 1, f->held.len, stdout);
	(void)fflush(stdout);
	strbuf_clear(&f->held);
	maybe_finish(f->events);
}

static void follow(struct events *e, struct follower *f)
{
	AUTO_FREE char *path = xasprintf("%s/log", f->job->dir);
	struct tail_hooks hooks = { .on_line = on_line, .on_end = on_tail_end, .arg = f };

	f->tail = tail_start(e->loop, path, &hooks);
	e->n_tails++;
}

/* --- what is said of jobs and of the run ---------------------------------------------------- */

static void put_version(const struct events *e, const struct run_job *job,
                        const struct run_output *o, struct strbuf *held)
{
	cJSON *event = new_event(e, "version");

	json_add_str(event, "job", job->spec->id);
	json_add_str(event, "output", o->spec->name);
	json_add(
		event, "dataset",
		run_json_dataset(o->version.dataset_name, o->version.dataset, o->version.id, true));
	json_add_int(event, "files", (int64_t)o->info.files);
	json_add_int(event, "usageBytes", (int64_t)o->info.bytes);
	put(event, held);
}

static void events_job(void *arg, const struct run_job *job)
{
	struct events *e = arg;
	struct follower *f = &e->followers[job->spec->index];
	struct catalog_job row = run_job_row(job);
	struct strbuf *held = f->tail ? &f->held : NULL;
	cJSON *event;

	announce(e);
	for (size_t i = 0; job->state == JOB_SUCCEEDED && i < job->n_outputs; i++)
		put_version(e, job, &job->outputs[i], held);
	event = new_event(e, "job");
	json_add_str(event, "job", job->spec->id);
	run_json_add_job(event, &row, e->cli->home);
	put(event, job->state >= JOB_SUCCEEDED ? held : NULL);
	if (job->state == JOB_RUNNING && e->with_logs)
		follow(e, f);
	else if (job->state >= JOB_SUCCEEDED && f->tail)
		tail_finish(f->tail);
}

static void events_notice(void *arg, const char *text)
{
	struct events *e = arg;
	cJSON *event;

	if (e->cli->quiet)
		return;
	announce(e);
	event = new_event(e, "notice");
	json_add_str(event, "message", text);
	put(event, NULL);
}

static void events_pull(void *arg, const struct run_pull *pull)
{
	struct events *e = arg;
	cJSON *event;

	if (e->cli->quiet)
		return;
	event = new_event(e, "pull");
	json_add_int(event, "bytes", (int64_t)pull->done);
	json_add_int(event, "totalBytes", (int64_t)pull->total);
	json_add_bool(event, "finished", pull->over);
	put(event, NULL);
}

static void events_end(void *arg)
{
	struct events *e = arg;

	announce(e);
	e->run_ended = true;
	maybe_finish(e);
}

/* --- what ends before a run begins ------------------------------------------------------------ */

static void events_diags(void *arg, const struct diags_shown *d)
{
	for (size_t i = 0; i < d->n; i++) {
		cJSON *event = new_event(arg, "diagnostic");

		json_add_str(event, "file", d->file);
		json_add(event, "diagnostic", diags_json(&d->list[i]));
		put(event, NULL);
	}
}

static void events_plan(void *arg, struct run *run, const char *workflow)
{
	cJSON *event = new_event(arg, "plan");

	plan_add_json(event, run, workflow);
	put(event, NULL);
}

static void events_error(void *arg, const char *message, int status)
{
	const struct events *e = arg;
	cJSON *event = new_event(e, "error");

	json_add_str(event, "message", message);
	json_add_int(event, "exitStatus", status);
	put(event, NULL);
}

/* --- the kinds ------------------------------------------------------------------------------ */

static void *events_make(uv_loop_t *loop, const struct cli *cli)
{
	struct events *e = xcalloc(1, sizeof *e);

	e->loop = loop;
	e->cli = cli;
	return e;
}

static void *events_make_with_logs(uv_loop_t *loop, const struct cli *cli)
{
	struct events *e = events_make(loop, cli);

	e->with_logs = true;
	return e;
}

static void events_begin(void *arg, const struct run *run, const char *workflow)
{
	struct events *e = arg;

	e->run = run;
	e->workflow = workflow;
	e->n_followers = run_n_jobs(run);
	e->followers = xcalloc(e->n_followers, sizeof *e->followers);
	for (size_t i = 0; i < e->n_followers; i++)
		e->followers[i] = (struct follower){
			.events = e,
			.job = run_job(run, i),
			.held = STRBUF_INIT(STRBUF_BIG),
		};
}

static void events_free(void *arg)
{
	struct events *e = arg;

	assert(e->n_tails == 0);
	for (size_t i = 0; i < e->n_followers; i++) /* the run may be gone */
		strbuf_release(&e->followers[i].held);
	free(e->followers);
	free(e);
}

#define EVENTS(make_one)                                                           \
	{                                                                          \
		.make = (make_one), .begin = events_begin, .job = events_job,      \
		.notice = events_notice, .pull = events_pull, .end = events_end,   \
		.diags = events_diags, .plan = events_plan, .error = events_error, \
		.free = events_free,                                               \
	}

const struct view_kind view_events = EVENTS(events_make);
const struct view_kind view_events_with_logs = EVENTS(events_make_with_logs);
