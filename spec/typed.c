#include <string.h>

#include "spec/read.h"

static const char *const type_names[] = {
	[SPEC_DATASET] = "dataset",
	[SPEC_STRING] = "string",
	[SPEC_VOLUME] = "volume",
};

const char *spec_type_name(enum spec_type type)
{
	return type_names[type];
}

/* `{type, with: {ref, id, value}, optional}`, taken apart. */
struct typed {
	const char *name;
	const struct node *key, *type_at, *with, *optional;
	const struct node *ref, *id, *value;
	enum spec_type type;
	bool is_known;   /* `type` is */
	bool is_request; /* of `--inputs`: ref, id and value may stand without `with` */
	bool misplaced;  /* one of them stands where it may not */
};

static void on_ref(struct reader *r, const struct node *key, const struct node *value, void *target)
{
	(void)r;
	(void)key;
	((struct typed *)target)->ref = value;
}

static void on_id(struct reader *r, const struct node *key, const struct node *value, void *target)
{
	(void)r;
	(void)key;
	((struct typed *)target)->id = value;
}

static void on_value(struct reader *r, const struct node *key, const struct node *value,
                     void *target)
{
	(void)r;
	(void)key;
	((struct typed *)target)->value = value;
}

static const struct key with_keys[] = {
	{ "ref", "The dataset: NAME, NAME:VERSION, NAME:TAG or NAMESPACE/NAME.", "ref", NULL,
	  on_ref },
	{ "id", "The older spelling of ref.", "ref", NULL, on_id },
	{ "value", "The string.", "string", NULL, on_value },
};

static const struct shape with_shape = {
	.what = "'with'",
	.keys = with_keys,
	.n_keys = sizeof(with_keys) / sizeof(*with_keys),
	.rule = "'not': {'type': 'object', 'required': ['ref', 'id']}",
};

static void on_too_high(struct reader *r, const struct node *key, const struct node *value,
                        void *target)
{
	struct typed *typed = target;

	if (typed->is_request) {
		*(strcmp(key->text, "ref") == 0  ? &typed->ref
		  : strcmp(key->text, "id") == 0 ? &typed->id
		                                 : &typed->value) = value;
		return;
	}
	typed->misplaced = true;
	diag_error(r->diags, node_place(key),
	           diag_text(r->diags, "put it under 'with': with: {%s: %s}", key->text,
	                     value->kind == NODE_SCALAR ? diag_show(r->diags, value->text) : "..."),
	           "'%s' stands one level too high", key->text);
}

static void on_type(struct reader *r, const struct node *key, const struct node *value,
                    void *target)
{
	struct typed *typed = target;
	const char *text = read_string(r, value, "type");
	struct near near;

	(void)key;
	typed->type_at = value;
	if (!text)
		return;
	near_init(&near, text);
	for (size_t i = 0; i < sizeof(type_names) / sizeof(*type_names); i++) {
		near_offer(&near, type_names[i]);
		if (strcmp(text, type_names[i]) == 0) {
			typed->type = (enum spec_type)i;
			typed->is_known = true;
			return;
		}
	}
	if (strcmp(text, "alias") == 0)
		diag_error(
			r->diags, node_place(value),
			"write the reference itself: `NAME: JOB.outputs.X` or `NAME: workflow.inputs.X`",
			"the type 'alias' is internal and cannot be written in a workflow");
	else
		diag_error(r->diags, node_place(value),
		           near.best ? diag_near(r->diags, &near)
		                     : "the types are dataset, string and volume",
		           "there is no type '%s'", diag_show(r->diags, text));
}

static void on_with(struct reader *r, const struct node *key, const struct node *value,
                    void *target)
{
	(void)key;
	((struct typed *)target)->with = node_is_null(value) ? NULL : value;
	read_shape(r, value, &with_shape, target);
}

static void on_optional(struct reader *r, const struct node *key, const struct node *value,
                        void *target)
{
	(void)key;
	if (value->kind == NODE_SCALAR && node_scalar_type(value) == NODE_BOOL)
		((struct typed *)target)->optional = value;
	else
		diag_error(r->diags, node_place(value), "write true or false, without quotes",
		           "optional must be a boolean, not %s", node_what(value));
}

