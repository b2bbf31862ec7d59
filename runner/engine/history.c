/*
 * What a run did, as rows of the catalog.  The rows of one turn of the loop share a transaction,
 * which history_flush() ends.  The store's records are the truth, so a row that cannot be written
 * (a full disk) does not stop the run: all are written once more at its end.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/internal.h"

static void lost(struct run *run, const struct error *err)
{
	if (run->history_error.class == 0)
		run->history_error = *err;
}

static struct catalog *open_turn(struct run *run)
{
	struct catalog *c = datasets_catalog(run->datasets);
	struct error err;

	if (!run->history_open && catalog_begin(c, &err) < 0) {
		lost(run, &err);
		return NULL;
	}
	run->history_open = true;
	return c;
}

void history_flush(struct run *run)
{
	struct error err;

	if (!run->history_open)
		return;
	run->history_open = false;
	if (catalog_commit(datasets_catalog(run->datasets), &err) < 0)
		lost(run, &err);
}

struct catalog_job run_job_row(const struct run_job *job)
{
	const struct attempt_result *result = job->live ? &job->live->result : NULL;
	bool ran = job->state > JOB_COMMITTING && result && result->started_ms > 0;
	struct catalog_job row = {
		.name = job->spec->id,
		.index = (int64_t)job->spec->index,
		.state = job_state_name(job->state),
		.message = job->message,
		.attempt = job->attempt,
		.exit_code = ran && result->end == ATTEMPT_EXITED ? result->exit_code : -1,
		.signal = ran && result->end == ATTEMPT_SIGNALED ? result->signal : 0,
		.started_ms = ran ? result->started_ms : 0,
		.finished_ms = ran ? result->finished_ms : 0,
	};

	memcpy(row.run, job->run->uuid, sizeof row.run);
	if (ran)
		row.usage = (struct catalog_usage){
			.cpu_ms = (int64_t)(result->cpu_ns / 1000000),
			.peak_bytes = (int64_t)result->peak_bytes,
			.read_bytes = (int64_t)result->read_bytes,
			.written_bytes = (int64_t)result->written_bytes,
		};
	return row;
}

static void put_job(struct run *run, const struct catalog_job *row)
{
	struct catalog *c = open_turn(run);
	struct error err;

	if (!c)
		return;
	if (catalog_put_job(c, row, &err) < 0 ||
	    catalog_add_event(c, run->uuid, row->name, row->attempt, row->state, row->message,
	                      clock_wall_ms(), &err) < 0)
		lost(run, &err);
}

void history_job(const struct run_job *job)
{
	struct run *run = job->run;
	struct catalog_job *row = &run->rows[job->spec->index];

	*row = run_job_row(job);
	put_job(run, row);
}

void history_link(const struct run_job *job, bool is_output, const char *name,
                  const struct dataset_version *version)
{
	struct run *run = job->run;
	struct catalog *c = open_turn(run);
	struct catalog_link row = {
		.job = job->spec->id,
		.is_output = is_output,
		.name = name,
		.dataset = version->dataset,
		.version = version->id,
		.committed = version->committed,
	};
	struct error err;

	if (!c)
		return;
	memcpy(row.run, run->uuid, sizeof row.run);
	if (catalog_put_link(c, &row, &err) < 0)
		lost(run, &err);
}

void history_keep(struct run *run)
{
	rows_keep(datasets_catalog(run->datasets), run->uuid, run->dir);
}

void history_canceling(struct run *run)
{
	struct catalog *c = open_turn(run);
	char signal[16];
	struct error err;

	(void)snprintf(signal, sizeof signal, "%d", run->cancel_signal);
	if (c && catalog_add_event(c, run->uuid, NULL, 0, HISTORY_CANCELING, signal,
	                           clock_wall_ms(), &err) < 0)
		lost(run, &err);
	history_keep(run);
}

struct catalog_run run_row(const struct run *run)
{
	struct catalog_run row = {
		.workflow = run->options->workflow,
		.number = run->number,
		.phase = run_phase(run),
		.message = run->error.class != 0 ? run->error.msg : NULL,
		.created_ms = run->created_ms,
		.started_ms = run->started_ms,
		.finished_ms = run->finished_ms,
	};

	memcpy(row.uuid, run->uuid, sizeof row.uuid);
	return row;
}

void history_run(struct run *run)
{
	struct catalog *c = open_turn(run);
	struct catalog_run row = run_row(run);
	struct error err;

	if (!c)
		return;
	if (catalog_update_run(c, &row, &err) < 0 ||
	    catalog_add_event(c, run->uuid, NULL, 0, row.phase, NULL, clock_wall_ms(), &err) < 0)
		lost(run, &err);
}

static void link_again(const struct run_job *job)
{
	for (size_t i = 0; i < job->spec->n_inputs; i++) {
		const struct spec_input *input = &job->spec->inputs[i];
		const struct pin *pin =
			job->attempt > 0 ? job_input_pin(job, input) : run_pin(job->run, input);

		if (pin)
			history_link(job, false, input->name, &pin->version);
	}
	for (size_t i = 0; i < job->n_outputs; i++)
		if (job->outputs[i].version.committed)
			history_link(job, true, job->outputs[i].spec->name,
			             &job->outputs[i].version);
}

static void write_again(struct run *run)
{
	run->history_error.class = 0;
	for (size_t i = 0; i < run_n_jobs(run); i++) {
		if (run->rows[i].name) /* else it had ended for an earlier runner */
			put_job(run, &run->rows[i]);
		link_again(&run->jobs[i]);
	}
}

/* There is room again: the reserve was given up, and what the jobs left is removed. */
void history_end(struct run *run)
{
	history_flush(run);
	if (run->history_error.class != 0)
		write_again(run);
	history_run(run);
	history_flush(run);
	history_keep(run);
	if (run->history_error.class != 0)
		run_notice(run, "the history of this run is incomplete: %s",
		           run->history_error.msg);
}
