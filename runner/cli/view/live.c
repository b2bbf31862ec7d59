/*
 * The live view: a status block at the foot of the terminal, and above it the latest log lines.
 *
 * What it costs must not depend on how much the jobs write.  So it does not follow their logs: some
 * times a second it looks at how long they are, and reads the last lines of a few that have grown.
 * What was left out is said.  A job that writes no faster than a person could read is shown whole.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/text.h"
#include "cli/view/layout.h"
#include "cli/view/pull.h"
#include "cli/view/recent.h"
#include "cli/view/screen.h"
#include "cli/view/summary.h"
#include "cli/view/view_kind.h"
#include "loop/work.h"

enum {
	TICK_MS = 100,
	TICK_LOOKS = 256,  /* logs whose length is asked for in a tick */
	TICK_LINES = 32,   /* log lines that are shown in a tick, of all jobs */
	JOB_LINES = 4,     /* ... of one job at least */
	END_LINES = 32,    /* of what a job wrote between the last tick and its end */
	LINE_BYTES = 1000, /* of a line that are shown */
	SCROLL_ENOUGH =
		1 << 20, /* while the terminal takes nothing, ends of jobs gather; lines not */
	PREFIX_MOST = 24,
	PREFIX_LEAST = 8,
	WHAT_SIZE = 160,
	RATE_MS = 500, /* before that a rate means little */
};

struct live {
	uv_timer_t timer; /* runs while jobs do */
	const struct cli *cli;
	const struct run *run;
	const char *workflow;
	char *title;
	int64_t began_ms;
	struct recent *logs; /* one for each job */
	struct screen screen;
	struct strbuf scroll; /* to be shown above the block */
	size_t name_width;
	size_t next; /* of `active`: whose log is looked at first */
	/* From the states of all jobs, when one has changed. */
	bool changed;
	size_t count[JOB_SKIPPED + 1];
	size_t *active; /* indexes of jobs that have started and not ended */
	size_t n_active;
	size_t waiting[LAYOUT_ROWS]; /* the first of those */
	size_t n_waiting;
	size_t unbegun; /* of summary_is_told() */
	struct pull_shown pull;
};

static const char *colour(const struct live *v, const char *code)
{
	return v->cli->out_colour ? code : "";
}

/* --- the states of all jobs ----------------------------------------------------------------- */

static void count_jobs(struct live *v)
{
	if (!v->changed)
		return;
	v->changed = false;
	memset(v->count, 0, sizeof v->count);
	v->n_active = v->n_waiting = 0;
	for (size_t i = 0; i < run_n_jobs(v->run); i++) {
		enum job_state state = run_job(v->run, i)->state;

		v->count[state]++;
		if (state == JOB_WAITING && v->n_waiting < LAYOUT_ROWS)
			v->waiting[v->n_waiting++] = i;
		if (state > JOB_WAITING && state < JOB_SUCCEEDED)
			v->active[v->n_active++] = i;
	}
}

/* --- what scrolls --------------------------------------------------------------------------- */

static void add_name(struct live *v, const struct run_job *job, const char *code, char mark)
{
	size_t most = v->screen.columns / 3 > PREFIX_LEAST ? v->screen.columns / 3 : PREFIX_LEAST;
	size_t width = v->name_width < most ? v->name_width : most;
	size_t column;

	strbuf_addstr(&v->scroll, colour(v, code));
	for (column = text_add_name_fit(&v->scroll, job->spec->id, width); column < width; column++)
		strbuf_addch(&v->scroll, ' ');
	strbuf_addf(&v->scroll, " %c%s ", mark, colour(v, "\x1b[0m"));
}

/* How much of a text to take so that no character is cut. */
static size_t cut_length(const char *text, size_t len, size_t most)
{
	if (len <= most)
		return len;
	while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
		most--;
	return most;
}

/* Of a look at one job's log. */
struct look {
	struct live *live;
	const struct run_job *job;
};

static void on_line(void *arg, const struct tail_line *line)
{
	const struct look *look = arg;
	struct live *v = look->live;
	const char *text = line->text;
	size_t whole = line->len, len;
	int64_t skipped = v->logs[look->job->spec->index].skipped;
	char size[TEXT_SIZE_LEN];

	if (skipped > 0) {
		add_name(v, look->job, "\x1b[36m", ':');
		strbuf_addf(&v->scroll, "%s... %s of its log%s\n", colour(v, "\x1b[2m"),
		            text_size((uint64_t)skipped, size), colour(v, "\x1b[0m"));
		v->logs[look->job->spec->index].skipped = 0;
	}
	add_name(v, look->job, "\x1b[36m", '|');
	text_skip_overwritten(&text, &whole);
	len = cut_length(text, whole, LINE_BYTES);
	text_add_log(&v->scroll, text, len, v->cli->out_colour);
	strbuf_addstr(&v->scroll, len < whole ? "...\n" : "\n");
}

