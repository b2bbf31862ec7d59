#include <string.h>

#include "spec/read.h"

/* A string under a key: TARGET is where it goes. */
static void on_text(struct reader *r, const struct node *key, const struct node *value,
                    void *target)
{
	const char *text = read_string(r, value, diag_show(r->diags, key->text));

	if (text)
		*(const char **)target = text;
}

static void on_url(struct reader *r, const struct node *key, const struct node *value, void *target)
{
	on_text(r, key, value, &((struct spec *)target)->event_url);
}

static void on_ref(struct reader *r, const struct node *key, const struct node *value, void *target)
{
	on_text(r, key, value, &((struct spec *)target)->event_ref);
}

#define KEYS(a)   .keys = (a), .n_keys = sizeof(a) / sizeof(*(a))
#define STRAYS(a) .strays = (a), .n_strays = sizeof(a) / sizeof(*(a))

static const struct key event_keys[] = {
	{ "url", "The repository that context.event.github.url stands for.", "string", NULL,
	  on_url },
	{ "ref", "The commit that context.event.github.ref stands for.", "string", NULL, on_ref },
};

static const struct shape event_shape = { "context.event.github", KEYS(event_keys) };

static const struct key events_keys[] = {
	{ "github", "The push that started the run.", NULL, &event_shape, NULL },
};

static const struct shape events_shape = { "context.event", KEYS(events_keys) };

static const struct key context_keys[] = {
	{ "event", "What started the run.", NULL, &events_shape, NULL },
};

static const struct shape context_shape = { "context", KEYS(context_keys) };

/* Triggers are kept by those who store the text; here only their shape is looked at. */
static void on_pattern(struct reader *r, const struct node *key, const struct node *value,
                       void *target)
{
	(void)target;
	(void)read_string(r, value, key->text);
}

static void on_patterns(struct reader *r, const struct node *key, const struct node *value,
                        void *target)
{
	const char *const *list = NULL;
	size_t n = 0;

	(void)target;
	(void)read_strings(r, value, key->text, &list, &n);
}

static const struct key filter_keys[] = {
	{ "only", "The one that starts a run.", "string", NULL, on_pattern },
	{ "include", "Those that start a run.", "strings", NULL, on_patterns },
	{ "ignore", "Those that start none.", "strings", NULL, on_patterns },
};

static const struct shape filter_shape = { "a trigger's filter", KEYS(filter_keys) };

static void on_filter(struct reader *r, const struct node *key, const struct node *value,
                      void *target)
{
	if (value->kind == NODE_SCALAR && !node_is_null(value))
		diag_error(r->diags, node_place(value),
		           diag_text(r->diags, "write it as %s: {only: %s}", key->text,
		                     diag_show(r->diags, value->text)),
		           "%s must be a mapping, not %s", key->text, node_what(value));
	else
		read_shape(r, value, &filter_shape, target);
}

static const struct key github_keys[] = {
	{ "branches", "Pushes to these branches start a run.", NULL, &filter_shape, on_filter },
	{ "tags", "Pushes of these tags start a run.", NULL, &filter_shape, on_filter },
};

static const struct shape github_shape = { "on.github", KEYS(github_keys) };

static const char only_github[] = "the only trigger is github: {branches: {only: NAME}}";
static const struct key on_keys[] = {
	{ "github", "Pushes to a GitHub repository.", NULL, &github_shape, NULL },
};

static const struct stray on_strays[] = {
	{ "push", only_github },     { "pull_request", only_github },
	{ "schedule", only_github }, { "manual", only_github },
	{ "cron", only_github },     { "workflow_dispatch", only_github },
	{ "branches", only_github },
};

static const struct shape on_shape = { "on", KEYS(on_keys), STRAYS(on_strays) };

static void on_on(struct reader *r, const struct node *key, const struct node *value, void *target)
{
	(void)key;
	((struct spec *)target)->has_trigger = !node_is_null(value);
	if (value->kind == NODE_MAP || node_is_null(value))
		read_shape(r, value, &on_shape, target);
	else
		diag_error(r->diags, node_place(value), only_github, "on must be a mapping, not %s",
		           node_what(value));
}

