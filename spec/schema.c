/* The language as a JSON Schema, from the tables that it is read by. */
#include <stdlib.h>

#include "spec/action.h"
#include "spec/out.h"
#include "spec/read.h"

struct def {
	const char *name, *json; /* JSON with ' for " */
};

/* No control characters; of a reference's parts, no separators either. */
#define CONTROLS "\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f"
#define PART     "[^/:" CONTROLS "]{1,128}"

/* What the readers of single values take: read.c, ref.c, job.c, check.c. */
static const struct def defs[] = {
	{ "string", "{'type': 'string'}" },
	{ "boolean", "{'type': 'boolean'}" },
	{ "strings", "{'type': 'array', 'items': {'type': 'string'}}" },
	{ "strings-or-nothing", "{'type': ['array', 'null'], 'items': {'type': 'string'}}" },
	{ "command", "{'if': {'type': 'array'}, 'then': {'$ref': '#/$defs/strings'}, "
	             "'else': {'$ref': '#/$defs/parameter'}}" },
	{ "script", "{'type': 'string'}" },
	{ "secret", "{'type': 'string', 'pattern': '^secret:.'}" },
	{ "timeout", "{'type': 'number', 'exclusiveMinimum': 0, 'maximum': 1000000000}" },
	{ "cpus", "{'type': 'number', 'minimum': 0.01, 'maximum': 65536}" },
	{ "gpus", "{'type': 'integer', 'minimum': 0, 'maximum': 1024}" },
	{ "size",
	  "{'type': 'string', 'pattern': '^[1-9][0-9]{0,8}(?:[KMGT](?:i|iB)?|[MGT]B|kB)$'}" },
	{ "network", "{'const': 'none'}" },
	{ "type", "{'enum': ['dataset', 'string', 'volume']}" },
	{ "name", "{'pattern': '^(?![.]{1,2}$)[^/" CONTROLS "]{1,128}$'}" },
	{ "ref", "{'type': 'string', 'pattern': '^(?!workflow[.]inputs[.])(?!.*[.]outputs[.])"
	         "(?!(?:.*[/:])? )(?!.* (?:[/:]|$))(?!(?:.*[/:])?[.]{1,2}(?:[/:]|$))"
	         "(?:" PART "/)?" PART "(?::" PART ")?$'}" },
	{ "reference", "{'type': 'string', 'pattern': '^workflow[.]inputs[.]|[.]outputs[.]'}" },
	{ "env",
	  "{'type': ['object', 'null'], 'propertyNames': {'pattern': '^[^=" CONTROLS "]+$'}, "
	  "'additionalProperties': {'type': ['string', 'number', 'boolean'], "
	  "'not': {'const': 'secret:'}}}" },
	{ "needs", "{'type': ['array', 'string', 'number', 'boolean', 'null'], "
	           "'items': {'type': ['string', 'number', 'boolean']}}" },
	{ "parameters", "true" },
	{ "jobs",
	  "{'type': 'object', 'minProperties': 1, 'propertyNames': {'$ref': '#/$defs/name'}, "
	  "'additionalProperties': {'$ref': '#/$defs/job'}}" },
	{ "workflow-inputs",
	  "{'type': ['object', 'null'], 'propertyNames': {'$ref': '#/$defs/name'}, "
	  "'additionalProperties': {'$ref': '#/$defs/workflow-input'}}" },
	{ "job-inputs", "{'type': ['object', 'null'], 'propertyNames': {'$ref': '#/$defs/name'}, "
	                "'additionalProperties': {'if': {'type': 'object'}, "
	                "'then': {'$ref': '#/$defs/job-input'}, "
	                "'else': {'$ref': '#/$defs/reference'}}}" },
	{ "outputs", "{'type': ['object', 'null'], 'propertyNames': {'$ref': '#/$defs/name'}, "
	             "'additionalProperties': {'$ref': '#/$defs/output'}}" },
};

