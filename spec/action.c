#include "spec/action.h"

#include <string.h>

#include "spec/out.h"

enum param_kind { PARAM_STRING, PARAM_LIST, PARAM_EITHER };

struct action_param {
	const char *name;
	enum param_kind kind;
	bool required;
	const char *type; /* a name of schema.c */
	const char *help; /* for who looks at it in an editor */
	const char *hint; /* when it is missing */
};

struct action {
	const char *name;
	const struct action_param *params;
	size_t n_params;
	void (*check)(struct reader *r, const struct job_draft *draft); /* or NULL */
};

static struct place job_place(const struct job_draft *draft)
{
	return node_place(draft->key);
}

/* A string is the name of one program; no shell takes it apart. */
static void check_command(struct reader *r, const struct job_draft *draft)
{
	const struct spec_param *command = spec_job_param(draft->job, "command");

	if (command && !command->is_list && strchr(command->value[0], ' '))
		diag_warning(
			r->diags,
			(struct place){ command->at, (uint32_t)strlen(command->value[0]) },
			"write a list: command: [bash, -c, LINE]",
			"command is one string, and so the name of one program, blanks and all");
}

static size_t count_directories(const struct spec_job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < job->n_outputs; i++)
		n += job->outputs[i].type != SPEC_STRING;
	return n;
}

/* A download goes to the only directory there is, unless `path` says where. */
static void check_target(struct reader *r, const struct job_draft *draft)
{
	size_t n = count_directories(draft->job);

	if (n == 1 || spec_job_param(draft->job, "path"))
		return;
	diag_error(r->diags, job_place(draft),
	           n == 0 ? "add outputs: {NAME: {type: volume}}"
	                  : "say where it goes: path: /outputs/NAME",
	           "%s@v1 needs one volume or dataset output, and this job has %zu",
	           draft->job->action, n);
}

static void check_s3(struct reader *r, const struct job_draft *draft)
{
	const struct spec_param *key = spec_job_param(draft->job, "secret-access-key");

	check_target(r, draft);
	if (key && !spec_secret_name(key->value[0]))
		diag_error(r->diags, (struct place){ key->at, 1 },
		           "put it in a secret and write secret:NAME",
		           "secret-access-key stands here in plain text");
}

static const char *const model_types[] = { "Tensorflow", "ONNX", "Custom" };

static void check_model_type(struct reader *r, const struct job_draft *draft)
{
	const struct spec_param *type = spec_job_param(draft->job, "type");
	struct near near;

	if (!type)
		return;
	near_init(&near, type->value[0]);
	for (size_t i = 0; i < sizeof(model_types) / sizeof(*model_types); i++) {
		if (strcmp(type->value[0], model_types[i]) == 0)
			return;
		diag_near_offer(r->diags, &near, model_types[i]);
	}
	diag_error(r->diags, (struct place){ type->at, (uint32_t)strlen(type->value[0]) },
	           near.best ? diag_near(r->diags, &near)
	                     : "the types are Tensorflow, ONNX and Custom",
	           "there is no model type '%s'", diag_show(r->diags, type->value[0]));
}

static void check_model(struct reader *r, const struct job_draft *draft)
{
	const struct spec_job *job = draft->job;
	size_t n = 0;

	check_model_type(r, draft);
	for (size_t i = 0; i < job->n_inputs; i++)
		n += job->inputs[i].type == SPEC_DATASET;
	if (n != 1)
		diag_error(r->diags, job_place(draft), "the dataset that is to become the model",
		           "create-model@v1 needs exactly one dataset input, and this job has %zu",
		           n);
	for (size_t i = 0; i < job->n_outputs; i++) {
		const struct spec_output *out = &job->outputs[i];

		if (out->type == SPEC_STRING && strcmp(out->name, "model-id") == 0)
			continue;
		diag_error(r->diags, (struct place){ out->at, (uint32_t)strlen(out->name) },
		           "its only output is model-id: {type: string}",
		           "create-model@v1 has no output '%s' of type %s",
		           diag_show(r->diags, out->name), spec_type_name(out->type));
	}
}

static const char image_hint[] = "name a container image, such as image: python:3.11";