static void on_cluster(struct reader *r, const struct node *key, const struct node *value,
                       void *target)
{
	on_text(r, key, value, &((struct spec *)target)->cluster_id);
}

static void on_env(struct reader *r, const struct node *key, const struct node *value, void *target)
{
	(void)key;
	(void)target;
	read_env(r, value, NULL, 0, &r->env, &r->n_env);
}

static void on_resources(struct reader *r, const struct node *key, const struct node *value,
                         void *target)
{
	(void)key;
	(void)target;
	read_shape(r, value, &default_resources_shape, &r->resources);
}

static const struct key defaults_keys[] = {
	{ "clusterId", "The cluster that the hosted service ran jobs on.", "string", NULL,
	  on_cluster },
	{ "env", "Environment variables of every job; a job's own win.", "env", NULL, on_env },
	{ "resources", "What jobs run on that do not say otherwise.", NULL,
	  &default_resources_shape, on_resources },
};

static const struct stray defaults_strays[] = {
	{ "image", "each job names its own image, under 'with'" },
	{ "container", "each job names its own image, under 'with'" },
	{ "environment", "did you mean 'env'?" },
	{ "machine", "name a machine with resources: {instance-type: NAME}" },
	{ "instance-type", "put it under 'resources'" },
	{ "container-registries", "put it under 'resources'" },
};

static const struct shape defaults_shape = { "defaults", KEYS(defaults_keys),
	                                     STRAYS(defaults_strays) };

static void on_inputs(struct reader *r, const struct node *key, const struct node *value,
                      void *target)
{
	(void)key;
	(void)target;
	read_workflow_inputs(r, value);
}

static void on_jobs(struct reader *r, const struct node *key, const struct node *value,
                    void *target)
{
	(void)key;
	(void)target;
	r->jobs_at = value;
}

static void on_timeout(struct reader *r, const struct node *key, const struct node *value,
                       void *target)
{
	struct spec *spec = target;

	(void)key;
	read_timeout(r, value, &spec->timeout, &spec->timeout_at);
}

static const struct key top_keys[] = {
	{ "on", "What starts a run on the hosted service; a local run ignores it.", NULL, &on_shape,
	  on_on },
	{ "defaults", "What holds for every job.", NULL, &defaults_shape, NULL },
	{ "inputs", "What a run is given; jobs read it as workflow.inputs.NAME.", "workflow-inputs",
	  NULL, on_inputs },
	{ "jobs", "The work: each job is one container, and its key is its name.", "jobs", NULL,
	  on_jobs },
	{ "context", "What context.event.* stands for.", NULL, &context_shape, NULL },
	{ "timeout", "Seconds that the whole run may take; not supported yet.", "timeout", NULL,
	  on_timeout },
};

static const struct stray top_strays[] = {
	{ "name", "a workflow has no name of its own; remove the line" },
	{ "version", "there is only one version of the language; remove the line" },
	{ "workflows", "one file is one workflow: its jobs stand under 'jobs'" },
	{ "steps", "the work stands under 'jobs', one container each" },
	{ "env", "put it under 'defaults'" },
	{ "resources", "put it under 'defaults'" },
	{ "clusterId", "put it under 'defaults'" },
	{ "outputs", "outputs belong to a job" },
};

const struct shape workflow_shape = {
	"a workflow",
	KEYS(top_keys),
	STRAYS(top_strays),
	.is_needed = true,
	.rule = "'required': ['jobs']",
};

void read_workflow(struct reader *r, const struct node *root)
{
	static const struct place start = { { 1, 1 }, 1 };
	size_t errors = r->diags->n_errors;

	if (root && !node_is_null(root) && root->kind != NODE_MAP) {
		(void)read_is_map(r, root, workflow_shape.what);
		return;
	}
	if (root)
		read_shape(r, root, &workflow_shape, r->spec);
	if (r->jobs_at)
		read_jobs(r, r->jobs_at);
	if (r->spec->n_jobs == 0 && (r->diags->n_errors == errors || !r->jobs_at))
		diag_error(r->diags, root ? node_place(root) : start,
		           "name at least one job under 'jobs:'", "the workflow has no jobs");
}