static void put_member(struct out *out, const char *name)
{
	out_text(out, ", ");
	out_json_string(out, name);
	out_text(out, ": ");
}

static void put_shape(struct out *out, const char *help, const struct shape *shape);

/* NOLINTNEXTLINE(misc-no-recursion): the tables are a tree of a few levels */
static void put_key(struct out *out, const struct key *key)
{
	out_json_string(out, key->name);
	out_text(out, ": ");
	if (key->shape) {
		put_shape(out, key->help, key->shape);
		return;
	}
	out_json(out, "{'description': ");
	out_json_string(out, key->help);
	out_json(out, ", '$ref': '#/$defs/");
	out_text(out, key->type);
	out_json(out, "'}");
}

/* NOLINTNEXTLINE(misc-no-recursion): as put_key() */
static void put_shape(struct out *out, const char *help, const struct shape *shape)
{
	bool begun = false;

	out_json(out, "{'description': ");
	out_json_string(out, help);
	out_json(out, shape->is_needed ? ", 'type': 'object', " : ", 'type': ['object', 'null'], ");
	if (shape->rule) {
		out_json(out, shape->rule);
		out_text(out, ", ");
	}
	out_json(out, "'additionalProperties': false, 'properties': {");
	for (size_t i = 0; i < shape->n_keys; i++) {
		if (!shape->keys[i].help)
			continue;
		out_text(out, begun ? ", " : "");
		put_key(out, &shape->keys[i]);
		begun = true;
	}
	out_text(out, "}}");
}

static void put_all(struct out *out)
{
	out_json(out, "{'$schema': 'https://json-schema.org/draft/2020-12/schema', "
	              "'title': 'Gradient workflow', '$ref': '#/$defs/workflow', '$defs': {");
	action_print_schema(out);
	for (size_t i = 0; i < sizeof(defs) / sizeof(*defs); i++) {
		put_member(out, defs[i].name);
		out_json(out, defs[i].json);
	}
	put_member(out, "workflow");
	put_shape(out, "Jobs that run in containers, and what they read and write.",
	          &workflow_shape);
	put_member(out, "job");
	put_shape(out, "One container that runs to its end.", &job_shape);
	put_member(out, "workflow-input");
	put_shape(out, "What a run is given under this name; `with` is what it is else.",
	          &workflow_input_shape);
	put_member(out, "job-input");
	put_shape(out, "What the job finds below /inputs.", &job_input_shape);
	put_member(out, "output");
	put_shape(out, "What the job leaves below /outputs.", &output_shape);
	out_text(out, "}}");
}

static void put_line(struct out *out, size_t depth)
{
	out_text(out, "\n");
	out_times(out, ' ', 2 * depth);
}

/* The end of the string that begins at TEXT. */
static const char *string_end(const char *text)
{
	for (text++; *text != '"'; text++)
		text += *text == '\\';
	return text + 1;
}

/* JSON that was written on one line, laid out; lists of words stay. */
static void lay_out(struct out *out, const char *json)
{
	size_t depth = 0;
	bool in_words = false;

	while (*json) {
		const char *end = *json == '"' ? string_end(json) : json + 1;

		if (*json == '}' && depth > 0)
			put_line(out, --depth);
		out_bytes(out, json, (size_t)(end - json));
		if (*json == '{')
			put_line(out, ++depth);
		if (*json == '[' || *json == ']')
			in_words = *json == '[' && json[1] != '{';
		if (*json == ',' && !in_words) {
			put_line(out, depth);
			end++;
		}
		json = end;
	}
	out_text(out, "\n");
}

char *spec_schema(void)
{
	struct out flat = { .text = NULL };
	struct out out = { .text = NULL };

	put_all(&flat);
	if (!flat.failed)
		lay_out(&out, flat.text);
	if (flat.failed || out.failed) {
		free(out.text);
		out.text = NULL;
	}
	free(flat.text);
	return out.text;
}
