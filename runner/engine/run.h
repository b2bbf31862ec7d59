/*
 * One execution of a workflow: from the checked spec to committed versions.  Loop thread.
 *
 *	run_new(...)      resolves inputs and secrets; nothing is written but a public
 *	                  dataset that has to be fetched
 *	run_look(...)     what its images are now (--dry-run)
 *	run_order(...)    what would happen (--dry-run)
 *	run_start(...)    has its images, commits directories that were given as inputs,
 *	                  records the run and starts its first jobs; hooks come from the loop
 *	run_cancel(...)   any number of times
 *	hooks.on_end      exactly once, when every job has ended and what they left is gone, or
 *	                  when it could not start: see run_error()
 *	run_free(...)
 */
#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "action/action.h"
#include "base/error.h"
#include "base/id.h"
#include "base/map.h"
#include "dataset/dataset.h"
#include "executor/executor.h"
#include "spec/spec.h"

struct run;

/* A job's life; the transitions stand in job.c. */
enum job_state {
	JOB_WAITING,    /* for its needs, or for a free place */
	JOB_PREPARING,  /* image and inputs, side by side */
	JOB_RUNNING,    /* its container runs */
	JOB_COMMITTING, /* its command ended well; its outputs become versions */
	JOB_SUCCEEDED,
	JOB_FAILED, /* its command said no */
	JOB_ERROR,  /* the machinery failed: image, disk, runtime, commit */
	JOB_CANCELED,
	JOB_SKIPPED, /* a job that it needs did not succeed */
};

const char *job_state_name(enum job_state state);  /* "waiting", ... as recorded */
const char *job_state_phase(enum job_state state); /* "PENDING", ... Gradient's words */

/* The state of that name; JOB_ERROR for one that no state has. */
enum job_state job_state_find(const char *name);

/* One output that becomes a version. */
struct run_output {
	const struct spec_output *spec;
	struct dataset_version version;
	struct store_tree_info info;
};

/* Read-only for those outside engine/. */
struct run_job {
	const struct spec_job *spec;
	struct run *run;
	enum job_state state;
	int attempt;         /* from 1; 0: it has not started */
	bool stopping;       /* it was asked to stop */
	const char *message; /* why it ended as it did, or NULL */
	char *dir;           /* HOME/runs/RUN/jobs/JOB/ATTEMPT once it has started: `log` lies
	                      * in it */
	int64_t started_ms, finished_ms; /* monotonic */
	struct job_work *live;           /* while it is between waiting and its end */
	struct run_output *outputs;      /* its dataset outputs, once the run has started */
	size_t n_outputs;
};

/* What a job is at, within its state. */
struct run_progress {
	const char *doing;    /* "image", "inputs"; "" where the state says it all */
	uint64_t done, total; /* bytes; a total of 0 is not known */
	int64_t since_ms;     /* monotonic */
};
void run_job_progress(const struct run_job *job, struct run_progress *ret_progress);

/* What was given for a workflow input on the command line; exactly one of value, ref, any. */
struct run_given {
	const char *name;
	const char *value; /* of a string */
	const char *ref;   /* of a dataset */
	const char *any;   /* NAME=TEXT: the input's type decides; for a dataset a text that begins
	                    * with '.' or '/' is a directory, committed when the run starts */
};

/* What the jobs of a run may use together; 0: it is not known. */
struct run_machine {
	uint64_t cpu_milli, memory;
	const char *const *gpus; /* their names, n_gpus of them */
	size_t n_gpus;
	const char *gpus_lack; /* why there are no more, or NULL */
	bool has_no_limits;    /* jobs are told what they get, and nobody holds them to it */
};

struct run_options {
	const char *home;     /* absolute */
	const char *workflow; /* its name */
	const char *text;     /* of the spec, kept with the run */
	const struct spec *spec;
	const struct run_given *given;
	size_t n_given;
	const struct map *secrets; /* name -> value (char *) */
	struct action_context context;
	unsigned jobs; /* at once, at least 1 */
	struct run_machine machine;
	uint64_t cpu_cap, memory_cap; /* of the whole run; 0: the machine's */
	const struct map *instances;  /* name -> text, see instance_parse(); or NULL */
	uint64_t grace_ms;
	enum request_network network;
	const char *executor; /* the name of the one that it is given, */
	const char *runtime;  /* and what that was told to use, or NULL: kept for run_resume() */
	const char *storage;  /* the directory that is /storage, absolute; NULL: HOME/storage */
	bool fail_fast, create_datasets, strict_inputs;
	bool verify_inputs; /* hash what a job reads again before it starts */
};

/* How far the pull of its images is, before the run starts. */
struct run_pull {
	uint64_t done, total; /* bytes */
	int64_t since_ms;     /* monotonic */
	bool over;
};

struct run_hooks {
	void (*on_job)(void *arg, const struct run_job *job); /* after each change of its state */
	void (*on_notice)(void *arg, const char *text);       /* one sentence, for a person */
	void (*on_pull)(void *arg, const struct run_pull *pull); /* now and then; may be NULL */
	void (*on_end)(void *arg);
	void *arg;
};

/* Everything in `options` is kept: the caller keeps it alive. */
int run_new(uv_loop_t *loop, struct datasets *datasets, struct executor *executor,
            const struct run_options *options, const struct run_hooks *hooks, struct run **ret_run,
            struct error *err) MUST_USE;
int run_start(struct run *run, struct error *err) MUST_USE;
/* The first call asks the jobs to stop, the second kills them; `signal` is for the exit status. */
void run_cancel(struct run *run, int signal);
void run_free(struct run *run); /* before run_start, or after on_end; takes NULL */

/* Why it could not start, or NULL; canceled before it started is a reason too. */
const struct error *run_error(const struct run *run);

const char *run_uuid(const struct run *run);
int64_t run_number(const struct run *run);
size_t run_n_jobs(const struct run *run);
const struct run_job *run_job(const struct run *run, size_t i);
const char *run_phase(const struct run *run); /* Gradient's words, of the whole */
const struct executor *run_executor(const struct run *run);

/* What the history says of the run and of a job now; borrowed. */
struct catalog_run run_row(const struct run *run);
struct catalog_job run_job_row(const struct run_job *job);

int run_exit_status(const struct run *run); /* as in the README's table */

/* --- for --dry-run ------------------------------------------------------------------------- */

/* Asks for the digests of its images, which are not pulled.  Blocking. */
int run_look(struct run *run, struct error *err) MUST_USE;

/* Calls fn with each job in the order in which one at a time would run. */
typedef void run_order_fn(void *arg, const struct run_job *job);
void run_order(const struct run *run, run_order_fn *fn, void *arg);

/* "sha256:..." of the job's image, or NULL if its action needs none. */
const char *run_image_digest(const struct run *run, const struct spec_job *job);

/* What stands behind an input: DS-NAME:VERSION, a directory, a string's value, JOB.outputs.NAME;
 * NULL if it is optional and not given.  Borrowed, until the next call. */
const char *run_input_text(struct run *run, const struct spec_input *input);

/* True if the output's dataset does not exist yet. */
bool run_output_is_new(const struct run *run, const struct spec_output *output);

#endif
