/*
 * git-checkout@v1: the machine's own git, in a container of the machine's own read-only files, with
 * the output as the only place it can write to.  It sees no configuration of the user's, asks
 * nothing, and speaks only https, http, git and file.
 */
#include <string.h>

#include "action/internal.h"
#include "base/xalloc.h"

/* A commit that no branch or tag reaches does not come with a clone: it is fetched by its name. */
static const char checkout[] =
	"git clone -- \"$SLUICE_GIT_URL\" \"$SLUICE_GIT_DIR\" || exit\n"
	"[ -n \"$SLUICE_GIT_REF\" ] || exit 0\n"
	"cd \"$SLUICE_GIT_DIR\" || exit\n"
	"git -c advice.detachedHead=false checkout \"$SLUICE_GIT_REF\" -- 2>/dev/null ||\n"
	"{ git fetch --quiet origin \"$SLUICE_GIT_REF\" &&\n"
	"  git -c advice.detachedHead=false checkout FETCH_HEAD --; } || exit\n"
	"echo \"HEAD is now at $(git log -1 --format='%h %s')\"\n";

static const char *const settings[] = {
	"GIT_TERMINAL_PROMPT=0",
	"GIT_ALLOW_PROTOCOL=https:http:git:file",
	"GIT_CONFIG_NOSYSTEM=1",
	"GIT_CONFIG_GLOBAL=/dev/null",
	"GIT_CONFIG_COUNT=1", /* a file:// repository may belong to another user */
	"GIT_CONFIG_KEY_0=safe.directory",
	"GIT_CONFIG_VALUE_0=*",
	"HOME=/nonexistent",
	"LC_ALL=C.UTF-8",
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

enum { N_SETTINGS = sizeof settings / sizeof *settings };

/* `path`, else the job's only volume or dataset output (spec has made sure that there is one). */
static const char *destination(const struct spec_job *job, struct action_step *step)
{
	const char *path = spec_job_string(job, "path");

	if (path)
		return path;
	for (size_t i = 0; i < job->n_outputs; i++)
		if (job->outputs[i].type != SPEC_STRING)
			return action_keep(step, xasprintf("/outputs/%s", job->outputs[i].name));
	return NULL;
}

/* People write `ref: $GIT_REF` with GIT_REF in the job's env. */
static const char *from_env(const struct spec_job *job, const char *value)
{
	if (value[0] != '$')
		return value;
	for (size_t i = 0; i < job->n_env; i++)
		if (strcmp(job->env[i].name, value + 1) == 0)
			return job->env[i].value;
	return value;
}

static int parameter(const struct spec_job *job, const char *name,
                     const struct action_context *context, const char **ret_value,
                     struct error *err)
{
	const char *text = spec_job_string(job, name);
	int rc = action_value(from_env(job, text ? text : ""), context, ret_value, err);

	if (rc < 0)
		return error_wrap(err, "'%s' of job '%s'", name, job->id);
	if (spec_secret_name(*ret_value))
		return error_set(err, SLUICE_INVALID, "'%s' of job '%s' cannot be a secret", name,
		                 job->id);
	return 0;
}

static bool is_url(const char *url)
{
	static const char *const schemes[] = { "https://", "http://", "git://", "file://" };

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return url[0] == '/'; /* a path of this machine */
}

static int build(const struct spec_job *job, const struct action_context *context,
                 struct action_step *step, struct error *err)
{
	static const char *const shell[] = { "/bin/sh", REQUEST_SCRIPT_PATH };
	const char *dir = destination(job, step);
	const char *url = "";
	const char *ref = "";
	size_t n_proxies = 0;
	size_t n = 0;
	int rc = parameter(job, "url", context, &url, err);

	if (rc == 0)
		rc = parameter(job, "ref", context, &ref, err);
	if (rc < 0)
		return rc;
	if (!is_url(url))
		return error_set(err, SLUICE_INVALID,
		                 "'url' of job '%s' is '%s': it must begin with https://, http://, "
		                 "git:// or file://",
		                 job->id, url);
	if (ref[0] == '-')
		return error_set(err, SLUICE_INVALID, "'ref' of job '%s' begins with '-'", job->id);
	if (!dir || strncmp(dir, "/outputs/", 9) != 0)
		return error_set(err, SLUICE_INVALID, "'path' of job '%s' must lie below /outputs/",
		                 job->id);
	while (context->proxies && context->proxies[n_proxies])
		n_proxies++;
	step->root = ROOT_HOST;
	step->script = checkout;
	step->entrypoint = action_list(shell, 2);
	step->env = xcalloc(N_SETTINGS + n_proxies + 4, sizeof *step->env);
	for (size_t i = 0; i < N_SETTINGS; i++)
		step->env[n++] = settings[i];
	for (size_t i = 0; i < n_proxies; i++)
		step->env[n++] = context->proxies[i];
	step->env[n++] = action_keep(step, xasprintf("SLUICE_GIT_URL=%s", url));
	step->env[n++] = action_keep(step, xasprintf("SLUICE_GIT_REF=%s", ref));
	step->env[n++] = action_keep(step, xasprintf("SLUICE_GIT_DIR=%s", dir));
	return 0;
}

const struct action action_git_checkout = {
	.name = "git-checkout",
	.tool = "git",
	.build = build,
};
