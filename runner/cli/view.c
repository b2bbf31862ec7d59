#include "cli/view.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/text.h"
#include "loop/tail.h"

struct view_job {
	struct view *view;
	const struct run_job *job;
	struct tail *tail; /* NULL: none, or at its end */
	bool ended;
};

struct view {
	uv_loop_t *loop;
	uv_prepare_t turn; /* what a turn of the loop printed is seen before it waits again */
	const struct cli *cli;
	struct run *run;
	const char *workflow;
	struct view_job *jobs;
	const struct run_job *unfinished; /* the job whose last line had no end yet */
	size_t n_tails;
	int prefix;
	bool run_ended;
	int64_t began_ms;
};

static const char *colour(const struct view *v, const char *code)
{
	return v->cli->out_colour ? code : "";
}

/* A part of a line may still stand there: nothing else goes on the same line. */
static void fresh_line(struct view *v)
{
	if (v->unfinished)
		(void)putchar('\n');
	v->unfinished = NULL;
}

static void print_prefix(struct view *v, const struct run_job *job)
{
	(void)printf("%s%-*s |%s ", colour(v, "\x1b[36m"), v->prefix, job->spec->id,
	             colour(v, "\x1b[0m"));
}

/* A terminal gets what it can show without harm, a file or a pipe every byte. */
static void put_text(const struct view *v, const struct tail_line *line)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1 << 20);

	if (!v->cli->out_tty) {
		(void)fwrite(line->text, 1, line->len, stdout);
		return;
	}
	text_add_log(&sb, line->text, line->len);
	(void)fputs(strbuf_str(&sb), stdout);
}

static void on_line(void *arg, const struct tail_line *line)
{
	struct view_job *vj = arg;
	struct view *v = vj->view;

	if (v->unfinished != vj->job) {
		fresh_line(v);
		print_prefix(v, vj->job);
	}
	put_text(v, line);
	v->unfinished = line->partial ? vj->job : NULL;
	if (!line->partial)
		(void)putchar('\n');
}

static void add_time(struct strbuf *sb, int64_t ms)
{
	char text[TEXT_SIZE_LEN];

	strbuf_addstr(sb, text_duration(ms, text));
}

/* "demo:fo5rp4m (3 files, 1.2 kB)" */
static void add_version(struct strbuf *sb, const struct run_output *o)
{
	char size[TEXT_SIZE_LEN];

	strbuf_addf(sb, "%s:%s (%" PRIu64 " file%s, %s)", o->version.dataset_name, o->version.id,
	            o->info.files, o->info.files == 1 ? "" : "s", text_size(o->info.bytes, size));
}

static void print_end(struct view *v, const struct run_job *job)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1 << 16);
	bool bad = job->state == JOB_FAILED || job->state == JOB_ERROR;

	strbuf_addstr(&sb, job_state_name(job->state));
	if (job->attempt > 0) {
		strbuf_addstr(&sb, job->state == JOB_SUCCEEDED ? " in " : " after ");
		add_time(&sb, job->finished_ms - job->started_ms);
	}
	if (job->message) {
		strbuf_addstr(&sb, ": ");
		text_add_safe(&sb, job->message, strlen(job->message));
	}
	for (size_t i = 0; job->state == JOB_SUCCEEDED && i < job->n_outputs; i++) {
		strbuf_addstr(&sb, i ? ", " : ", made ");
		add_version(&sb, &job->outputs[i]);
	}
	fresh_line(v);
	(void)printf("%s%-*s :%s %s\n", colour(v, bad ? "\x1b[31m" : "\x1b[32m"), v->prefix,
	             job->spec->id, colour(v, "\x1b[0m"), strbuf_str(&sb));
}

static bool is_bad(const struct run_job *job)
{
	return job->state == JOB_FAILED || job->state == JOB_ERROR;
}

static void print_quiet_end(const struct view *v)
{
	for (size_t i = 0; i < run_n_jobs(v->run); i++) {
		const struct run_job *job = run_job(v->run, i);

		if (is_bad(job))
			(void)fprintf(stderr, "sluice: job '%s' %s: %s\n", job->spec->id,
			              job_state_name(job->state), job->message ? job->message : "");
		for (size_t k = 0; job->state == JOB_SUCCEEDED && k < job->n_outputs; k++)
			(void)printf("%s:%s\n", job->outputs[k].version.dataset_name,
			             job->outputs[k].version.id);
	}
}

static void count_states(const struct view *v, struct strbuf *sb)
{
	size_t n[JOB_SKIPPED + 1] = { 0 };
	const char *comma = "";

	for (size_t i = 0; i < run_n_jobs(v->run); i++)
		n[run_job(v->run, i)->state]++;
	for (int s = JOB_SUCCEEDED; s <= JOB_SKIPPED; s++) {
		if (n[s] == 0)
			continue;
		strbuf_addf(sb, "%s%zu %s", comma, n[s], job_state_name((enum job_state)s));
		comma = ", ";
	}
}