static size_t look_at_log(struct live *v, const struct run_job *job, size_t most)
{
	struct look look = { .live = v, .job = job };
	char path[PATH_MAX];

	if (!job->dir || snprintf(path, sizeof path, "%s/log", job->dir) >= (int)sizeof path)
		return 0;
	return recent_read(&v->logs[job->spec->index], path, most, on_line, &look);
}

/* In turn, so that each job is heard. */
static void look_at_logs(struct live *v)
{
	size_t looks = v->n_active < TICK_LOOKS ? v->n_active : TICK_LOOKS;
	size_t most = v->n_active ? TICK_LINES / v->n_active : 0;
	size_t lines = 0;

	if (most < JOB_LINES)
		most = JOB_LINES;
	for (size_t i = 0; i < looks && lines < TICK_LINES; i++) {
		v->next = v->next + 1 < v->n_active ? v->next + 1 : 0;
		lines += look_at_log(v, run_job(v->run, v->active[v->next]), most);
	}
}

static void add_end(struct live *v, const struct run_job *job)
{
	if (!summary_is_told(job, &v->unbegun))
		return;
	if (v->scroll.len < SCROLL_ENOUGH)
		(void)look_at_log(v, job, END_LINES);
	add_name(v, job, summary_colour(job), ':');
	summary_add_end(&v->scroll, job);
	strbuf_addch(&v->scroll, '\n');
}

/* --- the block ------------------------------------------------------------------------------ */

/* "for prepare, train and 3 more", or nothing but a place. */
static void describe_waiting(const struct live *v, const struct run_job *job, char what[WHAT_SIZE])
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(WHAT_SIZE - 1);
	size_t n = 0;

	for (size_t i = 0; i < job->spec->n_needs; i++) {
		const struct spec_job *need = job->spec->needs[i];

		if (run_job(v->run, need->index)->state >= JOB_SUCCEEDED)
			continue;
		strbuf_addf(&sb, "%s%s", n++ ? ", " : "for ", need->id);
	}
	if (sb.failed)
		(void)snprintf(what, WHAT_SIZE, "for %zu jobs", n);
	else
		(void)snprintf(what, WHAT_SIZE, "%s", n ? strbuf_str(&sb) : "for a free place");
}

/* "image 120.0 MiB of 1.2 GiB, 80.0 MiB/s" */
static void describe_progress(const struct run_job *job, int64_t now, char what[WHAT_SIZE])
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(WHAT_SIZE - 1);
	struct run_progress p;
	char size[TEXT_SIZE_LEN];

	run_job_progress(job, &p);
	strbuf_addstr(&sb, p.doing);
	if (p.done > 0)
		strbuf_addf(&sb, "%s%s", p.doing[0] ? " " : "", text_size(p.done, size));
	if (p.done > 0 && p.total > p.done)
		strbuf_addf(&sb, " of %s", text_size(p.total, size));
	if (p.done > 0 && now - p.since_ms >= RATE_MS)
		strbuf_addf(&sb, ", %s/s",
		            text_size(p.done * 1000 / (uint64_t)(now - p.since_ms), size));
	(void)snprintf(what, WHAT_SIZE, "%s", strbuf_str(&sb));
}

static void describe(const struct live *v, const struct run_job *job, int64_t now,
                     char what[WHAT_SIZE])
{
	if (job->state == JOB_WAITING)
		describe_waiting(v, job, what);
	else
		describe_progress(job, now, what);
}

static struct layout_row row_of(const struct live *v, const struct run_job *job, int64_t now,
                                char what[WHAT_SIZE])
{
	describe(v, job, now, what);
	return (struct layout_row){
		.name = job->spec->id,
		.state = job->state,
		.stopping = job->stopping,
		.ms = job->state > JOB_WAITING ? now - job->started_ms : -1,
		.what = what,
	};
}

