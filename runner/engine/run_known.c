/* What is known of a run, and what it would do: for those who show it. */
#include <string.h>

#include "engine/internal.h"

const char *run_uuid(const struct run *run)
{
	return run->uuid;
}

int64_t run_number(const struct run *run)
{
	return run->number;
}

size_t run_n_jobs(const struct run *run)
{
	return run->options->spec->n_jobs;
}

const struct run_job *run_job(const struct run *run, size_t i)
{
	return &run->jobs[i];
}

const struct executor *run_executor(const struct run *run)
{
	return run->executor;
}

/* The worst of its jobs speaks for a run that ended; a signal goes before all. */
const char *run_phase(const struct run *run)
{
	if (!run->ended)
		return run->started ? "RUNNING" : "PENDING";
	if (run->cancel_signal)
		return "CANCELED";
	return run->n_error ? "ERROR" : run->n_failed ? "FAILED" : "SUCCEEDED";
}

const struct error *run_error(const struct run *run)
{
	return run->error.class != 0 ? &run->error : NULL;
}

int run_exit_status(const struct run *run)
{
	if (run->cancel_signal)
		return 128 + run->cancel_signal;
	return run->n_error ? 4 : run->n_failed ? 1 : 0;
}

const char *run_image_digest(const struct run *run, const struct spec_job *job)
{
	const struct image_pin *pin = run_image(run, job);

	return pin ? pin->digest : NULL;
}

bool run_output_is_new(const struct run *run, const struct spec_output *output)
{
	const struct target *target = map_find(&run->targets, output->ref.text);

	return target && target->is_new;
}

const char *run_input_text(struct run *run, const struct spec_input *input)
{
	const struct pin *pin = run_pin(run, input);

	strbuf_clear(&run->scratch);
	if (input->source == SPEC_FROM_JOB)
		strbuf_addf(&run->scratch, "%s.outputs.%s", input->job->id, input->output->name);
	else if (input->type == SPEC_STRING)
		return run_value(run, input);
	else if (!pin)
		return NULL;
	else if (pin->dir)
		strbuf_addf(&run->scratch, "%s -> %s", pin->dir, pin->target);
	else
		strbuf_addf(&run->scratch, "%s:%s", pin->version.dataset_name, pin->version.id);
	return strbuf_str(&run->scratch);
}

static void never_skipped(void *arg, size_t job)
{
	(void)arg;
	(void)job;
}

void run_order(const struct run *run, run_order_fn *fn, void *arg)
{
	static const struct sched_amount one = { { [SCHED_PLACES] = 1 } };
	struct sched s;
	size_t job;

	sched_init(&s, run->options->spec, &one, NULL, SCHED_NEVER_AHEAD);
	while (sched_next(&s, &job)) {
		fn(arg, &run->jobs[job]);
		sched_done(&s, job, true, never_skipped, NULL);
	}
	sched_release(&s);
}