static void print_summary(const struct view *v)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1 << 20);
	bool any = false;

	strbuf_addf(&sb, "\nrun %s/%" PRId64 " %s in ", v->workflow, run_number(v->run),
	            run_phase(v->run));
	add_time(&sb, clock_mono_ms() - v->began_ms);
	strbuf_addstr(&sb, ": ");
	count_states(v, &sb);
	strbuf_addstr(&sb, "\n");
	for (size_t i = 0; i < run_n_jobs(v->run); i++) {
		const struct run_job *job = run_job(v->run, i);

		for (size_t k = 0; job->state == JOB_SUCCEEDED && k < job->n_outputs; k++) {
			strbuf_addstr(&sb, any ? "          " : "versions: ");
			add_version(&sb, &job->outputs[k]);
			strbuf_addf(&sb, " from %s\n", job->spec->id);
			any = true;
		}
	}
	for (size_t i = 0; i < run_n_jobs(v->run); i++) {
		const struct run_job *job = run_job(v->run, i);

		if (is_bad(job)) {
			strbuf_addf(&sb, "%s: %s: ", job_state_name(job->state), job->spec->id);
			if (job->message)
				text_add_safe(&sb, job->message, strlen(job->message));
			strbuf_addch(&sb, '\n');
		}
	}
	strbuf_addf(&sb, "logs:     sluice runs logs %s/%" PRId64 "\n", v->workflow,
	            run_number(v->run));
	(void)fputs(strbuf_str(&sb), stdout);
}

/* The last lines of a log may come after the run's own end. */
static void maybe_finish(struct view *v)
{
	if (!v->run_ended || v->n_tails > 0)
		return;
	fresh_line(v);
	if (v->cli->quiet)
		print_quiet_end(v);
	else
		print_summary(v);
	(void)fflush(stdout);
}

static void on_tail_end(void *arg)
{
	struct view_job *vj = arg;

	vj->tail = NULL;
	vj->view->n_tails--;
	print_end(vj->view, vj->job);
	maybe_finish(vj->view);
}

static void on_job(void *arg, const struct run_job *job)
{
	struct view *v = arg;
	struct view_job *vj = &v->jobs[job->spec->index];

	if (v->cli->quiet)
		return;
	if (job->state == JOB_RUNNING) {
		char *path = xasprintf("%s/log", job->dir);
		struct tail_hooks hooks = { .on_line = on_line, .on_end = on_tail_end, .arg = vj };

		vj->tail = tail_start(v->loop, path, &hooks);
		v->n_tails++;
		free(path);
	} else if (job->state >= JOB_SUCCEEDED) {
		if (vj->tail)
			tail_finish(vj->tail);
		else
			print_end(v, job);
	}
	(void)fflush(stdout);
}

void view_notice(void *view, const char *text)
{
	struct view *v = view;

	if (v->cli->quiet)
		return;
	fresh_line(v);
	(void)fflush(stdout);
	(void)fputs("sluice: ", stderr);
	(void)text_put_safe(text, stderr);
	(void)fputc('\n', stderr);
}

static void on_run_end(void *arg)
{
	struct view *v = arg;

	v->run_ended = true;
	maybe_finish(v);
}

static void on_turn(uv_prepare_t *turn)
{
	(void)turn;
	(void)fflush(stdout);
}

struct view *view_new(uv_loop_t *loop, const struct cli *cli)
{
	struct view *v = xcalloc(1, sizeof *v);

	v->loop = loop;
	v->cli = cli;
	(void)uv_prepare_init(loop, &v->turn);
	(void)uv_prepare_start(&v->turn, on_turn);
	uv_unref((uv_handle_t *)&v->turn);
	return v;
}

void view_free(struct view *view)
{
	if (!view)
		return;
	assert(view->n_tails == 0);
	free(view->jobs);
	free(view);
}

struct run_hooks view_hooks(struct view *view)
{
	return (struct run_hooks){
		.on_job = on_job,
		.on_notice = view_notice,
		.on_end = on_run_end,
		.arg = view,
	};
}

void view_begin(struct view *view, struct run *run, const char *workflow)
{
	size_t n = run_n_jobs(run);

	view->run = run;
	view->workflow = workflow;
	view->began_ms = clock_mono_ms();
	view->jobs = xcalloc(n, sizeof *view->jobs);
	for (size_t i = 0; i < n; i++) {
		int len = (int)strlen(run_job(run, i)->spec->id);

		view->jobs[i] = (struct view_job){ .view = view, .job = run_job(run, i) };
		if (len > view->prefix && len <= 24)
			view->prefix = len;
	}
}

/* --- the plan ------------------------------------------------------------------------------- */

static void plan_job(void *arg, const struct run_job *job)
{
	struct run *run = arg;
	const struct spec_job *spec = job->spec;
	const char *digest = run_image_digest(run, spec);

	(void)printf("\n%s  %s@v%u", spec->id, spec->action, spec->version);
	if (digest)
		(void)printf("  %s@%.19s", spec_job_string(spec, "image"), digest);
	(void)putchar('\n');
	if (spec->n_needs > 0) {
		(void)printf("  needs  ");
		for (size_t i = 0; i < spec->n_needs; i++)
			(void)printf("%s%s", i ? ", " : "", spec->needs[i]->id);
		(void)putchar('\n');
	}
	for (size_t i = 0; i < spec->n_inputs; i++) {
		const char *text = run_input_text(run, &spec->inputs[i]);
		AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1024);

		strbuf_addprintable(&sb, text ? text : "not given", 200);
		(void)printf("  reads  /inputs/%s  %s %s\n", spec->inputs[i].name,
		             spec_type_name(spec->inputs[i].type), strbuf_str(&sb));
	}
	for (size_t i = 0; i < spec->n_outputs; i++) {
		const struct spec_output *o = &spec->outputs[i];

		(void)printf("  makes  /outputs/%s  %s", o->name, spec_type_name(o->type));
		if (o->type == SPEC_DATASET)
			(void)printf(" %s%s", o->ref.text,
			             run_output_is_new(run, o) ? " (will be created)" : "");
		(void)putchar('\n');
	}
}

void view_plan(struct run *run, const char *workflow)
{
	size_t n = run_n_jobs(run);

	(void)printf("workflow %s: %zu job%s, in the order of their start\n", workflow, n,
	             n == 1 ? "" : "s");
	run_order(run, plan_job, run);
}
