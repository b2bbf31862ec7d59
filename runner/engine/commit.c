/*
 * Committing what a job wrote: its outputs become versions together.  On the pool the bytes of each
 * go into the store, side by side; then, by one worker, the records of those whose datasets are in
 * a bucket to there; then, on the loop, the records here.  After a failure none of them is a
 * version.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/reserve.h"
#include "base/xalloc.h"
#include "engine/internal.h"

/* One output's bytes. */
struct piece {
	struct work work;
	struct commit *all;
	struct run_output *output;
	struct dataset_commit *commit; /* filled with what became of them */
	char *path;                    /* the directory */
	char *warning;                 /* the first one; more are counted */
	size_t n_warnings;
	int rc;
	struct error error;
};

struct commit {
	struct run_job *job;
	struct piece *pieces;           /* of the outputs that are not committed yet */
	struct dataset_commit *commits; /* one for each piece */
	size_t n, pending;
	struct work remote;
	struct dataset_maker maker;
	const char **inputs; /* the maker's */
	int rc;              /* the first failure, */
	struct error error;  /* and why */
};

static void add_piece(struct commit *c, struct run_output *output)
{
	struct dataset_commit *commit = &c->commits[c->n];
	struct piece *p = &c->pieces[c->n++];

	*commit = (struct dataset_commit){ .version = &output->version, .lock = -1 };
	p->all = c;
	p->output = output;
	p->commit = commit;
	p->path = xasprintf("%s/outputs/%s", c->job->dir, output->spec->name);
}

static const char **list_inputs(const struct run_job *job)
{
	const char **inputs = xcalloc(job->spec->n_inputs + 1, sizeof *inputs);
	size_t n = 0;

	for (size_t i = 0; i < job->spec->n_inputs; i++) {
		const struct pin *pin = job_input_pin(job, &job->spec->inputs[i]);

		if (pin)
			inputs[n++] = xasprintf("%s:%s", pin->version.dataset, pin->version.id);
	}
	return inputs;
}

static struct commit *commit_new(struct run_job *job)
{
	struct commit *c = xcalloc(1, sizeof *c);

	c->job = job;
	c->inputs = list_inputs(job);
	c->maker = job_maker(job);
	c->maker.inputs = c->inputs;
	c->pieces = xcalloc(job->n_outputs, sizeof *c->pieces);
	c->commits = xcalloc(job->n_outputs, sizeof *c->commits);
	for (size_t i = 0; i < job->n_outputs; i++)
		if (!job->outputs[i].version.committed)
			add_piece(c, &job->outputs[i]);
	return c;
}

static void commit_free(struct commit *c)
{
	for (size_t i = 0; i < c->n; i++) {
		cleanup_fd(&c->commits[i].lock);
		free(c->pieces[i].path);
		free(c->pieces[i].warning);
	}
	for (size_t i = 0; c->inputs[i]; i++)
		free((void *)(uintptr_t)c->inputs[i]);
	free(c->inputs);
	free(c->commits);
	free(c->pieces);
	free(c);
}

static void end(struct commit *c)
{
	struct run_job *job = c->job;
	struct error why = c->error;
	bool failed = c->rc < 0;

	commit_free(c);
	job_committed(job, failed ? &why : NULL);
}

/* All bytes are in the store and durable; one record each makes them versions. */
static void record_versions(struct commit *c)
{
	struct run_job *job = c->job;
	struct run *run = job->run;

	history_flush(run); /* a record is not changed inside a transaction */
	c->rc = datasets_commit_records(run->datasets, c->commits, c->n, &c->maker, &c->error);
	if (c->rc < 0)
		(void)error_wrap(&c->error, "cannot commit its outputs");
	for (size_t i = 0; i < c->n; i++)
		c->pieces[i].output->info = c->commits[i].info;
	/* Also those that an earlier runner has committed: it may have died before it said so. */
	for (size_t i = 0; i < job->n_outputs; i++)
		if (job->outputs[i].version.committed)
			history_link(job, true, job->outputs[i].spec->name,
			             &job->outputs[i].version);
	end(c);
}

static void put_remote_records(struct work *work)
{
	struct commit *c = container_of(work, struct commit, remote);

	c->rc = datasets_commit_remote(c->job->run->datasets, c->commits, c->n, &c->maker,
	                               &c->error);
	if (c->rc < 0)
		(void)error_wrap(&c->error, "cannot commit its outputs");
}

static void remote_records_put(struct work *work)
{
	struct commit *c = container_of(work, struct commit, remote);

	if (c->rc < 0)
		end(c);
	else
		record_versions(c);
}

static void on_warning(void *arg, const char *text)
{
	struct piece *p = arg;

	if (p->n_warnings++ == 0)
		p->warning = xstrdup(text);
}

static void take_bytes(struct work *work)
{
	struct piece *p = container_of(work, struct piece, work);
	const struct run_job *job = p->all->job;
	const struct store_watch watch = {
		.warn = on_warning,
		.arg = p,
		.progress = &job->live->progress,
	};

	p->rc = (job->live->result.sealed ? datasets_commit_bytes : datasets_copy_bytes)(
		job->run->datasets, p->commit->version, p->path, &watch, &p->commit->info,
		&p->commit->lock, &p->error);
}

static void say_warnings(const struct piece *p)
{
	const struct run_job *job = p->all->job;
	AUTO_FREE char *warning = p->warning ? job_masked(job, p->warning) : NULL;

	if (warning)
		run_notice(job->run, "job '%s': output '%s': %s%s", job->spec->id,
		           p->output->spec->name, warning,
		           p->n_warnings > 1 ? " (and more of the kind)" : "");
}

/* More often it is a mistake of the job's than meant. */
static void say_empty(const struct piece *p)
{
	const struct run_job *job = p->all->job;

	if (p->rc == 0 && p->commit->info.files == 0)
		run_notice(job->run, "job '%s' wrote no file to /outputs/%s: its version is empty",
		           job->spec->id, p->output->spec->name);
}

static void bytes_taken(struct work *work)
{
	struct piece *p = container_of(work, struct piece, work);
	struct commit *c = p->all;

	say_warnings(p);
	say_empty(p);
	if (p->rc < 0 && c->rc == 0) {
		c->rc = p->rc;
		c->error = p->error;
	}
	if (--c->pending > 0)
		return;
	if (c->rc < 0)
		end(c);
	else
		work_start(c->job->run->loop, &c->remote, put_remote_records, remote_records_put);
}

void commit_start(struct run_job *job)
{
	struct commit *c = commit_new(job);

	/* Others may have filled the disk since it started: what it made is not lost for that. */
	reserve_tend(job->run->options->home, true);
	c->pending = c->n;
	for (size_t i = 0; i < c->n; i++)
		work_start(job->run->loop, &c->pieces[i].work, take_bytes, bytes_taken);
	if (c->n == 0)
		record_versions(c);
}
