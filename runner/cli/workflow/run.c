/* sluice run: from a file to committed versions; and sluice runs resume, which goes on with that.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/cleanup.h"
#include "base/parallel.h"
#include "base/parse.h"
#include "base/userns.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/executor.h"
#include "cli/runs/left.h"
#include "cli/runs/one_run.h"
#include "cli/view/view.h"
#include "cli/workflow/diags.h"
#include "cli/workflow/event.h"
#include "cli/workflow/machine.h"
#include "cli/workflow/registries.h"
#include "cli/workflow/secrets.h"
#include "engine/left.h"
#include "executor/network.h"
#include "loop/work.h"

enum {
	WORKFLOW_MAX = 64 << 20, /* spec/ has the same limit and says so better */
	MAX_AT_ONCE = 4096,
	DEFAULT_GRACE_S = 10,
};

/* Of run and of resume. */
#define OPTIONS_SECRETS                                                                            \
	{ .name = "secret",                                                                        \
	  .value = "NAME=VALUE",                                                                   \
	  .help = "A secret for secret:NAME. Other users may see the value while the command "     \
		  "starts, and shells note it in their history: --secret-env does not show it.",   \
	  .repeatable = true },                                                                    \
		{ .name = "secret-env",                                                            \
		  .value = "NAME[=VARIABLE]",                                                      \
		  .help = "A secret from the environment; variable NAME unless another is named.", \
		  .repeatable = true },                                                            \
	{                                                                                          \
		.name = "env-file", .value = "FILE",                                               \
		.help = "Secrets from a file of NAME=VALUE lines.", .repeatable = true,            \
		.complete = COMPLETE_FILE                                                          \
	}
#define OPTION_PROGRESS                                                                                  \
	{                                                                                                \
		.name = "progress", .value = "auto|plain|live",                                          \
		.help = "Log lines as they come, or above a block that shows what each job does (auto: " \
			"live on a terminal)."                                                           \
	}
#define OPTION_PULL                                                                                 \
	{                                                                                           \
		.name = "pull", .value = "missing|always|never",                                    \
		.help = "When images are asked for at their registries (default: missing, or what " \
			"the configuration's images.pull says)."                                    \
	}
#define OPTION_RUNTIME                                                                                  \
	{                                                                                               \
		.name = "runtime", .value = "PATH",                                                     \
		.help = "The OCI runtime (default: $SLUICE_RUNTIME, else crun or runc, the first that " \
			"works).",                                                                      \
		.complete = COMPLETE_FILE                                                               \
	}

#define OPTION_EXECUTOR                                                                         \
	{                                                                                       \
		.name = "executor", .value = EXECUTOR_CHOICES,                                  \
		.help = "What runs the containers (default: what the configuration's executor " \
			"says, else the first that works)."                                     \
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
	OPTION_PULL,
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
	OPTION_EXECUTOR,
	OPTION_RUNTIME,
	{ .name = "grace",
	  .value = "SECONDS",
	  .help = "From SIGTERM to SIGKILL when a job is stopped (default: 10)." },
	{ .name = NULL },
};

/* Everything that one run needs, in the order in which it is made. */
struct session {
	struct cli *cli;
	const struct cli_args *args;
	const char *file;
	char *workflow;
	char *dir; /* of the workflow file */
	struct strbuf text;
	struct spec_doc *doc;
	struct strbuf inputs_text;
	struct spec_inputs_doc *inputs;
	struct map secrets;
	struct event event;
	struct config_registries registries; /* as this workflow sees them */
	char **proxies;
	struct run_given *given;
	char **given_names;
	size_t n_given;
	const char *network; /* by name; NULL: the best that works */
	struct run_options options;
	uv_loop_t loop;
	struct executor *executor;
	struct view *view;
	struct run *run;
	struct left *left;           /* what is gone on with */
	struct left_runs *left_runs; /* of others, beside this one */
	uv_signal_t signals[4];
	bool canceled;
	struct error err;
	int status; /* once something has been said about a failure */
};

/* Says what is in s->err. */
static int fail(struct session *s)
{
	s->status = cli_fail(&s->err);
	return s->err.class;
}

static int __attribute__((format(printf, 3, 4)))
fail_with(struct session *s, enum sluice_err class, const char *fmt, ...)
{
	va_list ap;

	s->err = (struct error){ .class = (int)class };
	va_start(ap, fmt);
	(void)vsnprintf(s->err.msg, sizeof s->err.msg, fmt, ap);
	va_end(ap);
	return fail(s);
}

