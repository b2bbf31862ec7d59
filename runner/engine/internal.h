/* A run from the inside; seen in this folder only. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "base/json.h"
#include "base/strbuf.h"
#include "engine/run.h"
#include "engine/sched.h"
#include "loop/work.h"

/* A version that an input stands for: resolved once, when the run starts. */
struct pin {
	struct dataset_version version;
	char *tree;         /* its read-only directory, once a job has asked for it */
	const char *dir;    /* a directory that is committed when the run starts */
	const char *target; /* the dataset that it then goes to */
};

struct image_pin {
	char digest[72];
	bool ready; /* unpacked: nothing to prepare any more */
};

struct target {
	struct dataset dataset;
	bool is_new; /* it is made when the run starts */
};

/* What stands behind a workflow input in this run; neither: optional and not given. */
struct binding {
	const char *value;
	struct pin *pin;
};

/* What a job gets of the machine. */
struct job_share {
	struct request_limits limits;
	size_t n_gpus;
};

struct given; /* see given.c */
struct run_images;
struct left;

struct run {
	uv_loop_t *loop;
	struct datasets *datasets;
	struct executor *executor;
	const struct run_options *options;
	struct run_hooks hooks;
	char uuid[UUID_LEN + 1];
	int64_t number;
	char *dir;         /* HOME/runs/UUID: lock, workflow.yaml and jobs/JOB/ATTEMPT; a job may be
	                    * called as it likes */
	int lock;          /* held while this runner owns the run; -1 */
	struct left *left; /* what another runner left of it, or NULL: it is new */
	struct run_job *jobs;
	struct job_share *shares;     /* one for each of spec->jobs */
	struct sched_amount *demands; /* the same, for the scheduler */
	struct sched sched;
	const struct run_job **gpu_users; /* of each GPU of the machine, or NULL: it is free */
	struct binding *bindings;         /* one for each of spec->inputs */
	struct map pins;                  /* text of a reference -> struct pin */
	struct map images;                /* text of an image -> struct image_pin */
	struct map targets;               /* text of an output's reference -> struct target */
	struct strbuf scratch;            /* behind run_input_text() */
	int cancel_signal;                /* 0: none */
	bool stopping;                    /* canceled, or --fail-fast after a failure */
	bool history_open;
	struct error history_error; /* why a row was lost first; class 0: none was */
	struct catalog_job *rows;   /* the last one of each of spec->jobs, for the end */
	uv_prepare_t turn;          /* ends the transaction of each turn of the loop */
	struct work cleanup;
	uv_timer_t slow;           /* says that the cleanup takes long */
	struct run_images *wanted; /* images that are being had, likewise: see images.c */
	struct given *given; /* directories that are being committed: the run has not started */
	struct error error;  /* why it could not start */
	int64_t created_ms, started_ms, finished_ms; /* 0: not yet */
	struct run_job *ahead[SCHED_AHEADS]; /* got ready, or about to be, before they may go */
	size_t n_failed, n_error;
	bool started, advancing, finishing, ended;
};

/* What a job needs only from preparing to its end. */
struct job_work {
	struct attempt *attempt;
	struct attempt_result result;
	bool staged;      /* the attempt is there; it has not gone */
	bool stale;       /* ... and cannot go: another takes its place */
	bool checked;     /* its outputs were, by the runner that died while they were committed */
	bool taken;       /* ... and their bytes are in the store */
	unsigned pending; /* pieces that are still out */
	struct progress progress; /* of what the state's pieces do */
	int64_t since_ms;         /* they began */
	struct error error;
	char *unneeded; /* why it shall not start, though it was got ready ahead; or NULL */
	struct job_request *request;
	struct piece *pieces; /* of preparing, side by side */
	size_t n_pieces;
};

/* --- resolve.c ----------------------------------------------------------------------------- */

/* Fills bindings, pins and targets; checks secrets and the context. */
int run_resolve(struct run *run, struct error *err) MUST_USE;
/* Builds every step once, so that a value that cannot be had is found before anything starts. */
int run_check_steps(const struct run *run, struct error *err) MUST_USE;
/* Makes the missing output datasets. */
int run_resolve_start(struct run *run, struct error *err) MUST_USE;
/* `name` as in an output's `ref`. */
int run_find_or_create(struct run *run, const char *name, struct dataset *ret_dataset,
                       bool *ret_made, struct error *err) MUST_USE;
