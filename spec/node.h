/*
 * YAML text as a tree of small nodes, every one with its place.
 *
 *	node_parse(&source, &tree, &root)    false: see the diagnostics and the arenas' faults
 *
 * The tree lives in one arena and its strings in another, so that the tree may go when the model
 * stands.  Aliases share their anchor's children; merge keys are resolved; what is an error in
 * YAML, or is more than the limits allow, is a diagnostic.
 */
#ifndef SPEC_NODE_H
#define SPEC_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/diag.h"

enum {
	NODE_TEXT_MAX = 64 * 1024 * 1024,
	NODE_DEPTH_MAX = 64,
	NODE_EXPANSION_FACTOR = 10,
	NODE_EXPANSION_FREE = 10000,
};

enum node_kind {
	NODE_NONE, /* a key that a later one replaced */
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
};

enum node_style {
	NODE_PLAIN, /* the only style that may be null, a number or a boolean */
	NODE_QUOTED,
	NODE_BLOCK,
};

struct node {
	struct spec_mark at;
	uint32_t n;          /* items, entries, or bytes of text */
	uint32_t width : 26; /* characters on its first line */
	uint32_t kind : 2;   /* enum node_kind */
	uint32_t style : 2;  /* enum node_style */
	uint32_t merged : 1; /* a key that came through `<<` and may be replaced in silence */
	union {
		const char *text;   /* no NUL inside, one after it */
		struct node *items; /* of a map: key, value, key, value ... */
	};
};

/* Parses TEXT; strings go to D's arena, nodes to TREE.  *RET_ROOT is NULL for an empty document. */
bool node_parse(const char *text, size_t len, struct diags *d, struct arena *tree,
                const struct node **ret_root);

struct place node_place(const struct node *node);

/* A plain scalar that YAML reads as nothing at all: empty, `~` or `null`. */
bool node_is_null(const struct node *node);

enum node_type { NODE_STRING, NODE_NULL, NODE_BOOL, NODE_NUMBER };

/* What YAML 1.1 or 1.2 would take a scalar for: the service's two front ends differed. */
enum node_type node_scalar_type(const struct node *node);

/* Of a boolean: is it the true one? */
bool node_is_true(const struct node *node);

/* "a list", "a number", ...: what stands there. */
const char *node_what(const struct node *node);

#endif