/* --- what is read --------------------------------------------------------------------------- */

/* Its diagnostics say what is wrong. */
static int invalid(struct session *s, const char *file)
{
	s->status = CLI_USAGE;
	return error_set(&s->err, SLUICE_INVALID, "'%s' has errors: nothing was run", file);
}

static void show_diags(const struct session *s, const struct diags_shown *d)
{
	diags_print(s->cli, d, false);
	view_diags(s->view, d);
}

static int read_workflow(struct session *s)
{
	if (cli_read_input(s->file, &s->text, &s->err) < 0)
		return fail(s);
	s->doc = spec_parse(strbuf_str(&s->text), s->text.len);
	if (!s->doc)
		return fail_with(s, SLUICE_LIMIT, "out of memory");
	show_diags(s, &DIAGS_OF(s->file, &s->text, s->doc, true));
	return s->doc->spec ? 0 : invalid(s, s->file);
}

static int read_inputs(struct session *s)
{
	const char *path = args_get(s->args, "inputs");

	if (!path)
		return 0;
	if (cli_read_input(path, &s->inputs_text, &s->err) < 0)
		return fail(s);
	s->inputs = spec_parse_inputs(strbuf_str(&s->inputs_text), s->inputs_text.len);
	if (!s->inputs)
		return fail_with(s, SLUICE_LIMIT, "out of memory");
	show_diags(s, &DIAGS_OF(path, &s->inputs_text, s->inputs, false));
	return s->inputs->n_errors == 0 ? 0 : invalid(s, path);
}

/* Those of the file first, so that the command line wins. */
static int collect_given(struct session *s)
{
	size_t n_args;
	const char *const *pairs = args_all(s->args, "input", &n_args);
	size_t n_file = s->inputs ? s->inputs->n_given : 0;

	s->given = xcalloc(n_file + n_args, sizeof *s->given);
	s->given_names = xcalloc(n_args + 1, sizeof *s->given_names);
	for (size_t i = 0; i < n_file; i++)
		s->given[s->n_given++] = (struct run_given){
			.name = s->inputs->given[i].name,
			.value = s->inputs->given[i].value,
			.ref = s->inputs->given[i].ref,
		};
	for (size_t i = 0; i < n_args; i++) {
		const char *equals = strchr(pairs[i], '=');

		if (!equals || equals == pairs[i])
			return fail_with(s, SLUICE_INVALID, "--input takes NAME=VALUE, not '%s'",
			                 pairs[i]);
		s->given_names[i] = xstrndup(pairs[i], (size_t)(equals - pairs[i]));
		s->given[s->n_given++] =
			(struct run_given){ .name = s->given_names[i], .any = equals + 1 };
	}
	return 0;
}

static int read_secrets(struct session *s)
{
	static const struct {
		const char *option;
		int (*add)(struct map *secrets, const char *text, struct error *err);
	} sources[] = {
		{ "env-file", secrets_add_file },
		{ "secret-env", secrets_add_env },
		{ "secret", secrets_add_pair },
	};

	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		size_t n;
		const char *const *values = args_all(s->args, sources[i].option, &n);

		for (size_t k = 0; k < n; k++)
			if (sources[i].add(&s->secrets, values[k], &s->err) < 0)
				return fail(s);
	}
	return 0;
}

/* --event, else what the file's `context:` says, else the git checkout around it; git is asked
 * only if the workflow speaks of it. */
static void notice_dirty(struct session *s)
{
	AUTO_FREE char *text = xasprintf("the checkout %s has changes that are not committed: jobs "
	                                 "that check it out do not see them",
	                                 event_checkout(&s->event));

	view_notice(s->view, text);
}

static int read_event(struct session *s)
{
	const struct spec *spec = s->doc->spec;
	const char *path = args_get(s->args, "event");

	if (path && event_read(path, &s->event, &s->err) < 0)
		return fail(s);
	if (!path && !(spec->event_url && spec->event_ref) && strcmp(s->file, "-") != 0 &&
	    strstr(strbuf_str(&s->text), "context.event.github.")) {
		event_from_checkout(s->file, &s->event);
		if (s->event.dirty)
			notice_dirty(s);
	}
	s->options.context.event_url = s->event.url ? s->event.url : spec->event_url;
	s->options.context.event_ref = s->event.ref ? s->event.ref : spec->event_ref;
	return 0;
}

