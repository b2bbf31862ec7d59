/*
 * What `uses:` means.  Pure: a job of the checked spec goes in, the part of a container request
 * that the action decides comes out; the engine adds directory, mounts, environment and limits.
 * One file per action, one row of the table in action.c.
 */
#ifndef ACTION_ACTION_H
#define ACTION_ACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "executor/executor.h"
#include "spec/spec.h"

/* What a parameter's value may refer to.  All borrowed. */
struct action_context {
	const char *event_url; /* context.event.github.url, or NULL: not known */
	const char *event_ref;
	const char *const *proxies; /* NAME=VALUE of this machine's proxy settings, or NULL */
};

/* Owned as a whole; action_step_free() releases it. */
struct action_step {
	enum request_root root;
	const char *image;       /* as written, ROOT_IMAGE only */
	const char **entrypoint; /* as in struct request */
	const char **args;
	const char *script;
	const char **env; /* NULL-terminated, wins over the job's; never NULL */
	char **owned;     /* NULL-terminated: every string that was made for it */
};

/*
 * Is there something in the job that cannot be run, whatever the machine?  Then false, with a
 * sentence, a hint and its place.  Checked for all jobs before a run starts.
 */
struct action_refusal {
	struct spec_mark at;
	char message[512]; /* printable */
	const char *hint;  /* static, or NULL */
};
bool action_can_run(const struct spec_job *job, struct action_refusal *ret_why);

/* Can a program be started with the variable?  Of those that stand in the workflow
 * action_can_run() says so. */
bool action_variable_fits(const char *name, const char *value);

/* Builds the step; the same job and context always give the same one. */
int action_build(const struct spec_job *job, const struct action_context *context,
                 struct action_step **ret_step, struct error *err) MUST_USE;
void action_step_free(struct action_step *step); /* takes NULL */

/* True if the job's action runs a program of this machine: its name, else NULL. */
const char *action_needs_tool(const struct spec_job *job);

/*
 * The value of a parameter or variable: `context.event.github.url` and `.ref` are replaced by what
 * the context says (an error if it does not know), anything else stands for itself.
 */
int action_value(const char *text, const struct action_context *context, const char **ret_value,
                 struct error *err) MUST_USE;

#endif