struct pin *run_pin(const struct run *run, const struct spec_input *input);
/* The string that an input stands for, or NULL. */
const char *run_value(const struct run *run, const struct spec_input *input);
struct image_pin *run_image(const struct run *run, const struct spec_job *job);

/* --- images.c ------------------------------------------------------------------------------ */

/* Has the images of all jobs.  True: run_images_done() follows from the loop, and run->wanted is
 * there until then; false: no job needs one. */
bool images_start(struct run *run);
void images_cancel(struct run *run);

/* --- given.c ------------------------------------------------------------------------------- */

/* Commits the directories that were given as inputs.  If there are any, run->given is there when it
 * returns, and run_given_done() follows from the loop. */
int given_start(struct run *run, struct error *err) MUST_USE;
void given_cancel(struct run *run);

/* --- share.c ------------------------------------------------------------------------------- */

/* SLUICE_MISSING: a job asks for more than there is. */
int shares_make(struct run *run, struct error *err) MUST_USE;
void shares_room(const struct run *run, struct sched_amount *ret_room);

/* --- gpus.c -------------------------------------------------------------------------------- */

/* Gives the job as many as its share says, which the scheduler has seen to be free, and records
 * them in its attempt's directory. */
int gpus_take(const struct run_job *job, struct error *err) MUST_USE;
/* Those that another runner gave to the attempt in job->dir are its own. */
void gpus_restore(const struct run_job *job);
void gpus_give_back(const struct run_job *job);
/* Their names, NULL-terminated; the caller frees the list.  NULL: it has none. */
const char **gpus_of(const struct run_job *job);

/* --- request.c ----------------------------------------------------------------------------- */

/* A request and everything that it points to. */
struct job_request {
	struct request request;
	struct action_step *step;
	struct run_job *job;
	char id[64];
	struct request_mount *mounts;
	const char **env;
	const char **secrets;
	const char **gpus;
	char **owned;
	size_t n_owned;
};

/* Everything but the inputs: enough for executor_prepare(). */
int job_request_new(struct run_job *job, struct job_request **ret_request,
                    struct error *err) MUST_USE;
/* Adds the inputs; the trees must be there. */
int job_request_add_inputs(struct job_request *jr, struct error *err) MUST_USE;
void job_request_free(struct job_request *jr); /* takes NULL */

/* The version behind a dataset input, also of an earlier job; NULL for other types and for an
 * optional one that was not given. */
struct pin *job_input_pin(const struct run_job *job, const struct spec_input *input);

/* --- outputs.c ----------------------------------------------------------------------------- */

/* Names its dataset outputs. */
void job_list_outputs(struct run_job *job);
/* A version for each that has none yet: they are open from the run's start. */
int job_open_outputs(struct run_job *job, struct error *err) MUST_USE;
/* To its attempt: from here on none before it can commit them. */
int job_hand_over_outputs(struct run_job *job, struct error *err) MUST_USE;
/* Those that are still open; what cannot be dropped is a notice. */
void job_drop_outputs(const struct run_job *job);
/* Who may commit them: its attempt.  Borrowed from the job; without inputs. */
struct dataset_maker job_maker(const struct run_job *job);
/* The version behind a dataset output; NULL for other types. */
const struct run_output *job_output(const struct run_job *job, const struct spec_output *output);
/* All are committed, or in the store for good: what the job left in its directories is not needed.
 * Only who saw it end well does that, though the row may not say so: it was lost, or a full disk
 * kept it from being written. */
bool job_outputs_are_taken(const struct run_job *job);

/* The job may have put anything in its outputs' places: a string must be a small plain file of
 * text, all else the directory that stood there.  A link would lead whoever reads it to the host's
 * files. */
int job_check_outputs(const struct run_job *job, struct error *err) MUST_USE;
/* What it wrote to a string output; the caller frees it. */
int job_read_string(const struct run_job *job, const struct spec_output *output, char **ret_text,
                    struct error *err) MUST_USE;
/* What it wrote beside its outputs is lost with the run: a name that was mistyped is said. */
void job_notice_undeclared(const struct run_job *job);

/* --- masked.c ------------------------------------------------------------------------------ */

/* The text with *** in the place of the job's secrets; the caller frees it. */
char *job_masked(const struct run_job *job, const char *text) MUST_USE;

/* --- job.c --------------------------------------------------------------------------------- */

