#include "cli/view/summary.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "cli/text.h"
#include "cli/view/recent.h"

enum { LOG_END_LINES = 30 };

bool summary_is_bad(const struct run_job *job)
{
	return job->state == JOB_FAILED || job->state == JOB_ERROR;
}

const char *summary_colour(const struct run_job *job)
{
	return job->state == JOB_SUCCEEDED ? "\x1b[32m"
	       : summary_is_bad(job)       ? "\x1b[31m"
	                                   : "\x1b[33m";
}

bool summary_is_told(const struct run_job *job, size_t *unbegun)
{
	bool begun = job->attempt > 0 || (job->state != JOB_CANCELED && job->state != JOB_SKIPPED);

	return begun || ++*unbegun <= SUMMARY_UNBEGUN;
}

static void add_time(struct strbuf *sb, int64_t ms)
{
	char text[TEXT_SIZE_LEN];

	strbuf_addstr(sb, text_duration(ms, text));
}

static void add_version(struct strbuf *sb, const struct run_output *o)
{
	char size[TEXT_SIZE_LEN];

	strbuf_addf(sb, "%s:%s (%" PRIu64 " file%s, %s)", o->version.dataset_name, o->version.id,
	            o->info.files, o->info.files == 1 ? "" : "s", text_size(o->info.bytes, size));
}

static void add_message(struct strbuf *sb, const struct run_job *job)
{
	if (!job->message)
		return;
	strbuf_addstr(sb, ": ");
	text_add_safe(sb, job->message, strlen(job->message));
}

void summary_add_end(struct strbuf *sb, const struct run_job *job)
{
	strbuf_addstr(sb, job_state_name(job->state));
	if (job->attempt > 0) {
		strbuf_addstr(sb, job->state == JOB_SUCCEEDED ? " in " : " after ");
		add_time(sb, job->finished_ms - job->started_ms);
	}
	add_message(sb, job);
	for (size_t i = 0; job->state == JOB_SUCCEEDED && i < job->n_outputs; i++) {
		strbuf_addstr(sb, i ? ", " : ", made ");
		add_version(sb, &job->outputs[i]);
	}
}

static void add_states(struct strbuf *sb, const struct run *run)
{
	size_t n[JOB_SKIPPED + 1] = { 0 };
	const char *comma = "";

	for (size_t i = 0; i < run_n_jobs(run); i++)
		n[run_job(run, i)->state]++;
	for (int s = JOB_SUCCEEDED; s <= JOB_SKIPPED; s++) {
		if (n[s] == 0)
			continue;
		strbuf_addf(sb, "%s%zu %s", comma, n[s], job_state_name((enum job_state)s));
		comma = ", ";
	}
}

static void add_versions(struct strbuf *sb, const struct run *run)
{
	bool any = false;

	for (size_t i = 0; i < run_n_jobs(run); i++) {
		const struct run_job *job = run_job(run, i);

		for (size_t k = 0; job->state == JOB_SUCCEEDED && k < job->n_outputs; k++) {
			strbuf_addstr(sb, any ? "          " : "versions: ");
			add_version(sb, &job->outputs[k]);
			strbuf_addf(sb, " from %s\n", job->spec->id);
			any = true;
		}
	}
}

struct log_end {
	struct strbuf *sb;
	bool colours;
};

static void add_log_line(void *arg, const struct tail_line *line)
{
	const struct log_end *end = arg;

	strbuf_addstr(end->sb, "    ");
	text_add_log(end->sb, line->text, line->len, end->colours);
	strbuf_addch(end->sb, '\n');
}

void summary_add_log_end(struct strbuf *sb, const struct run_job *job, bool colours)
{
	AUTO_FREE char *path = job->dir ? xasprintf("%s/log", job->dir) : NULL;
	struct log_end end = { .sb = sb, .colours = colours };
	struct recent recent = { 0 };

	if (path)
		(void)recent_read(&recent, path, LOG_END_LINES, add_log_line, &end);
}

static void add_failures(struct strbuf *sb, const struct summary *s)
{
	const char *red = s->cli->out_colour ? "\x1b[31m" : "";
	const char *normal = s->cli->out_colour ? "\x1b[0m" : "";
	size_t ends = s->log_ends ? SUMMARY_LOG_ENDS : 0;

	for (size_t i = 0; i < run_n_jobs(s->run); i++) {
		const struct run_job *job = run_job(s->run, i);

		if (!summary_is_bad(job))
			continue;
		strbuf_addf(sb, "%s%s: %s%s", red, job_state_name(job->state), job->spec->id,
		            normal);
		add_message(sb, job);
		strbuf_addch(sb, '\n');
		if (ends == 0 || !job->dir)
			continue;
		summary_add_log_end(sb, job, s->cli->out_colour);
		ends--;
	}
}

void summary_add(struct strbuf *sb, const struct summary *s)
{
	if (run_error(s->run))
		return;
	strbuf_addf(sb, "\nrun %s/%" PRId64 " %s in ", s->workflow, run_number(s->run),
	            run_phase(s->run));
	add_time(sb, s->took_ms);
	strbuf_addstr(sb, ": ");
	add_states(sb, s->run);
	strbuf_addch(sb, '\n');
	add_versions(sb, s->run);
	if (s->unbegun > SUMMARY_UNBEGUN)
		strbuf_addf(sb,
		            "jobs:     sluice runs show %s/%" PRId64
		            " (and %zu more that did not begin)\n",
		            s->workflow, run_number(s->run), s->unbegun - SUMMARY_UNBEGUN);
	strbuf_addf(sb, "logs:     sluice runs logs %s/%" PRId64 "\n", s->workflow,
	            run_number(s->run));
	add_failures(sb, s);
}