static void read_proxies(struct session *s)
{
	static const char *const names[] = { "http_proxy",     "https_proxy",  "no_proxy",
		                             "HTTP_PROXY",     "HTTPS_PROXY",  "NO_PROXY",
		                             "GIT_SSL_CAINFO", "SSL_CERT_FILE" };
	size_t n = 0;

	s->proxies = xcalloc(sizeof names / sizeof *names + 1, sizeof *s->proxies);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (value)
			s->proxies[n++] = xasprintf("%s=%s", names[i], value);
	}
	s->options.context.proxies = (const char *const *)s->proxies;
}

/* --- what is checked ------------------------------------------------------------------------ */

static int number(struct session *s, const char *option, uint64_t most, uint64_t otherwise,
                  uint64_t *ret_value)
{
	const char *text = args_get(s->args, option);

	*ret_value = otherwise;
	if (text && !parse_u64(text, most, ret_value))
		return fail_with(s, SLUICE_INVALID, "--%s takes a number up to %llu, not '%s'",
		                 option, (unsigned long long)most, text);
	return 0;
}

static char *name_of_file(const char *file)
{
	const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	const char *dot = strrchr(base, '.');

	if (strcmp(file, "-") == 0)
		return xstrdup("stdin");
	return dot && dot > base ? xstrndup(base, (size_t)(dot - base)) : xstrdup(base);
}

/* By name; NULL: the first that works.  A runtime that is asked for goes before the configuration,
 * since it has its own executor. */
static const char *choose_executor(const struct cli_args *args, const struct config *config)
{
	const char *told = args_get(args, "executor");

	return told || args_has(args, "runtime") ? told : config->executor;
}

/* By the rules for the names in a workflow.  A file may be called as it likes. */
static int check_workflow_name(struct session *s)
{
	const char *fault = NULL;
	bool has_control = false;

	for (char *p = s->workflow; *p; p++) {
		bool is_control = (unsigned char)*p < 0x20 || *p == 0x7f;

		has_control |= is_control;
		if (is_control && !args_has(s->args, "name"))
			*p = '_';
	}
	if (!args_has(s->args, "name"))
		return 0;
	if (!s->workflow[0])
		fault = "is empty";
	else if (strchr(s->workflow, '/'))
		fault = "holds a '/'";
	else if (has_control)
		fault = "holds a control character";
	else if (strlen(s->workflow) > NAME_MAX_LEN)
		fault = "is longer than 128 bytes";
	return fault ? fail_with(s, SLUICE_INVALID,
	                         "the workflow's name %s: use letters, digits, '-' and '_'", fault)
	             : 0;
}

static int read_options(struct session *s)
{
	const char *name = args_get(s->args, "name");
	enum request_network network;
	const struct config *config;
	uint64_t jobs;
	uint64_t grace;
	struct run_options caps = { .jobs = 0 };

	if (machine_caps(s->args, &caps, &s->err) < 0)
		return fail(s);
	if (number(s, "jobs", MAX_AT_ONCE, machine_places(&caps), &jobs) < 0 ||
	    number(s, "grace", UINT64_C(24) * 3600, DEFAULT_GRACE_S, &grace) < 0)
		return s->err.class;
	if (cli_config(s->cli, &config, &s->err) < 0)
		return fail(s);
	if (jobs == 0)
		return fail_with(s, SLUICE_INVALID, "--jobs 0 would run nothing: it is 1 or more");
	s->network = args_get(s->args, "network");
	if (s->network && !request_network_find(s->network, &network))
		return fail_with(s, SLUICE_INVALID,
		                 "--network takes private, host or none, not '%s'", s->network);
	if (!s->network)
		s->network = config->network;
	s->workflow = name ? xstrdup(name) : name_of_file(s->file);
	if (check_workflow_name(s) < 0)
		return s->err.class;
	s->options = (struct run_options){
		.workflow = s->workflow,
		.jobs = (unsigned)jobs,
		.cpu_cap = caps.cpu_cap,
		.memory_cap = caps.memory_cap,
		.grace_ms = grace * 1000,
		.fail_fast = args_has(s->args, "fail-fast"),
		.create_datasets = !args_has(s->args, "no-create-datasets"),
		.strict_inputs = args_has(s->args, "strict-inputs"),
		.verify_inputs = args_has(s->args, "verify-inputs") || config->verify_inputs,
		.executor = choose_executor(s->args, config),
		.storage = config->storage_path,
		.secrets = &s->secrets,
	};
	return 0;
}