static const struct action_param container_params[] = {
	{ "image", PARAM_STRING, true, "parameter", "The container image.", image_hint },
	{ "args", PARAM_LIST, false, "strings-or-nothing", "Its arguments, instead of the image's.",
	  NULL },
	{ "command", PARAM_EITHER, false, "command", "The program, instead of the image's.", NULL },
};

static const struct action_param script_params[] = {
	{ "script", PARAM_STRING, true, "script", "The lines that bash runs.",
	  "put the lines below `script: |-`" },
	{ "image", PARAM_STRING, true, "parameter", "The container image; it must have bash.",
	  image_hint },
};

static const struct action_param git_params[] = {
	{ "url", PARAM_STRING, true, "parameter", "The repository, or context.event.github.url.",
	  "url: https://... or url: context.event.github.url" },
	{ "ref", PARAM_STRING, false, "parameter", "A branch, a tag or a commit.", NULL },
	{ "username", PARAM_STRING, false, "parameter", "For a private repository.", NULL },
	{ "password", PARAM_STRING, false, "parameter", "For a private repository: secret:NAME.",
	  NULL },
	{ "path", PARAM_STRING, false, "parameter",
	  "Where it goes, if there are several outputs: /outputs/NAME.", NULL },
};

static const struct action_param s3_params[] = {
	{ "url", PARAM_STRING, true, "parameter",
	  "The bucket and the path in it: s3://BUCKET/PATH/.", "url: s3://BUCKET/PATH/" },
	{ "access-key", PARAM_STRING, true, "parameter", "The access key's id.", NULL },
	{ "secret-access-key", PARAM_STRING, true, "secret", "The access key: secret:NAME.",
	  "secret-access-key: secret:NAME" },
	{ "region", PARAM_STRING, false, "parameter", "The region, on AWS.", NULL },
	{ "endpoint", PARAM_STRING, false, "parameter", "The server, of other providers.", NULL },
	{ "path", PARAM_STRING, false, "parameter",
	  "Where it goes, if there are several outputs: /outputs/NAME.", NULL },
};

static const struct action_param model_params[] = {
	{ "name", PARAM_STRING, true, "parameter", "The model's name.", NULL },
	{ "type", PARAM_STRING, true, "model-type", "What made the model.",
	  "the types are Tensorflow, ONNX and Custom" },
};

#define PARAMS(a) a, sizeof(a) / sizeof(*(a))

static const struct action actions[] = {
	{ "container", PARAMS(container_params), check_command },
	{ "script", PARAMS(script_params), NULL },
	{ "git-checkout", PARAMS(git_params), check_target },
	{ "s3-download", PARAMS(s3_params), check_s3 },
	{ "create-model", PARAMS(model_params), check_model },
};

enum { N_ACTIONS = sizeof(actions) / sizeof(*actions) };

/* Parameters that people try; most are keys of a job that slipped one level down. */
static const struct stray strays[] = {
	{ "with", "remove this 'with': the parameters stand right under the first" },
	{ "outputs", "put it beside 'with', not under it" },
	{ "inputs", "put it beside 'with', not under it" },
	{ "needs", "put it beside 'with', not under it" },
	{ "env", "put it beside 'with', not under it" },
	{ "resources", "put it beside 'with', not under it" },
	{ "timeout", "put it beside 'with', not under it" },
	{ "branch", "use 'ref': it takes a branch, a tag or a commit" },
	{ "tag", "use 'ref': it takes a branch, a tag or a commit" },
	{ "commit", "use 'ref': it takes a branch, a tag or a commit" },
	{ "container-registries",
	  "registries are named in defaults.resources.container-registries" },
	{ "containerRegistry", "registries are named in defaults.resources.container-registries" },
};

static const struct action *find_action(const char *name, size_t len)
{
	for (size_t i = 0; i < N_ACTIONS; i++)
		if (strlen(actions[i].name) == len && memcmp(actions[i].name, name, len) == 0)
			return &actions[i];
	return NULL;
}

static void say_unknown(struct reader *r, const struct node *value, const char *name)
{
	struct near near;

	near_init(&near, name);
	for (size_t i = 0; i < N_ACTIONS; i++)
		diag_near_offer(r->diags, &near, actions[i].name);
	diag_error(r->diags, node_place(value),
	           near.best ? diag_text(r->diags, "did you mean '%s@v1'?", near.best)
	                     : "the actions that can be run are container@v1, script@v1 "
	                       "and git-checkout@v1",
	           "there is no action '%s'", diag_show(r->diags, value->text));
}

