/* Strings to numbers: open addressing, memory from an arena, nothing is ever removed. */
#ifndef SPEC_TABLE_H
#define SPEC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct table_slot {
	const char *key; /* NULL: free */
	uint32_t hash, value;
};

struct table {
	struct arena *arena;
	struct table_slot *slots;
	size_t capacity, n; /* capacity is a power of two, or 0 */
};

void table_init(struct table *t, struct arena *arena /* kept */);

/* The value of KEY, or NULL. */
uint32_t *table_find(const struct table *t, const char *key);

/* The value of KEY (kept), which is VALUE if the key is new; NULL: memory is gone. */
uint32_t *table_put(struct table *t, const char *key, uint32_t value);

#endif
