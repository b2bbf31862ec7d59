/* sluice run: from a file to committed versions. */
#include <string.h>

#include "cli/commands.h"
#include "cli/executor.h"
#include "cli/workflow/given.h"
#include "cli/workflow/options.h"
#include "cli/workflow/place.h"
#include "cli/workflow/settings.h"

/* --dry-run: the plan, and nothing is changed. */
static int show_plan(struct session *s)
{
	if (run_look(s->run, &s->err) < 0)
		return session_fail(s);
	if (s->cli->json || !s->cli->quiet)
		view_plan(s->view, s->run, s->workflow);
	return 0;
}

/* Its jobs, and beside them those that killed runners have left in this home. */
static int run_jobs(struct session *s, struct datasets *datasets)
{
	if (left_runs_go_on(&s->loop, datasets_catalog(datasets), s->options.home, view_notice,
	                    s->view, &s->left_runs, &s->err) < 0)
		return session_fail(s);
	if (session_start_and_wait(s) < 0)
		return s->err.class;
	s->waits = s->status < 128;
	if (s->waits)
		left_runs_wait(s->left_runs, view_insist);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	return 0;
}

static int live(struct session *s)
{
	bool dry_run = args_has(s->args, "dry-run");
	struct run_hooks hooks = view_hooks(s->view);
	struct datasets *datasets;

	s->file = args_rest(s->args, 0);
	if (settings_read(s) < 0 || given_read(s) < 0)
		return s->err.class;
	if (cli_home(s->cli, &s->options.home, &s->err) < 0 ||
	    cli_open_datasets(s->cli, &datasets, &s->err) < 0)
		return session_fail(s);
	if (place_open_executor(s) < 0 || place_choose_network(s) < 0)
		return s->err.class;
	place_notice_users(s);
	if (dry_run)
		cli_fetch_public(s->cli, false);
	if (run_new(&s->loop, datasets, s->executor, &s->options, &hooks, &s->run, &s->err) < 0)
		return session_fail(s);
	return dry_run ? show_plan(s) : run_jobs(s, datasets);
}

static int run(struct cli *cli, const struct cli_args *args)
{
	return session_live(cli, args, live);
}

static const struct cli_option options[] = {
	{ .name = "name",
	  .value = "WORKFLOW",
	  .help = "The workflow's name in the history; else the file's.",
	  .complete = COMPLETE_WORKFLOW },
	{ .name = "input",
	  .letter = 'i',
	  .value = "NAME=VALUE",
	  .help = "A workflow input: a string's value, a dataset's NAME[:VERSION], or a directory "
	          "such as ./data, which is committed first unless a version holds the same.",
	  .repeatable = true,
	  .complete = COMPLETE_INPUT },
	{ .name = "inputs",
	  .other = "inputPath",
	  .value = "FILE",
	  .help = "Workflow inputs from a YAML or JSON file.",
	  .complete = COMPLETE_FILE },
	{ .name = "jobs",
	  .letter = 'j',
	  .value = "N",
	  .help = "How many jobs run at once (default: the number of cores)." },
	{ .name = "cpus",
	  .value = "N",
	  .help = "Cores that the run may use: jobs that ask for no number of them share these." },
	{ .name = "memory",
	  .value = "SIZE",
	  .help = "Memory that the run may use, such as 16GiB, likewise." },
	{ .name = "fail-fast", .help = "Stop everything when a job fails." },
	{ .name = "dry-run",
	  .letter = 'n',
	  .help = "Show the plan with resolved versions and images." },
	{ .name = "json",
	  .help = "Print events, each a line of JSON: run_started, job, version, notice and "
	          "run_finished; diagnostic and error where nothing was run; plan with --dry-run." },
	{ .name = "logs", .help = "With --json: an event for each line that a job prints, too." },
	{ .name = "no-create-datasets",
	  .help = "An output dataset that does not exist is an error; else it is created." },
	{ .name = "strict-inputs",
	  .help = "Mount inputs read-only; else each job may write to a private view of them." },
	{ .name = "verify-inputs",
	  .help = "Hash what a job reads again before it starts, and do not start it when something "
	          "is damaged.  The configuration's inputs.verify asks for it always." },
	OPTIONS_SECRETS,
	{ .name = "pull",
	  .value = "missing|always|never",
	  .help = "When images are asked for at their registries (default: missing, or what the "
	          "configuration's images.pull says)." },
	{ .name = "event",
	  .value = "FILE",
	  .help = "JSON with github.url and github.ref for context.event; else the git checkout in "
	          "which the workflow file lies.",
	  .complete = COMPLETE_FILE },
	{ .name = "network",
	  .value = "private|host|none",
	  .help = "The network that jobs see: one of their own from which the outside can be reached "
	          "but not this machine's loopback, this machine's, or none (default: private, "
	          "where slirp4netns works, else host).  The configuration's network says the same." },
	OPTION_PROGRESS,
	{ .name = "executor",
	  .value = EXECUTOR_CHOICES,
	  .help = "What runs the containers (default: what the configuration's executor says, else "
	          "the first that works)." },
	OPTION_RUNTIME,
	{ .name = "grace",
	  .value = "SECONDS",
	  .help = "From SIGTERM to SIGKILL when a job is stopped (default: 10)." },
	{ .name = NULL },
};

const struct cli_command cmd_run = {
	.words = "run",
	.arguments = "FILE",
	.summary = "Run a workflow.",
	.help = "Runs the jobs of a Gradient workflow file in containers: datasets are mounted at "
		"/inputs/NAME, and what a job writes to /outputs/NAME becomes a new version.\n"
		"\n"
		"Ctrl-C (or SIGTERM, SIGHUP) asks the jobs to stop; a second one kills them, as "
		"Ctrl-\\ (SIGQUIT) does at once.\n"
		"\n"
		"Runs that a killed runner has left in this home are gone on with beside this one, "
		"and waited for at its end; Ctrl-C leaves them to go on by themselves then.\n"
		"\n"
		"The exit status says how it ended: 'sluice --help' lists them.",
	.min_rest = 1,
	.max_rest = 1,
	.complete = { COMPLETE_FILE },
	.options = options,
	.run = run,
	.in_userns = true,
};
