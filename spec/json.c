/* YAML as JSON: the document as the service's own requests carry it. */
#include <stdlib.h>
#include <string.h>

#include "spec/out.h"
#include "spec/read.h"

enum { DIGITS_MAX = 15 }; /* that every reader of JSON keeps */

static size_t skip_digits(const char **text)
{
	size_t n = strspn(*text, "0123456789");

	*text += n;
	return n;
}

/* Only what JSON writes in the same way; 0x1f, 1_000 and .inf stay text. */
static bool is_json_number(const char *text)
{
	const char *at = text + (*text == '-');
	const char *whole = at;
	size_t digits = skip_digits(&at);

	if (digits == 0 || (digits > 1 && *whole == '0'))
		return false;
	if (*at == '.') {
		size_t part;

		at++;
		part = skip_digits(&at);
		if (part == 0)
			return false;
		digits += part;
	}
	if (*at == 'e' || *at == 'E') {
		at += 1 + (at[1] == '+' || at[1] == '-');
		if (skip_digits(&at) == 0)
			return false;
	}
	return *at == '\0' && digits <= DIGITS_MAX;
}

static void put_scalar(struct out *out, const struct node *node)
{
	enum node_type type = node_scalar_type(node);

	if (type == NODE_NULL)
		out_text(out, "null");
	else if (type == NODE_BOOL)
		out_text(out, node_is_true(node) ? "true" : "false");
	else if (type == NODE_NUMBER && is_json_number(node->text))
		out_text(out, node->text);
	else
		out_json_string(out, node->text);
}

static void put_node(struct reader *r, struct out *out, const struct node *node);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as NODE_DEPTH_MAX */
static void put_list(struct reader *r, struct out *out, const struct node *list)
{
	out_text(out, "[");
	for (size_t i = 0; i < list->n; i++) {
		out_text(out, i > 0 ? "," : "");
		put_node(r, out, &list->items[i]);
	}
	out_text(out, "]");
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as NODE_DEPTH_MAX */
static void put_map(struct reader *r, struct out *out, const struct node *map)
{
	const char *comma = "";

	read_drop_doubles(r, map);
	out_text(out, "{");
	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = NULL, *value = NULL;

		if (!read_entry(map, i, &key, &value))
			continue;
		out_text(out, comma);
		out_json_string(out, key->text);
		out_text(out, ":");
		put_node(r, out, value);
		comma = ",";
	}
	out_text(out, "}");
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as NODE_DEPTH_MAX */
static void put_node(struct reader *r, struct out *out, const struct node *node)
{
	if (node->kind == NODE_MAP)
		put_map(r, out, node);
	else if (node->kind == NODE_LIST)
		put_list(r, out, node);
	else
		put_scalar(out, node);
}

char *spec_json(const char *text, size_t len)
{
	struct arena tree, words;
	struct diags diags;
	struct reader r = { .model = &words, .scratch = &tree, .diags = &diags };
	const struct node *root = NULL;
	struct out out = { .text = NULL };

	arena_init(&tree, &spec_allocator_default, SPEC_MEMORY_MAX);
	arena_init(&words, &spec_allocator_default, SPEC_MEMORY_MAX);
	diags_init(&diags, &words);
	if (node_parse(text, len, &diags, &tree, &root) && root)
		put_node(&r, &out, root);
	if (tree.fault || words.fault || out.failed) {
		free(out.text);
		out.text = NULL;
	}
	arena_release(&tree);
	arena_release(&words);
	return out.text;
}
