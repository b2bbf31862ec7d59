/* The quiet view: results and errors. */
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "cli/view/summary.h"
#include "cli/view/view_kind.h"

struct quiet {
	const struct run *run;
};

static void *quiet_make(uv_loop_t *loop, const struct cli *cli)
{
	(void)loop;
	(void)cli;
	return xcalloc(1, sizeof(struct quiet));
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

static void quiet_end(void *arg)
{
	const struct quiet *q = arg;

	for (size_t i = 0; i < run_n_jobs(q->run); i++) {
		const struct run_job *job = run_job(q->run, i);

		if (summary_is_bad(job))
			(void)fprintf(stderr, "sluice: job '%s' %s: %s\n", job->spec->id,
			              job_state_name(job->state), job->message ? job->message : "");
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
	.end = quiet_end,
	.free = free,
};
