#include "spec/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCK_MIN = 4096,
	BLOCK_MAX = 256 * 1024,
	ALIGN = alignof(max_align_t),
};

struct arena_block {
	struct arena_block *older;
	size_t size;
	alignas(max_align_t) char bytes[];
};

static void *default_alloc(void *context, size_t size)
{
	(void)context;
	return malloc(size);
}

static void default_free(void *context, void *p)
{
	(void)context;
	free(p);
}

const struct spec_allocator spec_allocator_default = { default_alloc, default_free, NULL };

void arena_init(struct arena *a, const struct spec_allocator *allocator, size_t limit)
{
	*a = (struct arena){ .allocator = allocator, .room = limit };
}

void arena_release(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *block = a->blocks;

		a->blocks = block->older;
		a->allocator->free(a->allocator->context, block);
	}
	a->next = NULL;
	a->left = 0;
}

static struct arena_block *block_new(struct arena *a, size_t size)
{
	struct arena_block *block = NULL;

	if (size > a->room) {
		a->fault = ARENA_TOO_BIG;
		return NULL;
	}
	block = a->allocator->alloc(a->allocator->context, sizeof(*block) + size);
	if (!block) {
		a->fault = ARENA_NO_MEMORY;
		return NULL;
	}
	a->room -= size;
	block->size = size;
	block->older = a->blocks;
	a->blocks = block;
	return block;
}

/* Blocks double, so that a small document stays small and a large one needs few of them. */
static size_t next_size(const struct arena *a)
{
	size_t size = a->blocks ? 2 * a->blocks->size : BLOCK_MIN;

	if (size < BLOCK_MIN)
		size = BLOCK_MIN;
	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	return size < a->room ? size : a->room;
}

static void *take(struct arena *a, size_t size)
{
	void *p = NULL;

	if (a->fault)
		return NULL;
	if (size > a->left) {
		size_t usual = next_size(a);
		struct arena_block *block = block_new(a, size > usual / 2 ? size : usual);

		if (!block)
			return NULL;
		/* A large piece has its own block, and the open one stays open. */
		if (block->size == size)
			return block->bytes;
		a->next = block->bytes;
		a->left = block->size;
	}
	p = a->next;
	a->next += size;
	a->left -= size;
	return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t skip = (size_t)(-(uintptr_t)a->next & (ALIGN - 1));
	void *p = NULL;

	if (skip > a->left) {
		a->left = 0;
	} else if (skip > 0) { /* `next` may be NULL else */
		a->next += skip;
		a->left -= skip;
	}
	p = take(a, size ? size : 1);
	return p ? memset(p, 0, size) : NULL;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes = 0;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		a->fault = ARENA_TOO_BIG;
		return NULL;
	}
	return arena_alloc(a, bytes);
}

char *arena_text(struct arena *a, const char *text, size_t len)
{
	char *copy = take(a, len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}
