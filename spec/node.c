#include "spec/node.h"

#include <string.h>
#include <yaml.h>

#include "spec/arena.h"
#include "spec/syntax.h"
#include "spec/table.h"

/*
 * libyaml's events come in document order; a stack of open collections turns them into nodes.  The
 * items of all open collections lie on one growing pile, and a collection that ends takes its own
 * from the top and lays them down in the tree's arena as one exact array.
 *
 * Sharing makes an alias cheap here but not for those who walk the tree, so each collection counts
 * what it would be when written out, and the height under an anchor counts against the depth.
 */

struct frame {
	struct node node;
	size_t first;      /* of its items on the pile */
	uint64_t expanded; /* nodes, aliases written out */
	unsigned height;   /* levels, its own among them */
	uint32_t anchor;   /* index + 1 in `anchors`, or 0 */
	bool merges;       /* a map with a key `<<` */
};

struct anchor {
	struct node node;
	uint64_t expanded;
	unsigned height;
	bool is_open; /* still being read: an alias to it would be inside itself */
};

struct composer {
	struct diags *diags;
	struct arena *tree;
	struct syntax *syntax;
	struct frame frames[NODE_DEPTH_MAX];
	unsigned depth;
	struct node *pile;
	size_t n_pile, pile_capacity;
	struct table anchor_names;
	struct anchor *anchors;
	size_t n_anchors, anchors_capacity;
	uint64_t n_source, n_expanded; /* nodes written; nodes that aliases add */
	struct node root;
	bool has_root;
};

/* Arrays that grow leave their old selves in the arena: together never more than the new one. */
static void *grown(struct arena *arena, const void *old, size_t n, size_t *capacity, size_t size)
{
	size_t bigger = *capacity ? 2 * *capacity : 32;
	void *p = arena_array(arena, bigger, size);

	if (!p)
		return NULL;
	if (n > 0)
		memcpy(p, old, n * size);
	*capacity = bigger;
	return p;
}

static bool push(struct composer *c, const struct node *node)
{
	if (c->n_pile == c->pile_capacity) {
		struct node *pile =
			grown(c->tree, c->pile, c->n_pile, &c->pile_capacity, sizeof(*pile));

		if (!pile)
			return false;
		c->pile = pile;
	}
	c->pile[c->n_pile++] = *node;
	return true;
}

static bool is_merge_key(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->style == NODE_PLAIN &&
	       strcmp(node->text, "<<") == 0;
}

static bool is_key(const struct composer *c, const struct frame *frame)
{
	return frame->node.kind == NODE_MAP && (c->n_pile - frame->first) % 2 == 0;
}

/* A finished node goes into the collection that is open, or is the document. */
static bool place_node(struct composer *c, const struct node *node, uint64_t expanded,
                       unsigned height)
{
	struct frame *frame = c->depth ? &c->frames[c->depth - 1] : NULL;

	if (!frame) {
		c->root = *node;
		c->has_root = true;
		return true;
	}
	frame->expanded += expanded;
	if (frame->height < height + 1)
		frame->height = height + 1;
	if (is_key(c, frame) && is_merge_key(node))
		frame->merges = true;
	return push(c, node);
}

static bool note_anchor(struct composer *c, const yaml_char_t *name, const struct anchor *anchor,
                        uint32_t *ret_index)
{
	const char *key = NULL;
	uint32_t *value = NULL;

	if (c->n_anchors == c->anchors_capacity) {
		struct anchor *anchors = grown(c->tree, c->anchors, c->n_anchors,
		                               &c->anchors_capacity, sizeof(*anchors));

		if (!anchors)
			return false;
		c->anchors = anchors;
	}
	key = arena_text(c->tree, (const char *)name, strlen((const char *)name));
	value = key ? table_put(&c->anchor_names, key, 0) : NULL;
	if (!value)
		return false;
	c->anchors[c->n_anchors++] = *anchor;
	*value = *ret_index = (uint32_t)c->n_anchors;
	return true;
}

