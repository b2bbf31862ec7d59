/*
 * The plain view: every log line, for pipes, files and terminals that can do no more.  A file
 * or a pipe gets every byte that a job wrote, so what is done for a line is done for gigabytes of
 * them: lines are gathered and written in large pieces.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/text.h"
#include "cli/view/pull.h"
#include "cli/view/summary.h"
#include "cli/view/view_kind.h"
#include "loop/tail.h"
#include "loop/work.h"

enum {
	OUT_ENOUGH = 64 * 1024, /* gathered before it is written: what a pipe holds */
	PREFIX_MOST = 24,       /* names that are longer than this stand out */
};

struct plain_log {
	struct plain *plain;
	const struct run_job *job;
	struct tail *tail; /* NULL: none, or at its end */
	char *prefix;      /* while there is a tail */
	size_t prefix_len;
	bool ran;  /* it has a log */
	bool held; /* nothing is said of it yet: a job that it needs has lines to come */
};

struct plain {
	uv_loop_t *loop;
	uv_prepare_t turn; /* what a turn of the loop printed is seen before it waits again */
	const struct cli *cli;
	const struct run *run;
	const char *workflow;
	struct plain_log *logs;
	const struct run_job *unfinished; /* the job whose last line had no end yet */
	struct strbuf out;
	size_t n_tails;
	size_t *held; /* indexes of such jobs, in their order */
	size_t n_held;
	size_t unbegun; /* of summary_is_told() */
	int name_width;
	bool run_ended;
	int64_t began_ms;
	struct pull_shown pull;
};

static const char *colour(const struct plain *p, const char *code)
{
	return p->cli->out_colour ? code : "";
}

static void write_out(struct plain *p)
{
	(void)fwrite(p->out.buf, 1, p->out.len, stdout);
	strbuf_clear(&p->out);
}

static void flush(struct plain *p)
{
	write_out(p);
	(void)fflush(stdout);
}

/* A part of a line may still stand there: nothing else goes on the same line. */
static void fresh_line(struct plain *p)
{
	if (p->unfinished)
		strbuf_addch(&p->out, '\n');
	p->unfinished = NULL;
}

/* A terminal gets what it can show without harm, a file or a pipe every byte. */
static void on_line(void *arg, const struct tail_line *line)
{
	struct plain_log *log = arg;
	struct plain *p = log->plain;

	if (p->unfinished != log->job) {
		fresh_line(p);
		strbuf_add(&p->out, log->prefix, log->prefix_len);
	}
	if (p->cli->out_tty)
		text_add_log(&p->out, line->text, line->len, p->cli->out_colour);
	else
		strbuf_add(&p->out, line->text, line->len);
	p->unfinished = line->partial ? log->job : NULL;
	if (!line->partial)
		strbuf_addch(&p->out, '\n');
	if (p->out.len >= OUT_ENOUGH)
		write_out(p);
}

static void print_end(struct plain *p, const struct run_job *job)
{
	if (!summary_is_told(job, &p->unbegun))
		return;
	fresh_line(p);
	strbuf_addf(&p->out, "%s%-*s :%s ", colour(p, summary_colour(job)), p->name_width,
	            job->spec->id, colour(p, "\x1b[0m"));
	summary_add_end(&p->out, job);
	strbuf_addch(&p->out, '\n');
}

/* The last lines of a log may come after the run's own end. */
static void maybe_finish(struct plain *p)
{
	const struct summary summary = {
		.cli = p->cli,
		.run = p->run,
		.workflow = p->workflow,
		.took_ms = clock_mono_ms() - p->began_ms,
		.unbegun = p->unbegun,
	};

	if (!p->run_ended || p->n_tails > 0 || p->n_held > 0)
		return;
	fresh_line(p);
	summary_add(&p->out, &summary);
	flush(p);
}

/* What was skipped or started stands below its cause. */
static bool must_wait(const struct plain *p, const struct run_job *job)
{
	for (size_t i = 0; i < job->spec->n_needs; i++) {
		const struct plain_log *need = &p->logs[job->spec->needs[i]->index];

		if (need->tail || need->held)
			return true;
	}
	return false;
}

static void hold(struct plain_log *log)
{
	struct plain *p = log->plain;

	log->held = true;
	p->held[p->n_held++] = log->job->spec->index;
}

static void on_tail_end(void *arg);

