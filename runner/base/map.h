/* A hash map from strings to pointers.  Keys are copied; values are the caller's. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>

struct map {
	struct map_slot *slot;
	size_t cap; /* a power of two, or 0 */
	size_t len;
};

#define MAP_INIT ((struct map){ 0 })

/* Sets KEY to a value that is not NULL; returns the value that was there before, or NULL. */
void *map_set(struct map *m, const char *key, void *value);

/* The value, borrowed, or NULL. */
void *map_find(const struct map *m, const char *key);

/* Walks it in no special order: start with *pos = 0; NULL at the end. */
const char *map_next(const struct map *m, size_t *pos, void **ret_value);

/* Frees the keys and the table; calls free_value, if there is one, for each value. */
void map_release(struct map *m, void (*free_value)(void *));

#endif