void action_read_uses(struct reader *r, const struct node *value, struct job_draft *draft)
{
	const char *text = read_string(r, value, "uses");
	size_t len = text ? strcspn(text, "@") : 0;
	const struct action *action = NULL;

	draft->uses_at = node_place(value);
	draft->job->uses_at = value->at;
	if (!text)
		return;
	action = find_action(text, len);
	if (!action) {
		const char *name = arena_text(r->scratch, text, len);

		say_unknown(r, value, name ? name : "");
		return;
	}
	draft->action = action;
	draft->job->action = action->name;
	draft->job->version = 1;
	if (strcmp(text + len, "@v1") != 0)
		diag_error(r->diags, node_place(value),
		           diag_text(r->diags, "write %s@v1", action->name),
		           text[len] ? "the action '%s' has no such version: '%s'"
		                     : "the action '%s' is written without its version: '%s'",
		           action->name, diag_show(r->diags, text));
}

static const struct action_param *find_param(const struct action *action, const char *name)
{
	for (size_t i = 0; i < action->n_params; i++)
		if (strcmp(action->params[i].name, name) == 0)
			return &action->params[i];
	return NULL;
}

static const char *hint_of(struct reader *r, const struct action *action, const char *name)
{
	struct near near;

	near_init(&near, name);
	for (size_t i = 0; i < action->n_params; i++)
		diag_near_offer(r->diags, &near, action->params[i].name);
	for (size_t i = 0; i < sizeof(strays) / sizeof(*strays) && !near.best; i++)
		if (strcmp(strays[i].name, name) == 0)
			return strays[i].hint;
	return diag_near(r->diags, &near);
}

static const char *const contexts[] = {
	"context.event.github.url",
	"context.event.github.ref",
};

/* `context...` and `secret:...` are whole values with a meaning. */
static void check_value(struct reader *r, const struct node *node, const char *text)
{
	struct near near;

	if (strcmp(text, "secret:") == 0)
		diag_error(r->diags, node_place(node), "write secret:NAME",
		           "the secret has no name");
	if (strncmp(text, "context.", 8) != 0)
		return;
	near_init(&near, text);
	for (size_t i = 0; i < sizeof(contexts) / sizeof(*contexts); i++) {
		if (strcmp(text, contexts[i]) == 0)
			return;
		diag_near_offer(r->diags, &near, contexts[i]);
	}
	diag_error(r->diags, node_place(node),
	           near.best ? diag_near(r->diags, &near)
	                     : "there are context.event.github.url and context.event.github.ref",
	           "the context has no '%s'", diag_show(r->diags, text));
}

static bool read_one(struct reader *r, const struct node *node, const struct action_param *known,
                     struct spec_param *param)
{
	const char **value = arena_array(r->model, 1, sizeof(*value));

	if (node->kind == NODE_LIST && strcmp(known->name, "script") == 0) {
		diag_error(r->diags, node_place(node),
		           "write `script: |-` and put the lines below it",
		           "script must be one string, not a list");
		return false;
	}
	if (!value)
		return false;
	value[0] = read_string(r, node, known->name);
	if (!value[0])
		return false;
	if (known->required && value[0][0] == '\0') {
		diag_error(r->diags, node_place(node), known->hint, "%s is empty", known->name);
		return false;
	}
	if (strcmp(known->name, "script") != 0)
		check_value(r, node, value[0]);
	param->value = value;
	param->n = 1;
	return true;
}

static void read_param(struct reader *r, const struct node *node, const struct action_param *known,
                       struct job_draft *draft, struct spec_param *params)
{
	struct spec_param param = { .name = known->name, .at = node->at };

	param.is_list = known->kind == PARAM_LIST ||
	                (known->kind == PARAM_EITHER && node->kind == NODE_LIST);
	if (param.is_list && known->kind == PARAM_LIST && node_is_null(node))
		return; /* `args:` with nothing below it */
	if (param.is_list ? read_strings(r, node, known->name, &param.value, &param.n)
	                  : read_one(r, node, known, &param))
		params[draft->job->n_params++] = param;
}