/* Those that have started, then those that wait, as far as there is room. */
static void draw(struct live *v)
{
	struct layout_row row[LAYOUT_ROWS];
	char what[LAYOUT_ROWS][WHAT_SIZE];
	struct layout_line block[LAYOUT_ROWS + 1];
	size_t most = layout_rows(v->screen.lines);
	int64_t now = clock_mono_ms();
	struct layout layout = {
		.title = v->title,
		.ms = now - v->began_ms,
		.row = row,
		.columns = v->screen.columns,
		.colours = v->cli->out_colour,
	};

	memcpy(layout.rest, v->count, sizeof layout.rest);
	for (; layout.n < most && layout.n < v->n_active + v->n_waiting; layout.n++) {
		size_t k = layout.n;
		size_t i = k < v->n_active ? v->active[k] : v->waiting[k - v->n_active];

		row[k] = row_of(v, run_job(v->run, i), now, what[k]);
		layout.rest[row[k].state]--;
	}
	layout_block(&layout, block);
	screen_draw(&v->screen, &v->scroll, block, layout.n + 1);
	strbuf_clear(&v->scroll);
}

static void on_tick(uv_timer_t *timer)
{
	struct live *v = container_of(timer, struct live, timer);

	if (!screen_is_writable(&v->screen))
		return;
	if (!v->title)
		v->title = xasprintf("%s/%" PRId64, v->workflow, run_number(v->run));
	screen_measure(&v->screen);
	if (!screen_is_steady(&v->screen))
		return;
	count_jobs(v);
	look_at_logs(v);
	if (screen_is_ours(&v->screen)) {
		draw(v);
		return;
	}
	screen_draw(&v->screen, &v->scroll, NULL, 0);
	strbuf_clear(&v->scroll);
}

/* --- the hooks ------------------------------------------------------------------------------ */

static void live_job(void *arg, const struct run_job *job)
{
	struct live *v = arg;

	v->changed = true;
	if (job->state == JOB_PREPARING)
		v->logs[job->spec->index] = (struct recent){ 0 };
	if (job->state >= JOB_SUCCEEDED)
		add_end(v, job);
	if (!uv_is_active((uv_handle_t *)&v->timer))
		(void)uv_timer_start(&v->timer, on_tick, 0, TICK_MS);
}

static void live_notice(void *arg, const char *text)
{
	struct live *v = arg;

	/* Where nothing is drawn yet nobody may come to draw it. */
	if ((v->screen.n > 0 || v->scroll.len > 0) && v->cli->err_tty) {
		strbuf_addstr(&v->scroll, "sluice: ");
		text_add_safe(&v->scroll, text, strlen(text));
		strbuf_addch(&v->scroll, '\n');
		return;
	}
	(void)fputs("sluice: ", stderr);
	(void)text_put_safe(text, stderr);
	(void)fputc('\n', stderr);
}

static void live_end(void *arg)
{
	struct live *v = arg;
	const struct summary summary = {
		.cli = v->cli,
		.run = v->run,
		.workflow = v->workflow,
		.took_ms = clock_mono_ms() - v->began_ms,
		.log_ends = true,
		.unbegun = v->unbegun,
	};

	(void)uv_timer_stop(&v->timer);
	screen_measure(&v->screen);
	summary_add(&v->scroll, &summary);
	screen_draw(&v->screen, &v->scroll, NULL, 0);
	strbuf_clear(&v->scroll);
}

static void *live_make(uv_loop_t *loop, const struct cli *cli)
{
	struct live *v = xcalloc(1, sizeof *v);

	v->cli = cli;
	v->scroll = STRBUF_INIT(STRBUF_BIG);
	screen_init(&v->screen, STDOUT_FILENO);
	(void)uv_timer_init(loop, &v->timer);
	uv_unref((uv_handle_t *)&v->timer);
	return v;
}

static void live_begin(void *arg, const struct run *run, const char *workflow)
{
	struct live *v = arg;
	size_t n = run_n_jobs(run);

	v->run = run;
	v->workflow = workflow;
	v->began_ms = clock_mono_ms();
	v->logs = xcalloc(n, sizeof *v->logs);
	v->active = xcalloc(n, sizeof *v->active);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(run_job(run, i)->spec->id);

		if (len > v->name_width)
			v->name_width = len < PREFIX_MOST ? len : PREFIX_MOST;
	}
}

static void live_free(void *arg)
{
	struct live *v = arg;

	screen_release(&v->screen);
	strbuf_release(&v->scroll);
	free(v->title);
	free(v->active);
	free(v->logs);
	free(v);
}

/* Before the block is there. */
static void live_pull(void *arg, const struct run_pull *pull)
{
	struct live *v = arg;

	pull_show(&v->pull, v->cli, pull);
}

const struct view_kind view_live = {
	.make = live_make,
	.begin = live_begin,
	.job = live_job,
	.notice = live_notice,
	.pull = live_pull,
	.end = live_end,
	.free = live_free,
};
