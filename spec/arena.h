/*
 * Memory that is given back all at once: one arena for a document's model, one for the tree that
 * it is read from.
 *
 *	arena_init(&a, allocator, limit);
 *	p = arena_alloc(&a, size);        NULL: memory is gone or the limit is reached
 *	...
 *	arena_release(&a);
 *
 * A failure sticks: every later call fails too, and `fault` says why.  So a reader may leave early
 * wherever it gets NULL, and the entry point looks once, at the end.
 */
#ifndef SPEC_ARENA_H
#define SPEC_ARENA_H

#include <stddef.h>

/* Where blocks come from; tests make the n-th one fail. */
struct spec_allocator {
	void *(*alloc)(void *context, size_t size);
	void (*free)(void *context, void *p);
	void *context;
};

enum arena_fault {
	ARENA_FINE,
	ARENA_NO_MEMORY, /* the allocator said no */
	ARENA_TOO_BIG,   /* the arena's own limit */
};

struct arena_block;

struct arena {
	const struct spec_allocator *allocator; /* kept */
	struct arena_block *blocks;             /* the newest first */
	char *next;
	size_t left;
	size_t room; /* bytes that may still be asked for */
	enum arena_fault fault;
};

extern const struct spec_allocator spec_allocator_default; /* malloc, free */

void arena_init(struct arena *a, const struct spec_allocator *allocator, size_t limit);
void arena_release(struct arena *a);

/* Zeroed memory, aligned for anything. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t n, size_t size);

/* A copy of LEN bytes and a NUL after them. */
char *arena_text(struct arena *a, const char *text, size_t len);

#endif
