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
	return true;
}