static struct spec_mark mark_of(yaml_mark_t mark)
{
	return (struct spec_mark){ (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

static struct node node_of(struct composer *c, const yaml_event_t *event, enum node_kind kind)
{
	struct node node = { .at = mark_of(event->start_mark), .kind = kind & 3 };
	bool one_line = event->start_mark.line == event->end_mark.line;

	if (kind == NODE_SCALAR && one_line && event->end_mark.column > event->start_mark.column)
		node.width = (event->end_mark.column - event->start_mark.column) & 0x3ffffff;
	else
		node.width = kind == NODE_SCALAR && !one_line ? 2 : 1;
	c->n_source++;
	return node;
}

static void check_tag(struct composer *c, const struct node *node, const yaml_char_t *tag)
{
	static const char *const known[] = { "!", YAML_STR_TAG, YAML_SEQ_TAG, YAML_MAP_TAG };

	for (size_t i = 0; tag && i < sizeof(known) / sizeof(*known); i++)
		if (strcmp((const char *)tag, known[i]) == 0)
			return;
	if (tag)
		diag_error(c->diags, node_place(node),
		           "remove the tag; a string may be quoted instead",
		           "the tag '%s' is not part of the workflow language",
		           diag_show(c->diags, (const char *)tag));
}

static enum node_style style_of(const yaml_event_t *event)
{
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    event->data.scalar.plain_implicit)
		return NODE_PLAIN;
	if (event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
	    event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE)
		return NODE_BLOCK;
	return NODE_QUOTED;
}

static bool on_scalar(struct composer *c, const yaml_event_t *event)
{
	struct node node = node_of(c, event, NODE_SCALAR);
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	uint32_t index = 0;

	node.style = style_of(event) & 3;
	if (node.style == NODE_BLOCK)
		c->syntax->block_end_line = event->end_mark.line;
	if (memchr(value, '\0', len)) {
		diag_error(c->diags, node_place(&node), "remove the '\\0'",
		           "a string holds a NUL byte");
		len = strlen(value);
	}
	node.text = arena_text(c->diags->arena, value, len);
	node.n = (uint32_t)len;
	if (!node.text)
		return false;
	check_tag(c, &node, event->data.scalar.tag);
	if (event->data.scalar.anchor &&
	    !note_anchor(c, event->data.scalar.anchor,
	                 &(struct anchor){ .node = node, .expanded = 1 }, &index))
		return false;
	return place_node(c, &node, 1, 0);
}

static bool too_deep(struct composer *c, struct place at)
{
	diag_error(c->diags, at, NULL, "the document is nested deeper than %d levels",
	           NODE_DEPTH_MAX);
	return false;
}

static bool open_collection(struct composer *c, const yaml_event_t *event, enum node_kind kind,
                            const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct frame frame = {
		.node = node_of(c, event, kind), .first = c->n_pile, .expanded = 1, .height = 1
	};

	if (c->depth == NODE_DEPTH_MAX)
		return too_deep(c, node_place(&frame.node));
	check_tag(c, &frame.node, tag);
	if (anchor && !note_anchor(c, anchor, &(struct anchor){ .is_open = true }, &frame.anchor))
		return false;
	c->frames[c->depth++] = frame;
	return true;
}

/* Lays what VALUE, a map or an alias of one, holds on the pile, as keys that yield to others. */
static bool merge_map(struct composer *c, const struct node *value)
{
	for (uint32_t i = 0; i < value->n; i++) {
		struct node key = value->items[2 * (size_t)i];

		key.merged = 1;
		if (!push(c, &key) || !push(c, &value->items[2 * i + 1]))
			return false;
	}
	return true;
}

static bool merge_value(struct composer *c, const struct node *value)
{
	bool is_fine = value->kind == NODE_MAP;

	if (value->kind == NODE_LIST) {
		is_fine = true;
		/* The first of the list wins, and here the last key does: hence backwards. */
		for (uint32_t i = value->n; i-- > 0 && is_fine;)
			is_fine = value->items[i].kind == NODE_MAP;
	}
	if (!is_fine) {
		diag_error(c->diags, node_place(value), NULL,
		           "'<<' merges a mapping or a list of mappings, and here is %s",
		           node_what(value));
		return true;
	}
	if (value->kind == NODE_MAP)
		return merge_map(c, value);
	for (uint32_t i = value->n; i-- > 0;)
		if (!merge_map(c, &value->items[i]))
			return false;
	return true;
}

/* Rewrites the top of the pile: merged entries first, then the map's own, so that these win. */
static bool resolve_merges(struct composer *c, struct frame *frame)
{
	size_t n = c->n_pile - frame->first;
	struct node *own = arena_array(c->tree, n, sizeof(*own));

	if (!own)
		return false;
	memcpy(own, c->pile + frame->first, n * sizeof(*own));
	c->n_pile = frame->first;
	for (size_t i = 0; i < n; i += 2)
		if (is_merge_key(&own[i]) && !merge_value(c, &own[i + 1]))
			return false;
	for (size_t i = 0; i < n; i += 2)
		if (!is_merge_key(&own[i]) && (!push(c, &own[i]) || !push(c, &own[i + 1])))
			return false;
	return true;
}

static bool close_collection(struct composer *c)
{
	struct frame *frame = &c->frames[c->depth - 1];
	size_t n = 0;

	if (frame->merges && !resolve_merges(c, frame))
		return false;
	n = c->n_pile - frame->first;
	frame->node.n = (uint32_t)(frame->node.kind == NODE_MAP ? n / 2 : n);
	frame->node.items = arena_array(c->tree, n, sizeof(struct node));
	if (!frame->node.items)
		return false;
	if (n > 0)
		memcpy(frame->node.items, c->pile + frame->first, n * sizeof(struct node));
	c->n_pile = frame->first;
	if (frame->anchor)
		c->anchors[frame->anchor - 1] =
			(struct anchor){ frame->node, frame->expanded, frame->height, false };
	c->depth--;
	return place_node(c, &frame->node, frame->expanded, frame->height);
}

static bool on_alias(struct composer *c, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct node here = node_of(c, event, NODE_SCALAR);
	const uint32_t *index = table_find(&c->anchor_names, name);
	const struct anchor *anchor = index ? &c->anchors[*index - 1] : NULL;
	struct place at = { here.at, (uint32_t)strlen(name) + 1 };

	if (!anchor || anchor->is_open) {
		diag_error(c->diags, at, NULL,
		           anchor ? "the alias '*%s' stands inside its own anchor"
		                  : "no anchor '&%s' stands before this alias",
		           diag_show(c->diags, name));
		return false;
	}
	if (c->depth + anchor->height > NODE_DEPTH_MAX)
		return too_deep(c, at);
	c->n_expanded += anchor->expanded;
	if (c->n_expanded > NODE_EXPANSION_FACTOR * c->n_source + NODE_EXPANSION_FREE) {
		diag_error(c->diags, at, NULL,
		           "the aliases stand for too much: more than %d times the "
		           "document, plus %d",
		           NODE_EXPANSION_FACTOR, NODE_EXPANSION_FREE);
		return false;
	}
	here = anchor->node;
	here.at = at.at;
	here.width = at.width & 0x3ffffff;
	return place_node(c, &here, anchor->expanded, anchor->height);
}

static bool on_document(struct composer *c, const yaml_event_t *event)
{
	struct place at = { mark_of(event->start_mark), 3 };

	if (!c->has_root)
		return true;
	diag_error(c->diags, at, "keep one workflow in one file",
	           "a second YAML document begins here");
	return false;
}

static bool on_event(struct composer *c, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(c, event);
	case YAML_ALIAS_EVENT:
		return on_alias(c, event);
	case YAML_SCALAR_EVENT:
		return on_scalar(c, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(c, event, NODE_LIST, event->data.sequence_start.anchor,
		                       event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_collection(c, event, NODE_MAP, event->data.mapping_start.anchor,
		                       event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_collection(c);
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return true;
}

static bool compose(struct composer *c, yaml_parser_t *parser)
{
	for (bool more = true; more;) {
		yaml_event_t event;
		bool is_fine = false;

		if (!yaml_parser_parse(parser, &event)) {
			if (parser->error == YAML_MEMORY_ERROR)
				c->tree->fault = ARENA_NO_MEMORY;
			else
				syntax_explain(c->syntax, parser);
			return false;
		}
		more = event.type != YAML_STREAM_END_EVENT;
		is_fine = on_event(c, &event);
		yaml_event_delete(&event);
		if (!is_fine)
			return false;
	}
	return true;
}

bool node_parse(const char *text, size_t len, struct diags *d, struct arena *tree,
                const struct node **ret_root)
{
	struct syntax syntax = { .text = text, .len = len, .diags = d };
	struct composer *c = NULL;
	yaml_parser_t parser;
	bool is_fine = false;

	if (!syntax_check_bytes(&syntax))
		return false;
	c = arena_alloc(tree, sizeof(*c));
	if (!c)
		return false;
	c->diags = d;
	c->tree = tree;
	c->syntax = &syntax;
	table_init(&c->anchor_names, tree);
	if (!yaml_parser_initialize(&parser)) {
		tree->fault = ARENA_NO_MEMORY;
		return false;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)syntax.text, syntax.len);
	is_fine = compose(c, &parser);
	yaml_parser_delete(&parser);
	*ret_root = c->has_root ? &c->root : NULL;
	return is_fine;
}
