/* The quiet view: results and errors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/text.h"
#include "cli/view/summary.h"
#include "cli/view/view_kind.h"

struct quiet {
	const struct cli *cli;
	const struct run *run;
};

static void *quiet_make(uv_loop_t *loop, const struct cli *cli)
{
	struct quiet *q = xcalloc(1, sizeof *q);

	(void)loop;
	q->cli = cli;
	return q;
}

static void quiet_begin(void *arg, const struct run *run, const char *workflow)
{
	struct quiet *q = arg;

	(void)workflow;
	q->run = run;
}

static void quiet_job(void *arg, const struct run_job *job)
{
	(void)arg;
	(void)job;
}

static void quiet_notice(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

static void quiet_insist(void *arg, const char *text)
{
	(void)arg;
	(void)fputs("sluice: ", stderr);
	(void)text_put_safe(text, stderr);
	(void)fputc('\n', stderr);
}

/* A CI job's log is often all that is left to look at. */
static void say_failure(const struct quiet *q, const struct run_job *job, bool log_end)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	strbuf_addf(&sb, "sluice: job '%s' %s", job->spec->id, job_state_name(job->state));
	if (job->message) {
		strbuf_addstr(&sb, ": ");
		text_add_safe(&sb, job->message, strlen(job->message));
	}
	strbuf_addch(&sb, '\n');
	if (log_end)
		summary_add_log_end(&sb, job, q->cli->err_colour);
	(void)fwrite(sb.buf, 1, sb.len, stderr);
}

static void quiet_end(void *arg)
{
	const struct quiet *q = arg;
	size_t ends = 0;

	for (size_t i = 0; i < run_n_jobs(q->run); i++) {
		const struct run_job *job = run_job(q->run, i);

		if (summary_is_bad(job))
			say_failure(q, job, ends++ < SUMMARY_LOG_ENDS);
		for (size_t k = 0; job->state == JOB_SUCCEEDED && k < job->n_outputs; k++)
			(void)printf("%s:%s\n", job->outputs[k].version.dataset_name,
			             job->outputs[k].version.id);
	}
	(void)fflush(stdout);
}

const struct view_kind view_quiet = {
	.make = quiet_make,
	.begin = quiet_begin,
	.job = quiet_job,
	.notice = quiet_notice,
	.insist = quiet_insist,
	.end = quiet_end,
	.free = free,
};