static void follow(struct plain_log *log)
{
	struct plain *p = log->plain;
	AUTO_FREE char *path = xasprintf("%s/log", log->job->dir);
	struct tail_hooks hooks = { .on_line = on_line, .on_end = on_tail_end, .arg = log };

	log->tail = tail_start(p->loop, path, &hooks);
	log->prefix = xasprintf("%s%-*s |%s ", colour(p, "\x1b[36m"), p->name_width,
	                        log->job->spec->id, colour(p, "\x1b[0m"));
	log->prefix_len = strlen(log->prefix);
	p->n_tails++;
	fresh_line(p);
	strbuf_addf(&p->out, "%s%-*s :%s started\n", colour(p, "\x1b[36m"), p->name_width,
	            log->job->spec->id, colour(p, "\x1b[0m"));
}

/* What waited may have ended meanwhile. */
static void let_go(struct plain_log *log)
{
	const struct run_job *job = log->job;

	log->held = false;
	if (log->ran)
		follow(log);
	else
		print_end(log->plain, job);
	if (log->tail && job->state >= JOB_SUCCEEDED)
		tail_finish(log->tail);
}

static void let_held_go(struct plain *p)
{
	size_t left = 0;

	for (size_t i = 0; i < p->n_held; i++) {
		struct plain_log *log = &p->logs[p->held[i]];

		if (must_wait(p, log->job))
			p->held[left++] = p->held[i];
		else
			let_go(log);
	}
	p->n_held = left;
}

static void on_tail_end(void *arg)
{
	struct plain_log *log = arg;

	log->tail = NULL;
	free(take_ptr(&log->prefix));
	log->plain->n_tails--;
	print_end(log->plain, log->job);
	let_held_go(log->plain);
	maybe_finish(log->plain);
}

static void plain_job(void *arg, const struct run_job *job)
{
	struct plain *p = arg;
	struct plain_log *log = &p->logs[job->spec->index];
	bool ended = job->state >= JOB_SUCCEEDED;

	log->ran = log->ran || job->state == JOB_RUNNING;
	if (log->held || !(ended || job->state == JOB_RUNNING))
		return;
	if (log->tail)
		tail_finish(log->tail);
	else if (must_wait(p, job))
		hold(log);
	else if (ended)
		print_end(p, job);
	else
		follow(log);
}

static void plain_notice(void *arg, const char *text)
{
	struct plain *p = arg;

	fresh_line(p);
	flush(p);
	(void)fputs("sluice: ", stderr);
	(void)text_put_safe(text, stderr);
	(void)fputc('\n', stderr);
}

static void plain_end(void *arg)
{
	struct plain *p = arg;

	p->run_ended = true;
	maybe_finish(p);
}

static void on_turn(uv_prepare_t *turn)
{
	flush(container_of(turn, struct plain, turn));
}

static void *plain_make(uv_loop_t *loop, const struct cli *cli)
{
	struct plain *p = xcalloc(1, sizeof *p);

	p->loop = loop;
	p->cli = cli;
	p->out = STRBUF_INIT(STRBUF_BIG);
	(void)uv_prepare_init(loop, &p->turn);
	(void)uv_prepare_start(&p->turn, on_turn);
	uv_unref((uv_handle_t *)&p->turn);
	return p;
}

static void plain_free(void *arg)
{
	struct plain *p = arg;

	assert(p->n_tails == 0);
	free(p->held);
	free(p->logs);
	strbuf_release(&p->out);
	free(p);
}

static void plain_begin(void *arg, const struct run *run, const char *workflow)
{
	struct plain *p = arg;
	size_t n = run_n_jobs(run);

	p->run = run;
	p->workflow = workflow;
	p->began_ms = clock_mono_ms();
	p->logs = xcalloc(n, sizeof *p->logs);
	p->held = xcalloc(n, sizeof *p->held);
	for (size_t i = 0; i < n; i++) {
		const struct run_job *job = run_job(run, i);
		int len = (int)strlen(job->spec->id);

		p->logs[i] = (struct plain_log){ .plain = p, .job = job };
		if (len > p->name_width && len <= PREFIX_MOST)
			p->name_width = len;
	}
}

static void plain_pull(void *arg, const struct run_pull *pull)
{
	struct plain *p = arg;

	pull_show(&p->pull, p->cli, pull);
}

const struct view_kind view_plain = {
	.make = plain_make,
	.begin = plain_begin,
	.job = plain_job,
	.notice = plain_notice,
	.pull = plain_pull,
	.end = plain_end,
	.free = plain_free,
};
