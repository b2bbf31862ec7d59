#include <string.h>

#include "spec/read.h"

static void fill(struct reader *r, const char *text, const char *slash, struct spec_ref *ref)
{
	const char *dataset = slash ? slash + 1 : text;
	const char *colon = strchr(dataset, ':');

	*ref = (struct spec_ref){ .text = text };
	if (slash)
		ref->namespace = arena_text(r->model, text, (size_t)(slash - text));
	ref->dataset = dataset;
	if (colon) {
		ref->dataset = arena_text(r->model, dataset, (size_t)(colon - dataset));
		ref->point = colon + 1;
	}
}

/* The parts become names in a catalog and, some of them, in messages and paths. */
static bool is_part(const char *part, size_t len)
{
	if (len == 0 || len > NAME_MAX_BYTES || part[0] == ' ' || part[len - 1] == ' ')
		return false;
	if (part[0] == '.' && (len == 1 || (len == 2 && part[1] == '.')))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)part[i];

		if (c < 0x20 || c == 0x7f || c == '/' || c == ':')
			return false;
		if (c == 0xc2 && (unsigned char)part[i + 1] < 0xa0)
			return false;
	}
	return true;
}

static bool is_ref(const char *text)
{
	const char *slash = strchr(text, '/');
	const char *dataset = slash ? slash + 1 : text;
	const char *colon = strchr(dataset, ':');
	size_t len = colon ? (size_t)(colon - dataset) : strlen(dataset);

	if (slash && !is_part(text, (size_t)(slash - text)))
		return false;
	return is_part(dataset, len) && (!colon || is_part(colon + 1, strlen(colon + 1)));
}

/* Files of Gradient's users name their own team's datasets, which are this home's here. */
static void warn_of_namespace(struct reader *r, const struct node *node, const struct spec_ref *ref)
{
	if (ref->namespace && strcmp(ref->namespace, "gradient") != 0)
		diag_warning(r->diags, node_place(node),
		             "only public datasets have one, such as gradient/NAME",
		             "whatever its namespace '%s/', this is dataset '%s' of this home",
		             diag_show(r->diags, ref->namespace),
		             diag_show(r->diags, ref->dataset));
}

bool read_ref(struct reader *r, const struct node *node, struct spec_ref *ret_ref)
{
	const char *text = read_string(r, node, "the dataset reference");

	if (!text)
		return false;
	if (strstr(text, ".outputs.") || strncmp(text, "workflow.inputs.", 16) == 0) {
		diag_error(r->diags, node_place(node),
		           diag_text(r->diags, "write it as the input itself: `NAME: %s`",
		                     diag_show(r->diags, text)),
		           "'%s' is a reference inside this workflow, not a dataset",
		           diag_show(r->diags, text));
		return false;
	}
	if (!is_ref(text)) {
		diag_error(r->diags, node_place(node),
		           "write NAME, NAME:VERSION, NAME:TAG or NAMESPACE/NAME",
		           "'%s' is no dataset reference", diag_show(r->diags, text));
		return false;
	}
	fill(r, text, strchr(text, '/'), ret_ref);
	ret_ref->at = node->at;
	warn_of_namespace(r, node, ret_ref);
	return true;
}

/* The first reference with a namespace to each dataset. */
struct firsts {
	struct table names; /* to an index in list */
	const struct spec_ref **list;
	size_t n;
};

static void compare(struct reader *r, struct firsts *firsts, const struct spec_ref *ref)
{
	const struct spec_ref *first = NULL;
	const uint32_t *at = NULL;

	if (!ref->namespace)
		return;
	at = table_put(&firsts->names, ref->dataset, (uint32_t)firsts->n);
	if (!at)
		return;
	if (*at == firsts->n) {
		firsts->list[firsts->n++] = ref;
		return;
	}
	first = firsts->list[*at];
	if (strcmp(first->namespace, ref->namespace) != 0)
		diag_error(r->diags, (struct place){ ref->at, (uint32_t)strlen(ref->text) },
		           "give one of them another name, or write both the same way",
		           "'%s' would be the same dataset '%s' as '%s' in line %u",
		           diag_show(r->diags, ref->text), diag_show(r->diags, ref->dataset),
		           diag_show(r->diags, first->text), first->at.line);
}

void check_namespaces(struct reader *r)
{
	const struct spec *spec = r->spec;
	struct firsts firsts = { .n = spec->n_inputs };

	for (size_t i = 0; i < spec->n_jobs; i++)
		firsts.n += spec->jobs[i]->n_inputs + spec->jobs[i]->n_outputs;
	table_init(&firsts.names, r->scratch);
	firsts.list = arena_array(r->scratch, firsts.n, sizeof(const struct spec_ref *));
	if (!firsts.list)
		return;
	firsts.n = 0;
	for (size_t i = 0; i < spec->n_inputs; i++)
		compare(r, &firsts, &spec->inputs[i].ref);
	for (size_t i = 0; i < spec->n_jobs; i++) {
		const struct spec_job *job = spec->jobs[i];

		for (size_t k = 0; k < job->n_inputs; k++)
			compare(r, &firsts, &job->inputs[k].ref);
		for (size_t k = 0; k < job->n_outputs; k++)
			compare(r, &firsts, &job->outputs[k].ref);
	}
}