static void check_required(struct reader *r, const struct job_draft *draft)
{
	static const struct node none = { .kind = NODE_SCALAR, .text = "" };
	const struct node *with = draft->with ? draft->with : &none;

	for (size_t i = 0; i < draft->action->n_params; i++) {
		const struct action_param *known = &draft->action->params[i];

		if (known->required && !read_find(with, known->name))
			diag_error(r->diags, draft->uses_at, known->hint,
			           "%s@v1 needs '%s' under 'with'", draft->action->name,
			           known->name);
	}
}

void action_read_with(struct reader *r, struct job_draft *draft)
{
	const struct node *with = draft->with;
	struct spec_param *params = NULL;

	if (!draft->action)
		return;
	check_required(r, draft);
	if (!with || !read_is_map(r, with, "with"))
		return;
	read_drop_doubles(r, with);
	params = arena_array(r->model, draft->action->n_params, sizeof(*params));
	if (!params)
		return;
	for (size_t i = 0; i < with->n; i++) {
		const struct node *key = NULL, *value = NULL;
		const struct action_param *known = NULL;

		if (!read_entry(with, i, &key, &value))
			continue;
		known = find_param(draft->action, key->text);
		if (known)
			read_param(r, value, known, draft, params);
		else
			diag_error(r->diags, node_place(key), hint_of(r, draft->action, key->text),
			           "%s@v1 has no parameter '%s'", draft->action->name,
			           diag_show(r->diags, key->text));
	}
	draft->job->params = params;
}

void action_check(struct reader *r, const struct job_draft *draft)
{
	if (draft->action && draft->action->check && !draft->is_broken)
		draft->action->check(r, draft);
}

static void print_words(struct out *out, const char *const *words, size_t n, const char *after)
{
	for (size_t i = 0; i < n; i++) {
		out_text(out, i > 0 ? ", \"" : "\"");
		out_text(out, words[i]);
		out_text(out, after);
		out_text(out, "\"");
	}
}

static void print_params(struct out *out, const struct action *action)
{
	bool begun = false;

	out_json(out, "{'type': 'object', 'additionalProperties': false, 'required': [");
	for (size_t i = 0; i < action->n_params; i++)
		if (action->params[i].required) {
			out_text(out, begun ? ", " : "");
			out_json_string(out, action->params[i].name);
			begun = true;
		}
	out_json(out, "], 'properties': {");
	for (size_t i = 0; i < action->n_params; i++) {
		const struct action_param *param = &action->params[i];

		out_text(out, i > 0 ? ", " : "");
		out_json_string(out, param->name);
		out_json(out, ": {'description': ");
		out_json_string(out, param->help);
		out_json(out, ", '$ref': '#/$defs/");
		out_text(out, param->type);
		out_json(out, param->required ? "', 'minLength': 1}" : "'}");
	}
	out_text(out, "}}");
}

void action_print_schema(struct out *out)
{
	out_json(out, "'model-type': {'enum': [");
	print_words(out, model_types, sizeof(model_types) / sizeof(*model_types), "");
	out_json(out, "]}, 'parameter': {'type': 'string', 'not': {'const': 'secret:'}, "
	              "'if': {'pattern': '^context[.]'}, 'then': {'enum': [");
	print_words(out, contexts, sizeof(contexts) / sizeof(*contexts), "");
	out_json(out, "]}}, 'action': {'enum': [");
	for (size_t i = 0; i < N_ACTIONS; i++) {
		out_text(out, i > 0 ? ", " : "");
		print_words(out, &actions[i].name, 1, "@v1");
	}
	out_json(out, "]}, 'parameters-of-actions': {'allOf': [");
	for (size_t i = 0; i < N_ACTIONS; i++) {
		out_json(out, i > 0 ? ", {" : "{");
		out_json(out, "'if': {'required': ['uses'], 'properties': {'uses': {'const': ");
		print_words(out, &actions[i].name, 1, "@v1");
		out_json(out, "}}}, 'then': {'required': ['with'], 'properties': {'with': ");
		print_params(out, &actions[i]);
		out_text(out, "}}}");
	}
	out_text(out, "]}");
}