static void refuse(const struct session *s, const struct action_refusal *why)
{
	struct spec_diag diag = {
		.severity = SPEC_ERROR,
		.at = why->at,
		.width = 1,
		.message = why->message,
		.hint = why->hint,
	};

	show_diags(s, &(struct diags_shown){ s->file, &s->text, &diag, 1, 1, 0, true });
}

static bool in_path(const char *program)
{
	const char *at = getenv("PATH");

	while (at && *at) {
		size_t len = strcspn(at, ":");
		AUTO_FREE char *path = xasprintf("%.*s/%s", (int)len, at, program);

		if (access(path, X_OK) == 0)
			return true;
		at += len + (at[len] == ':');
	}
	return false;
}

/* What the language knows and this program does not run yet stops the run before it starts. */
static int check_can_run(struct session *s)
{
	const struct spec *spec = s->doc->spec;
	size_t refused = 0;

	if (spec->timeout > 0) {
		refuse(s,
		       &(struct action_refusal){
			       .at = spec->timeout_at,
			       .message = "'timeout' of a workflow is not supported yet",
			       .hint = "remove it, or run under timeout(1): it stops sluice cleanly",
		       });
		refused++;
	}
	for (size_t i = 0; i < spec->n_jobs; i++) {
		const char *tool = action_needs_tool(spec->jobs[i]);
		struct action_refusal why;

		if (!action_can_run(spec->jobs[i], &why)) {
			refuse(s, &why);
			refused++;
		} else if (tool && !in_path(tool)) {
			return fail_with(s, SLUICE_MISSING,
			                 "job '%s' needs %s, which this machine does "
			                 "not have: apt-get install %s",
			                 spec->jobs[i]->id, tool, tool);
		}
	}
	return refused ? invalid(s, s->file) : 0;
}

/* --- running -------------------------------------------------------------------------------- */

static void on_signal(uv_signal_t *handle, int signum)
{
	struct session *s = handle->data;

	if (!s->canceled)
		view_notice(s->view, signum == SIGQUIT ? "stopping at once"
		                     : signum == SIGINT
		                             ? "stopping; Ctrl-C again kills at once"
		                             : "stopping; a second signal kills at once");
	if (!s->canceled && signum == SIGQUIT)
		run_cancel(s->run, signum); /* it stands for two */
	s->canceled = true;
	run_cancel(s->run, signum);
	if (s->left_runs)
		left_runs_leave(s->left_runs);
}

static void watch_signals(struct session *s)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		(void)uv_signal_init(&s->loop, &s->signals[i]);
		s->signals[i].data = s;
		(void)uv_signal_start(&s->signals[i], on_signal, numbers[i]);
		uv_unref((uv_handle_t *)&s->signals[i]);
	}
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static int choose_pull(struct session *s, enum images_pull_when *ret_when)
{
	static const char *const names[] = {
		[PULL_MISSING] = "missing", [PULL_ALWAYS] = "always", [PULL_NEVER] = "never"
	};
	const char *told = s->left ? "never" : args_get(s->args, "pull"); /* resumed: it was had */
	const struct config *config;

	if (cli_config(s->cli, &config, &s->err) < 0)
		return fail(s);
	*ret_when = PULL_MISSING;
	if (!told)
		told = config->image_pull;
	for (size_t i = 0; told && i < sizeof names / sizeof *names; i++)
		if (strcmp(told, names[i]) == 0) {
			*ret_when = (enum images_pull_when)i;
			told = NULL;
		}
	if (told)
		return fail_with(s, SLUICE_INVALID,
		                 "--pull takes missing, always or never, not '%s'", told);
	return 0;
}

static int find_registries(struct session *s)
{
	const struct config *config;
	const struct registries_told told = {
		.spec = s->options.spec,
		.secrets = &s->secrets,
		.notice = view_notice,
		.arg = s->view,
	};

	if (cli_config(s->cli, &config, &s->err) < 0 ||
	    registries_for(&told, &config->registries, &s->registries, &s->err) < 0)
		return fail(s);
	return 0;
}

/* Of the workflow file; NULL: it has none, or it is here. */
static char *dir_of(const char *file)
{
	const char *slash = file ? strrchr(file, '/') : NULL;

	return slash ? xasprintf("%.*s", (int)(slash - file), file) : NULL;
}