/* `optional` is the last: an output has all the others. */
static const struct key typed_keys[] = {
	{ "type",
	  "dataset: a versioned directory. string: a text. volume: a directory that lives as "
	  "long as the run.",
	  "type", NULL, on_type },
	{ "with", "Which dataset, or which text.", NULL, &with_shape, on_with },
	{ "ref", NULL, NULL, NULL, on_too_high },
	{ "id", NULL, NULL, NULL, on_too_high },
	{ "value", NULL, NULL, NULL, on_too_high },
	{ "optional", "May a run be started without it?", "boolean", NULL, on_optional },
};

enum { N_TYPED_KEYS = sizeof(typed_keys) / sizeof(*typed_keys) };

/* What a type allows and asks of its `with`; see fill_input(), check_inline(), fill_output(). */
#define OF_TYPE(type, then)                                                              \
	"{'if': {'required': ['type'], 'properties': {'type': {'const': '" type "'}}}, " \
	"'then': " then "}"
#define NO_VALUE   "'properties': {'value': false}"
#define VALUE_ONLY "'properties': {'ref': false, 'id': false}"
#define REF_OR_ID  "'type': 'object', 'anyOf': [{'required': ['ref']}, {'required': ['id']}]"

const struct shape workflow_input_shape = {
	.what = "an input",
	.keys = typed_keys,
	.n_keys = N_TYPED_KEYS,
	.is_needed = true,
	.rule = "'required': ['type'], 'allOf': [" OF_TYPE(
		"dataset",
		"{'properties': {'with': {" NO_VALUE
		"}}}") ", " OF_TYPE("string",
	                            "{'properties': {'with': {" VALUE_ONLY
	                            "}}}") ", " OF_TYPE("volume",
	                                                "{'properties': {'with': {'type': 'null'}}}") "]",
};

const struct shape job_input_shape = {
	.what = "an input",
	.keys = typed_keys,
	.n_keys = N_TYPED_KEYS,
	.is_needed = true,
	.rule = "'required': ['type', 'with'], 'allOf': [" OF_TYPE(
		"dataset",
		"{'properties': {'with': {" NO_VALUE ", " REF_OR_ID
		"}}}") ", " OF_TYPE("string",
	                            "{'properties': {'with': {" VALUE_ONLY ", 'type': 'object', "
	                            "'required': ['value']}}}") ", " OF_TYPE("volume", "false") "]",
};

const struct shape output_shape = {
	.what = "an output",
	.keys = typed_keys,
	.n_keys = N_TYPED_KEYS - 1,
	.is_needed = true,
	.rule = "'required': ['type'], 'allOf': [" OF_TYPE(
		"dataset",
		"{'required': ['with'], 'properties': {'with': {" REF_OR_ID
		", 'properties': {'value': false, 'ref': {'pattern': '^[^:]*$'}, "
		"'id': {'pattern': '^[^:]*$'}}}}}") ", " OF_TYPE("string",
	                                                         "{'properties': {'with': {'maxProperties': 0}}}") ", " OF_TYPE("volume",
	                                                                                                                        "{'properties': {'with': {'maxProperties': 0}}}") "]",
};

/* Of two spellings, the one that is there. */
static const struct node *ref_of(struct reader *r, const struct typed *typed)
{
	if (typed->ref && typed->id)
		diag_error(r->diags, node_place(typed->id),
		           "keep 'ref'; 'id' is its older spelling",
		           "both 'ref' and 'id' name a dataset");
	return typed->ref ? typed->ref : typed->id;
}

