/* sluice runs resume: goes on with a run whose runner was killed. */
#include <string.h>

#include "cli/commands.h"
#include "cli/runs/one_run.h"
#include "cli/workflow/given.h"
#include "cli/workflow/options.h"
#include "cli/workflow/place.h"

static int take_left(struct session *s, struct datasets *datasets)
{
	struct catalog *catalog = datasets_catalog(datasets);
	struct one_run found;
	int rc = one_run_find(catalog, args_rest(s->args, 0), &found, &s->err);

	if (rc < 0)
		return session_fail(s);
	rc = left_take(catalog, s->options.home, found.uuid, &s->left, &s->err);
	if (rc < 0)
		rc = error_wrap(&s->err, "run '%s'", found.name);
	one_run_release(&found);
	return rc < 0 ? session_fail(s) : 0;
}

static int read_left(struct session *s)
{
	const char *home = s->options.home;
	struct error why;

	if (left_options(s->left, &s->options, &why) < 0)
		return session_fail_with(
			s, why.class,
			"nobody can go on with run '%s': %s; 'sluice runs cancel %s' ends it",
			args_rest(s->args, 0), why.msg, args_rest(s->args, 0));
	s->options.home = home;
	s->options.secrets = &s->secrets;
	s->source.doc = spec_parse(s->options.text, strlen(s->options.text));
	if (!s->source.doc || !s->source.doc->spec)
		return session_fail_with(s, SLUICE_INVALID,
		                         "this sluice does not understand the workflow of run '%s'",
		                         args_rest(s->args, 0));
	s->options.spec = s->source.doc->spec;
	given_read_proxies(s);
	return given_read_secrets(s);
}

static int live(struct session *s)
{
	struct run_hooks hooks = view_hooks(s->view);
	struct datasets *datasets;

	if (cli_home(s->cli, &s->options.home, &s->err) < 0 ||
	    cli_open_datasets(s->cli, &datasets, &s->err) < 0)
		return session_fail(s);
	if (take_left(s, datasets) < 0 || read_left(s) < 0 || place_open_executor(s) < 0)
		return s->err.class;
	if (run_resume(&s->loop, datasets, s->executor, &s->options, s->left, &hooks, &s->run,
	               &s->err) < 0)
		return session_fail(s);
	return session_start_and_wait(s);
}

static int resume(struct cli *cli, const struct cli_args *args)
{
	return session_live(cli, args, live);
}

static const struct cli_option resume_options[] = {
	{ .name = "json", .help = "Print events, each a line of JSON, as 'sluice run' does." },
	{ .name = "logs", .help = "With --json: an event for each line that a job prints, too." },
	OPTIONS_SECRETS,
	OPTION_PROGRESS,
	OPTION_RUNTIME,
	{ .name = NULL },
};

const struct cli_command cmd_runs_resume = {
	.words = "runs resume",
	.arguments = "RUN",
	.summary = "Go on with a run whose runner was killed.",
	.help = "The jobs of such a run go on without it: this follows them, commits what they made "
		"and starts what has yet to start, as 'sluice run' would have. After a restart of "
		"the machine the jobs that ran start again.\n"
		"\n"
		"Secrets are kept nowhere: those that a job needs which has not started are given "
		"again. RUN is named as in 'sluice runs show'; the exit status is that of 'sluice "
		"run'.",
	.min_rest = 1,
	.max_rest = 1,
	.complete = { COMPLETE_UNFINISHED_RUN },
	.options = resume_options,
	.run = resume,
	.in_userns = true,
};
