#include "action/action.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action/internal.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum { ARGUMENT_MAX = 128 * 1024 - 1 }; /* bytes: Linux's MAX_ARG_STRLEN without the NUL */

static const struct action *const actions[] = {
	&action_container,
	&action_script,
	&action_git_checkout,
};

static const struct action *find(const char *name)
{
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (strcmp(actions[i]->name, name) == 0)
			return actions[i];
	return NULL;
}

bool action_variable_fits(const char *name, const char *value)
{
	return strlen(name) + 1 + strlen(value) <= ARGUMENT_MAX;
}

static bool refuse(struct action_refusal *ret_why, struct spec_mark at, const char *message,
                   const char *hint)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);

	strbuf_addprintable(&text, message, sizeof ret_why->message);
	*ret_why = (struct action_refusal){ .at = at, .hint = hint };
	(void)snprintf(ret_why->message, sizeof ret_why->message, "%s", strbuf_str(&text));
	return false;
}

/* Of what the kernel would not start a program with.  A script is a file, however long. */
static const struct spec_mark *find_too_long(const struct spec_job *job)
{
	for (size_t i = 0; i < job->n_env; i++)
		if (!action_variable_fits(job->env[i].name, job->env[i].value))
			return &job->env[i].at;
	for (size_t i = 0; i < job->n_params; i++)
		for (size_t k = 0; k < job->params[i].n; k++)
			if (strcmp(job->params[i].name, "script") != 0 &&
			    strlen(job->params[i].value[k]) > ARGUMENT_MAX)
				return &job->params[i].at;
	return NULL;
}

/* Whatever the event will be: what is wrong with the rest. */
static bool is_buildable(const struct spec_job *job, struct error *err)
{
	static const struct action_context any = { .event_url = "https://", .event_ref = "HEAD" };
	struct action_step *step;

	if (action_build(job, &any, &step, err) < 0)
		return false;
	action_step_free(step);
	return true;
}

bool action_can_run(const struct spec_job *job, struct action_refusal *ret_why)
{
	const struct spec_param *user = spec_job_param(job, "username");
	const struct spec_param *password = spec_job_param(job, "password");
	const struct spec_mark *too_long = find_too_long(job);
	struct error err;

	if (job->timeout > 0)
		return refuse(ret_why, job->timeout_at, "'timeout' of a job is not supported yet",
		              "remove it, or limit the command itself: timeout 600 COMMAND");
	if (!find(job->action))
		return refuse(ret_why, job->uses_at,
		              "this action is understood but cannot be run yet",
		              "container@v1, script@v1 and git-checkout@v1 can");
	if (strcmp(job->action, "git-checkout") == 0 && (user || password))
		return refuse(ret_why, user ? user->at : password->at,
		              "checking out a private repository is not supported yet",
		              "public https and file URLs are");
	if (too_long)
		return refuse(ret_why, *too_long,
		              "this is longer than the 131,071 bytes that Linux hands to a program "
		              "as one variable (NAME=VALUE) or argument",
		              "make it a string input, which is a file: /inputs/NAME");
	if (!is_buildable(job, &err))
		return refuse(ret_why, job->uses_at, err.msg, NULL);
	return true;
}

const char *action_needs_tool(const struct spec_job *job)
{
	const struct action *a = find(job->action);

	return a ? a->tool : NULL;
}

static size_t count(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

const char *action_keep(struct action_step *step, char *made)
{
	size_t n = count(step->owned);

	step->owned = xreallocarray(step->owned, n + 2, sizeof *step->owned);
	step->owned[n] = made;
	step->owned[n + 1] = NULL;
	return made;
}

const char **action_list(const char *const *value, size_t n)
{
	const char **list = xcalloc(n + 1, sizeof *list);

	for (size_t i = 0; i < n; i++)
		list[i] = value[i];
	return list;
}

int action_value(const char *text, const struct action_context *context, const char **ret_value,
                 struct error *err)
{
	static const char prefix[] = "context.event.github.";
	const char *value = text;

	if (strncmp(text, prefix, sizeof prefix - 1) == 0) {
		const char *field = text + sizeof prefix - 1;

		if (strcmp(field, "url") == 0)
			value = context->event_url;
		else if (strcmp(field, "ref") == 0)
			value = context->event_ref;
		else
			return error_set(err, SLUICE_INVALID,
			                 "'%s' is not known: there is context.event.github.url and "
			                 "context.event.github.ref",
			                 text);
	}
	if (!value)
		return error_set(
			err, SLUICE_INVALID,
			"'%s' has no value: the workflow file lies in no git checkout with "
			"a commit; give one with --event FILE or in the file's `context:`",
			text);
	*ret_value = value;
	return 0;
}

int action_build(const struct spec_job *job, const struct action_context *context,
                 struct action_step **ret_step, struct error *err)
{
	const struct action *a = find(job->action);
	struct action_step *step;
	int rc;

	if (!a)
		return error_set(err, SLUICE_INVALID, "action '%s' cannot be run", job->action);
	step = xcalloc(1, sizeof *step);
	rc = a->build(job, context, step, err);
	if (rc < 0) {
		action_step_free(step);
		return rc;
	}
	if (!step->env)
		step->env = action_list(NULL, 0);
	*ret_step = step;
	return 0;
}

void action_step_free(struct action_step *step)
{
	if (!step)
		return;
	for (size_t i = 0; i < count(step->owned); i++)
		free(step->owned[i]);
	free(step->owned);
	free(step->entrypoint);
	free(step->args);
	free(step->env);
	free(step);
}