static bool take_apart(struct reader *r, const struct node *key, const struct node *node,
                       const struct shape *shape, struct typed *typed)
{
	size_t errors = r->diags->n_errors;

	typed->key = key;
	typed->name = key->text;
	if (!read_check_name(r, key, shape->what))
		return false;
	if (node->kind != NODE_MAP) {
		const char *text = node->kind == NODE_SCALAR ? diag_show(r->diags, node->text) : "";

		diag_error(
			r->diags, node_place(node),
			diag_text(r->diags, "write it as %s: {type: %s}",
		                  diag_show(r->diags, key->text),
		                  *text && strlen(text) < 8 ? text : "dataset, with: {ref: ...}"),
			"%s must be a mapping with a 'type', not %s", shape->what, node_what(node));
		return false;
	}
	read_shape(r, node, shape, typed);
	if (!typed->type_at && !typed->is_request)
		diag_error(r->diags, node_place(key), "add type: dataset, string or volume",
		           "'%s' has no type", diag_show(r->diags, key->text));
	if (typed->type_at && !typed->is_known)
		return false;
	return typed->is_request ? errors == r->diags->n_errors : typed->is_known;
}

/* What a type has no use for is there. */
static void refuse(struct reader *r, const struct typed *typed, const struct node *node,
                   const char *key, const char *hint)
{
	if (node)
		diag_error(r->diags, node_place(node), hint, "a %s has no '%s'",
		           spec_type_name(typed->type), key);
}

static void fill_dataset(struct reader *r, const struct typed *typed, struct spec_input *in)
{
	const struct node *ref = ref_of(r, typed);

	refuse(r, typed, typed->value, "value", "name the dataset with 'ref'");
	in->given = ref && read_ref(r, ref, &in->ref);
}

static void fill_string(struct reader *r, const struct typed *typed, struct spec_input *in)
{
	refuse(r, typed, typed->ref, "ref", "give the string with 'value'");
	refuse(r, typed, typed->id, "id", "give the string with 'value'");
	if (typed->value)
		in->value = read_string(r, typed->value, "value");
	in->given = in->value != NULL;
}

static void fill_input(struct reader *r, const struct typed *typed, struct spec_input *in)
{
	in->name = typed->name;
	in->at = typed->key->at;
	in->type = typed->type;
	in->optional = typed->optional && node_is_true(typed->optional);
	if (typed->type == SPEC_DATASET)
		fill_dataset(r, typed, in);
	else if (typed->type == SPEC_STRING)
		fill_string(r, typed, in);
	else
		refuse(r, typed, typed->with, "with", NULL);
}

void read_workflow_inputs(struct reader *r, const struct node *node)
{
	struct spec_input *inputs = NULL;
	size_t n = 0;

	if (!read_is_map(r, node, "inputs"))
		return;
	read_drop_doubles(r, node);
	inputs = arena_array(r->model, node->n, sizeof(*inputs));
	if (!inputs)
		return;
	for (size_t i = 0; i < node->n; i++) {
		const struct node *key = NULL, *value = NULL;
		struct typed typed = { .key = NULL };

		if (!read_entry(node, i, &key, &value))
			continue;
		if (take_apart(r, key, value, &workflow_input_shape, &typed))
			fill_input(r, &typed, &inputs[n]);
		inputs[n].name = key->text;
		if (!table_put(&r->input_names, key->text, (uint32_t)n++))
			return;
	}
	r->spec->inputs = inputs;
	r->spec->n_inputs = n;
}

/* An input that a job spells out is fixed there; nobody else could give it. */
static void check_inline(struct reader *r, const struct typed *typed)
{
	static const char *const hints[] = {
		[SPEC_DATASET] = "add with: {ref: DATASET}",
		[SPEC_STRING] = "add with: {value: TEXT}",
	};
	bool has = typed->type == SPEC_STRING ? typed->value != NULL : typed->ref || typed->id;

	if (typed->type == SPEC_VOLUME)
		diag_error(r->diags, node_place(typed->type_at),
		           "make it an output of a job, and write `JOB.outputs.NAME` here",
		           "a volume cannot be made as an input: this form ended in July 2021");
	else if (!has && !typed->misplaced)
		diag_error(r->diags, node_place(typed->key), hints[typed->type],
		           "the %s '%s' says nothing of where it comes from",
		           spec_type_name(typed->type), diag_show(r->diags, typed->name));
}

static void read_job_input(struct reader *r, const struct node *key, const struct node *value,
                           struct spec_input *in)
{
	struct typed typed = { .key = NULL };