static int open_executor(struct session *s)
{
	struct executor_options how = { .registries = &s->registries };
	const struct config *config;

	how.dir = s->dir = dir_of(s->file);
	if (cli_config(s->cli, &config, &s->err) < 0)
		return fail(s);
	how.host_image = config->image_host;
	if (choose_pull(s, &how.pull) < 0 || find_registries(s) < 0)
		return s->err.class;
	if (args_has(s->args, "runtime"))
		s->options.runtime = args_get(s->args, "runtime");
	how.runtime = s->options.runtime;
	if (cli_open_executor(s->cli, &s->loop, s->options.executor, &how, &s->executor, &s->err) <
	            0 ||
	    machine_look(s->cli, s->executor, &s->options, &s->err) < 0)
		return fail(s);
	s->options.executor = s->executor->name;
	return 0;
}

static void say_users(struct session *s)
{
	if (userns_kind() == USERNS_ONE && !s->executor->is_elsewhere)
		view_notice(s->view, "all users of a container are root, who is you outside: you "
		                     "have no subordinate ids ('sluice doctor' says how to get "
		                     "some)");
}

static int choose_network(struct session *s)
{
	AUTO_FREE char *text = NULL;

	s->options.network = NETWORK_PRIVATE;
	if (s->network)
		(void)request_network_find(s->network, &s->options.network); /* it is a name */
	if (s->options.network != NETWORK_PRIVATE || s->executor->has_network ||
	    network_check(s->options.home, &s->err) == 0)
		return 0;
	if (s->network)
		return fail(s);
	s->options.network = NETWORK_HOST;
	text = xasprintf("jobs see this machine's network, since they can have none of their own: "
	                 "%s",
	                 s->err.msg);
	view_notice(s->view, text);
	return 0;
}

static int start_and_wait(struct session *s)
{
	view_begin(s->view, s->run, s->options.workflow);
	watch_signals(s);
	if (run_start(s->run, &s->err) < 0)
		return fail(s);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	if (run_error(s->run)) {
		s->err = *run_error(s->run);
		(void)fail(s);
	}
	if (!run_error(s->run) || s->err.class == SLUICE_CANCELED)
		s->status = run_exit_status(s->run);
	return 0;
}

static int run_it(struct session *s, struct datasets *datasets)
{
	struct run_hooks hooks = view_hooks(s->view);

	if (args_has(s->args, "dry-run"))
		cli_fetch_public(s->cli, false);
	if (run_new(&s->loop, datasets, s->executor, &s->options, &hooks, &s->run, &s->err) < 0)
		return fail(s);
	if (args_has(s->args, "dry-run")) {
		if (run_look(s->run, &s->err) < 0)
			return fail(s);
		if (s->cli->json || !s->cli->quiet)
			view_plan(s->view, s->run, s->workflow);
		return 0;
	}
	if (left_runs_go_on(&s->loop, datasets_catalog(datasets), s->options.home, view_notice,
	                    s->view, &s->left_runs, &s->err) < 0)
		return fail(s);
	if (start_and_wait(s) < 0)
		return s->err.class;
	if (s->status < 128)
		left_runs_wait(s->left_runs);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	return 0;
}

static int make_view(struct session *s)
{
	const char *how = args_get(s->args, "progress");
	bool log_events = args_has(s->args, "logs");

	if (log_events && !s->cli->json)
		return fail_with(s, SLUICE_INVALID,
		                 "--logs goes with --json: without it log lines are shown anyway");
	if (view_new(&s->loop, s->cli, how ? how : "auto", log_events, &s->view, &s->err) < 0)
		return fail(s);
	return 0;
}

static int session_run(struct session *s)
{
	struct datasets *datasets;

	if (make_view(s) < 0 || read_options(s) < 0 || read_workflow(s) < 0 ||
	    check_can_run(s) < 0 || read_inputs(s) < 0 || collect_given(s) < 0 ||
	    read_secrets(s) < 0 || read_event(s) < 0)
		return s->err.class;
	read_proxies(s);
	s->options.text = strbuf_str(&s->text);
	s->options.spec = s->doc->spec;
	s->options.given = s->given;
	s->options.n_given = s->n_given;
	if (cli_home(s->cli, &s->options.home, &s->err) < 0 ||
	    cli_open_datasets(s->cli, &datasets, &s->err) < 0)
		return fail(s);
	if (open_executor(s) < 0 || choose_network(s) < 0)
		return s->err.class;
	say_users(s);
	return run_it(s, datasets);
}

