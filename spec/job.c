#include <string.h>

#include "spec/action.h"
#include "spec/read.h"

void read_pending(struct reader *r, const struct node *node, struct spec_input *input)
{
	struct pendings *p = &r->pendings;

	if (p->n == p->capacity) {
		size_t capacity = p->capacity ? 2 * p->capacity : 64;
		struct pending *list = arena_array(r->scratch, capacity, sizeof(*list));

		if (!list)
			return;
		if (p->n > 0)
			memcpy(list, p->list, p->n * sizeof(*list));
		p->list = list;
		p->capacity = capacity;
	}
	p->list[p->n++] = (struct pending){ node->text, node_place(node), input };
}

static void on_uses(struct reader *r, const struct node *key, const struct node *value,
                    void *target)
{
	(void)key;
	action_read_uses(r, value, target);
}

static void on_with(struct reader *r, const struct node *key, const struct node *value,
                    void *target)
{
	(void)r;
	(void)key;
	((struct job_draft *)target)->with = value;
}

static void on_needs(struct reader *r, const struct node *key, const struct node *value,
                     void *target)
{
	(void)key;
	(void)target;
	if (node_is_null(value))
		return;
	if (value->kind == NODE_SCALAR) {
		diag_warning(r->diags, node_place(value),
		             diag_text(r->diags, "write it as needs: [%s]",
		                       diag_show(r->diags, value->text)),
		             "needs is a string and is taken as a list of one job");
		read_pending(r, value, NULL);
		return;
	}
	if (value->kind == NODE_MAP) {
		diag_error(r->diags, node_place(value), "write one job per line, each after '- '",
		           "needs must be a list of jobs, not a mapping");
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		const struct node *item = &value->items[i];

		if (item->kind == NODE_SCALAR && !node_is_null(item))
			read_pending(r, item, NULL);
		else
			diag_error(r->diags, node_place(item), NULL,
			           "an item of needs must be the name of a job, not %s",
			           node_what(item));
	}
}

static void on_inputs(struct reader *r, const struct node *key, const struct node *value,
                      void *target)
{
	(void)key;
	read_job_inputs(r, value, ((struct job_draft *)target)->job);
}

static void on_outputs(struct reader *r, const struct node *key, const struct node *value,
                       void *target)
{
	(void)key;
	read_job_outputs(r, value, ((struct job_draft *)target)->job);
}

static void on_env(struct reader *r, const struct node *key, const struct node *value, void *target)
{
	struct spec_job *job = ((struct job_draft *)target)->job;

	(void)key;
	read_env(r, value, r->env, r->n_env, &job->env, &job->n_env);
}

static void on_resources(struct reader *r, const struct node *key, const struct node *value,
                         void *target)
{
	read_job_resources(r, key, value, &((struct job_draft *)target)->job->resources);
}

/* Only less than what the run is given: the rest is for who runs it to say. */
static void on_network(struct reader *r, const struct node *key, const struct node *value,
                       void *target)
{
	bool none = value->kind == NODE_SCALAR && strcmp(value->text, "none") == 0;

	(void)key;
	((struct job_draft *)target)->job->no_network = none;
	if (!none)
		diag_error(r->diags, node_place(value),
		           "remove it: the job has the network of the run",
		           "network of a job can only be none");
}

static void on_timeout(struct reader *r, const struct node *key, const struct node *value,
                       void *target)
{
	struct spec_job *job = ((struct job_draft *)target)->job;

	(void)key;
	read_timeout(r, value, &job->timeout, &job->timeout_at);
}

static const struct key job_keys[] = {
	{ "uses", "The action that the job is.", "action", NULL, on_uses },
	{ "with", "The action's parameters.", "parameters", NULL, on_with },
	{ "needs", "Jobs that must have succeeded before this one begins.", "needs", NULL,
	  on_needs },
	{ "inputs", "What the job finds below /inputs, each under its name.", "job-inputs", NULL,
	  on_inputs },
	{ "outputs", "What the job leaves below /outputs, each under its name.", "outputs", NULL,
	  on_outputs },
	{ "env", "Environment variables; secret:NAME is replaced by a secret.", "env", NULL,
	  on_env },
	{ "resources", "What the job runs on.", NULL, &job_resources_shape, on_resources },
	{ "network", "'none' keeps the job from any network.", "network", NULL, on_network },
	{ "timeout", "Seconds that the job may take; not supported yet.", "timeout", NULL,
	  on_timeout },
};

static const char under_with[] = "put it under 'with'";
static const char no_conditions[] =
	"there are no conditions: a job runs when all its needs succeeded";
static const char one_container[] = "a job is one container; put the commands into with.script";
static const char no_loops[] = "the language has no such thing; write the jobs out";