	in->name = key->text;
	in->at = key->at;
	if (value->kind == NODE_SCALAR) {
		if (read_check_name(r, key, "an input") && read_string(r, value, "an input"))
			read_pending(r, value, in);
		return;
	}
	if (!take_apart(r, key, value, &job_input_shape, &typed))
		return;
	check_inline(r, &typed);
	if (typed.type != SPEC_VOLUME)
		fill_input(r, &typed, in);
}

void read_job_inputs(struct reader *r, const struct node *node, struct spec_job *job)
{
	struct spec_input *inputs = NULL;
	size_t n = 0;

	if (!read_is_map(r, node, "inputs"))
		return;
	read_drop_doubles(r, node);
	inputs = arena_array(r->model, node->n, sizeof(*inputs));
	if (!inputs)
		return;
	for (size_t i = 0; i < node->n; i++) {
		const struct node *key = NULL, *value = NULL;

		if (read_entry(node, i, &key, &value))
			read_job_input(r, key, value, &inputs[n++]);
	}
	job->inputs = inputs;
	job->n_inputs = n;
}

static void fill_output(struct reader *r, const struct typed *typed, struct spec_output *out)
{
	const struct node *ref = NULL;

	out->type = typed->type;
	if (typed->type != SPEC_DATASET) {
		if (typed->with && typed->with->n > 0)
			diag_error(r->diags, node_place(typed->with), "remove it",
			           "a %s output has no 'with'", spec_type_name(typed->type));
		return;
	}
	refuse(r, typed, typed->value, "value", "name the dataset with 'ref'");
	ref = ref_of(r, typed);
	if (!ref && !typed->misplaced)
		diag_error(r->diags, node_place(typed->key), "add with: {ref: DATASET}",
		           "the dataset output '%s' names no dataset",
		           diag_show(r->diags, typed->name));
	if (!ref || !read_ref(r, ref, &out->ref) || !out->ref.point)
		return;
	diag_error(r->diags, node_place(ref),
	           "name the dataset only: the job makes a new version of it",
	           "an output cannot be written to the version or tag '%s'",
	           diag_show(r->diags, out->ref.point));
}

void read_job_outputs(struct reader *r, const struct node *node, struct spec_job *job)
{
	struct spec_output *outputs = NULL;
	size_t n = 0;

	if (!read_is_map(r, node, "outputs"))
		return;
	read_drop_doubles(r, node);
	outputs = arena_array(r->model, node->n, sizeof(*outputs));
	if (!outputs)
		return;
	for (size_t i = 0; i < node->n; i++) {
		const struct node *key = NULL, *value = NULL;
		struct typed typed = { .key = NULL };

		if (!read_entry(node, i, &key, &value))
			continue;
		if (take_apart(r, key, value, &output_shape, &typed))
			fill_output(r, &typed, &outputs[n]);
		outputs[n].name = key->text;
		outputs[n++].at = key->at;
	}
	job->outputs = outputs;
	job->n_outputs = n;
}

void read_given(struct reader *r, const struct node *key, const struct node *node,
                struct spec_given *ret_given)
{
	struct typed typed = { .is_request = true };
	struct spec_ref ref = { .text = NULL };
	const struct node *ref_at = NULL;

	if (node->kind == NODE_SCALAR && !node_is_null(node)) {
		const char *text = diag_show(r->diags, node->text);

		diag_error(r->diags, node_place(node),
		           diag_text(r->diags,
		                     "write {value: \"%s\"} for a string, {ref: %s} for a dataset",
		                     text, text),
		           "an input must be a mapping, not %s", node_what(node));
		return;
	}
	if (!take_apart(r, key, node, &workflow_input_shape, &typed))
		return;
	ref_at = ref_of(r, &typed);
	*ret_given = (struct spec_given){ .name = key->text, .at = key->at };
	if (!ref_at == !typed.value)
		diag_error(r->diags, node_place(key), "write {value: TEXT} or {ref: DATASET}",
		           ref_at ? "the input '%s' has both a value and a dataset"
		                  : "the input '%s' has neither a value nor a dataset",
		           diag_show(r->diags, key->text));
	if (typed.value)
		ret_given->value = read_string(r, typed.value, "value");
	if (ref_at && read_ref(r, ref_at, &ref))
		ret_given->ref = ref.text;
}