/* Gets a job ready, and lets it run if it may; it ends in run_job_ended().  One whose needs still
 * run is waiting for all who look at it; it may end in run_job_given_back(). */
void job_start(struct run_job *job);
/* One that was got ready ahead, or still is, may run. */
void job_let_go(struct run_job *job);
void job_stop(struct run_job *job, bool now);
/* What it needs has not ended well: it ends as if it had not been got ready. */
void job_withdraw(struct run_job *job, const char *why);
/* A job that never starts: canceled or skipped. */
void job_end_unstarted(struct run_job *job, enum job_state state, const char *message);
char *job_attempt_dir(const struct run_job *job, int attempt); /* the caller frees it */

/*
 * Goes on with the attempt that an earlier runner has started; `committing`: its command had ended
 * well, and its outputs were being committed.  If there is none it waits, and is to start again;
 * else job->live is there, and job_follow() is to be called once the scheduler knows it as running.
 */
void job_adopt(struct run_job *job, bool committing);
void job_follow(struct run_job *job);
void job_committed(struct run_job *job, const struct error *err /* NULL: well */);

/* --- commit.c ------------------------------------------------------------------------------ */

/* Makes versions of all outputs that are not committed yet, or of none.  job_committed() follows,
 * from the loop; from inside if there are none. */
void commit_start(struct run_job *job);

/* --- run.c --------------------------------------------------------------------------------- */

void run_images_done(struct run *run, const struct error *err /* NULL: well */);
void run_given_done(struct run *run, const struct error *err /* NULL: well */);
/* With empty directory of names; `uuid` NULL for a new one. */
struct run *run_alloc(uv_loop_t *loop, struct datasets *datasets, struct executor *executor,
                      const struct run_options *options, const struct run_hooks *hooks,
                      const char *uuid);
void run_sched_restore(struct run *run, const enum sched_was *was);
void run_job_ended(struct run_job *job);
/* It could not be got ready ahead: it is waiting again. */
void run_job_given_back(struct run_job *job);
/* It may run.  If not, job_let_go() follows as soon as it may. */
bool run_may_go(const struct run_job *job);
/* All that it needs has ended well. */
bool run_has_needs(const struct run_job *job);
void run_notice(struct run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- plan.c ---------------------------------------------------------------------------------- */

int plan_write(const struct run *run, int dirfd) MUST_USE;
#define PLAN_NAME "plan.json"
int plan_read(int dirfd, cJSON **ret_plan, struct error *err) MUST_USE;
bool plan_is_of_this_boot(const cJSON *plan);
/* Makes it one of this boot. */
int plan_renew(int dirfd, cJSON *plan) MUST_USE;
/* The options that it holds; borrowed. */
void plan_options(const cJSON *plan, struct run_options *options);
/* Fills bindings, pins, images and targets; strings are borrowed. */
int plan_restore(struct run *run, const cJSON *plan, struct error *err) MUST_USE;

/* --- resume.c, left_end.c --------------------------------------------------------------------- */

/* As run_start() for a run that was left; if it fails, nothing has happened. */
int run_resume_start(struct run *run, struct error *err) MUST_USE;
/* Drops the open versions of a run of which `is_lost` says so. */
int left_drop_versions(struct datasets *datasets, const char *run,
                       bool (*is_lost)(void *arg, const struct dataset_version *v), void *arg,
                       struct error *err) MUST_USE;

/* --- rows.c ---------------------------------------------------------------------------------- */

/* Puts the rows of a run, as they are now, into its directory. */
void rows_keep(struct catalog *c, const char *uuid, const char *dir);
/* Gives a run the end that its directory tells, if its rows do not. */
int rows_restore(struct catalog *c, const char *home, const char *uuid, struct error *err) MUST_USE;

/* --- history.c: rows of the catalog; what could not be written is tried again at the end ------ */

void history_job(const struct run_job *job);
void history_link(const struct run_job *job, bool is_output, const char *name,
                  const struct dataset_version *version);
void history_run(struct run *run);
/* Its rows also to its directory: see rows.c. */
void history_keep(struct run *run);
/* When it has ended. */
void history_end(struct run *run);
/* That it is being canceled, which whoever goes on with it must know. */
void history_canceling(struct run *run);
#define HISTORY_CANCELING "CANCELING"
/* Ends the transaction that is open: before anything that the rows allow, and each loop turn. */
void history_flush(struct run *run);

#endif