static const struct stray job_strays[] = {
	{ "image", under_with },
	{ "script", under_with },
	{ "args", under_with },
	{ "command", under_with },
	{ "url", under_with },
	{ "ref", under_with },
	{ "container", "write `uses: container@v1` and the image under 'with'" },
	{ "if", no_conditions },
	{ "when", no_conditions },
	{ "steps", one_container },
	{ "run", one_container },
	{ "runs-on", "name a machine with resources: {instance-type: NAME}" },
	{ "machine", "name a machine with resources: {instance-type: NAME}" },
	{ "instance-type", "put it under 'resources'" },
	{ "container-registries", "registries are named once, in defaults.resources" },
	{ "name", "the job's name is its key under 'jobs'" },
	{ "environment", "did you mean 'env'?" },
	{ "depends_on", "did you mean 'needs'?" },
	{ "matrix", no_loops },
	{ "strategy", no_loops },
	{ "retry", "the language has no such thing" },
	{ "schedule", "the language has no such thing" },
};

const struct shape job_shape = {
	.what = "a job",
	.keys = job_keys,
	.n_keys = sizeof(job_keys) / sizeof(*job_keys),
	.strays = job_strays,
	.n_strays = sizeof(job_strays) / sizeof(*job_strays),
	.is_needed = true,
	.rule = "'required': ['uses'], 'allOf': [{'$ref': '#/$defs/parameters-of-actions'}]",
};

static void read_job(struct reader *r, struct job_draft *draft)
{
	const char *name = draft->key->text;
	size_t errors = r->diags->n_errors;

	draft->first_pending = r->pendings.n;
	draft->uses_at = node_place(draft->key);
	draft->job->env = r->env;
	draft->job->n_env = r->n_env;
	draft->job->resources = r->resources;
	(void)read_check_name(r, draft->key, "a job");
	if (node_is_null(draft->body))
		diag_error(r->diags, node_place(draft->key), NULL, "the job '%s' is empty",
		           diag_show(r->diags, name));
	read_shape(r, draft->body, &job_shape, draft);
	if (draft->body->kind == NODE_MAP && !read_find(draft->body, "uses"))
		diag_error(
			r->diags, node_place(draft->key),
			"say what it does, such as uses: script@v1 (keys of one job stand in one column)",
			"the job '%s' has no 'uses'", diag_show(r->diags, name));
	action_read_with(r, draft);
	draft->n_pending = r->pendings.n - draft->first_pending;
	draft->is_broken = errors != r->diags->n_errors;
}

/* Two jobs of one name are two pieces of work, and dropping one in silence would be wrong. */
static bool note_job(struct reader *r, const struct node *map, size_t entry)
{
	struct node *key = &map->items[2 * entry];
	uint32_t *at = table_put(&r->job_names, key->text, (uint32_t)entry);
	struct node *first = NULL;

	if (!at)
		return false;
	if (*at == entry)
		return true;
	first = &map->items[2 * (size_t)*at];
	if (first->merged) {
		first->kind = NODE_NONE;
		*at = (uint32_t)entry;
		return true;
	}
	diag_error(r->diags, node_place(key), "give one of them another name",
	           "there are two jobs '%s'; the first stands in line %u",
	           diag_show(r->diags, key->text), first->at.line);
	return true;
}

static bool make_drafts(struct reader *r, const struct node *map)
{
	const struct spec_job **list = arena_array(r->model, map->n, sizeof(struct spec_job *));
	struct spec_job *jobs = arena_array(r->model, map->n, sizeof(*jobs));
	size_t n = 0;

	r->jobs = arena_array(r->scratch, map->n, sizeof(*r->jobs));
	if (!list || !jobs || !r->jobs)
		return false;
	for (size_t i = 0; i < map->n; i++) {
		struct job_draft *draft = &r->jobs[n];
		uint32_t *index = NULL;

		if (!read_entry(map, i, &draft->key, &draft->body))
			continue;
		index = table_find(&r->job_names, draft->key->text);
		if (index && *index == i)
			*index = (uint32_t)n;
		jobs[n].id = draft->key->text;
		jobs[n].index = n;
		jobs[n].at = draft->key->at;
		draft->job = &jobs[n];
		list[n] = &jobs[n];
		n++;
	}
	r->spec->jobs = list;
	r->spec->n_jobs = n;
	return true;
}

void read_jobs(struct reader *r, const struct node *node)
{
	if (!read_is_map(r, node, "jobs"))
		return;
	for (size_t i = 0; i < node->n; i++) {
		struct node *key = &node->items[2 * i];

		if (key->kind == NODE_SCALAR) {
			if (!note_job(r, node, i))
				return;
			continue;
		}
		diag_error(r->diags, node_place(key), NULL,
		           "the name of a job must be a string, not %s", node_what(key));
		key->kind = NODE_NONE;
	}
	if (!make_drafts(r, node))
		return;
	for (size_t i = 0; i < r->spec->n_jobs; i++)
		read_job(r, &r->jobs[i]);
}