static void session_release(struct session *s)
{
	uv_walk(&s->loop, close_handle, NULL);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	run_free(s->run);
	left_free(s->left);
	left_runs_free(s->left_runs);
	executor_free(s->executor);
	config_registries_release(&s->registries);
	view_free(s->view);
	(void)uv_loop_close(&s->loop);
	for (size_t i = 0; s->proxies && s->proxies[i]; i++)
		free(s->proxies[i]);
	for (size_t i = 0; s->given_names && s->given_names[i]; i++)
		free(s->given_names[i]);
	free(s->proxies);
	free(s->given_names);
	free(s->given);
	event_release(&s->event);
	secrets_release(&s->secrets);
	spec_inputs_doc_free(s->inputs);
	spec_doc_free(s->doc);
	strbuf_release(&s->inputs_text);
	strbuf_release(&s->text);
	free(s->workflow);
	free(s->dir);
}

static int run(struct cli *cli, const struct cli_args *args)
{
	struct session s = {
		.cli = cli,
		.args = args,
		.file = args_rest(args, 0),
		.text = STRBUF_INIT(WORKFLOW_MAX + 1),
		.inputs_text = STRBUF_INIT(WORKFLOW_MAX),
	};

	work_init_pool(parallel_cores());
	(void)uv_loop_init(&s.loop);
	if (session_run(&s) < 0 && s.view)
		view_error(s.view, s.err.msg, s.status);
	session_release(&s);
	return s.status;
}

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
		"The exit status says how it ended: 'sluice --help' lists them.",
	.min_rest = 1,
	.max_rest = 1,
	.complete = { COMPLETE_FILE },
	.options = options,
	.run = run,
	.in_userns = true,
};

/* --- resume --------------------------------------------------------------------------------- */

static int take_left(struct session *s, struct datasets *datasets)
{
	struct catalog *catalog = datasets_catalog(datasets);
	struct one_run found;
	int rc = one_run_find(catalog, args_rest(s->args, 0), &found, &s->err);

	if (rc < 0)
		return fail(s);
	rc = left_take(catalog, s->options.home, found.uuid, &s->left, &s->err);
	if (rc < 0)
		rc = error_wrap(&s->err, "run '%s'", found.name);
	one_run_release(&found);
	return rc < 0 ? fail(s) : 0;
}

static int read_left(struct session *s)
{
	const char *home = s->options.home;
	struct error why;

	if (left_options(s->left, &s->options, &why) < 0)
		return fail_with(
			s, why.class,
			"nobody can go on with run '%s': %s; 'sluice runs cancel %s' ends it",
			args_rest(s->args, 0), why.msg, args_rest(s->args, 0));
	s->options.home = home;
	s->options.secrets = &s->secrets;
	s->doc = spec_parse(s->options.text, strlen(s->options.text));
	if (!s->doc || !s->doc->spec)
		return fail_with(s, SLUICE_INVALID,
		                 "this sluice does not understand the workflow of run '%s'",
		                 args_rest(s->args, 0));
	s->options.spec = s->doc->spec;
	read_proxies(s);
	return read_secrets(s);
}

static int session_resume(struct session *s)
{
	struct run_hooks hooks;
	struct datasets *datasets;

	if (make_view(s) < 0)
		return s->err.class;
	hooks = view_hooks(s->view);
	if (cli_home(s->cli, &s->options.home, &s->err) < 0 ||
	    cli_open_datasets(s->cli, &datasets, &s->err) < 0)
		return fail(s);
	if (take_left(s, datasets) < 0 || read_left(s) < 0 || open_executor(s) < 0)
		return s->err.class;
	if (run_resume(&s->loop, datasets, s->executor, &s->options, s->left, &hooks, &s->run,
	               &s->err) < 0)
		return fail(s);
	return start_and_wait(s);
}

static int resume(struct cli *cli, const struct cli_args *args)
{
	struct session s = {
		.cli = cli, .args = args, .text = STRBUF_INIT(0), .inputs_text = STRBUF_INIT(0)
	};

	work_init_pool(parallel_cores());
	(void)uv_loop_init(&s.loop);
	if (session_resume(&s) < 0 && s.view)
		view_error(s.view, s.err.msg, s.status);
	session_release(&s);
	return s.status;
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
