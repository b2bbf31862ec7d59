#include "cli/workflow/given.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "cli/workflow/secrets.h"

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

static int check_tools(struct session *s)
{
	const struct spec *spec = s->source.doc->spec;

	for (size_t i = 0; i < spec->n_jobs; i++) {
		const char *tool = action_needs_tool(spec->jobs[i]);

		if (tool && !in_path(tool))
			return session_fail_with(s, SLUICE_MISSING,
			                         "job '%s' needs %s, which this machine does "
			                         "not have: apt-get install %s",
			                         spec->jobs[i]->id, tool, tool);
	}
	return 0;
}

static int read_workflow(struct session *s)
{
	if (workflow_file_read(&s->source, s->file, &s->err) < 0)
		return session_fail(s);
	show_diags(s, &s->source.found);
	return s->source.found.n_errors == 0 ? check_tools(s) : invalid(s, s->file);
}

static int read_inputs(struct session *s)
{
	const char *path = args_get(s->args, "inputs");

	if (!path)
		return 0;
	if (cli_read_input(path, &s->inputs_text, &s->err) < 0)
		return session_fail(s);
	s->inputs = spec_parse_inputs(strbuf_str(&s->inputs_text), s->inputs_text.len);
	if (!s->inputs)
		return session_fail_with(s, SLUICE_LIMIT, "out of memory");
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
			return session_fail_with(s, SLUICE_INVALID,
			                         "--input takes NAME=VALUE, not '%s'", pairs[i]);
		s->given_names[i] = xstrndup(pairs[i], (size_t)(equals - pairs[i]));
		s->given[s->n_given++] =
			(struct run_given){ .name = s->given_names[i], .any = equals + 1 };
	}
	return 0;
}

int given_read_secrets(struct session *s)
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
				return session_fail(s);
	}
	return 0;
}

static void notice_dirty(struct session *s)
{
	AUTO_FREE char *text = xasprintf("the checkout %s has changes that are not committed: jobs "
	                                 "that check it out do not see them",
	                                 event_checkout(&s->event));

	view_notice(s->view, text);
}

/* --event, else what the file's `context:` says, else the git checkout around it; git is asked
 * only if the workflow speaks of it. */
static int read_event(struct session *s)
{
	const struct spec *spec = s->source.doc->spec;
	const char *path = args_get(s->args, "event");

	if (path && event_read(path, &s->event, &s->err) < 0)
		return session_fail(s);
	if (!path && !(spec->event_url && spec->event_ref) && strcmp(s->file, "-") != 0 &&
	    strstr(strbuf_str(&s->source.text), "context.event.github.")) {
		event_from_checkout(s->file, &s->event);
		if (s->event.dirty)
			notice_dirty(s);
	}
	s->options.context.event_url = s->event.url ? s->event.url : spec->event_url;
	s->options.context.event_ref = s->event.ref ? s->event.ref : spec->event_ref;
	return 0;
}

void given_read_proxies(struct session *s)
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

int given_read(struct session *s)
{
	if (read_workflow(s) < 0 || read_inputs(s) < 0 || collect_given(s) < 0 ||
	    given_read_secrets(s) < 0 || read_event(s) < 0)
		return s->err.class;
	given_read_proxies(s);
	s->options.text = strbuf_str(&s->source.text);
	s->options.spec = s->source.doc->spec;
	s->options.given = s->given;
	s->options.n_given = s->n_given;
	return 0;
}
