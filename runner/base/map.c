#include "base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct map_slot {
	char *key; /* NULL: free */
	void *value;
	uint64_t hash;
};

/* FNV-1a, 64 bits (public domain, Fowler, Noll and Vo). */
static uint64_t hash_of(const char *s)
{
	uint64_t h = 14695981039346656037U;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211U;
	return h;
}

static struct map_slot *slot_of(const struct map *m, const char *key, uint64_t hash)
{
	size_t i = (size_t)hash & (m->cap - 1);

	while (m->slot[i].key && (m->slot[i].hash != hash || strcmp(m->slot[i].key, key) != 0))
		i = (i + 1) & (m->cap - 1);
	return &m->slot[i];
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->cap = old.cap ? old.cap * 2 : 16;
	m->slot = xcalloc(m->cap, sizeof *m->slot);
	for (size_t i = 0; i < old.cap; i++)
		if (old.slot[i].key)
			*slot_of(m, old.slot[i].key, old.slot[i].hash) = old.slot[i];
	free(old.slot);
}

void *map_set(struct map *m, const char *key, void *value)
{
	uint64_t hash = hash_of(key);
	struct map_slot *s;
	void *before;

	if (m->len * 2 >= m->cap)
		grow(m);
	s = slot_of(m, key, hash);
	before = s->value;
	if (!s->key) {
		s->key = xstrdup(key);
		s->hash = hash;
		m->len++;
	}
	s->value = value;
	return before;
}

void *map_find(const struct map *m, const char *key)
{
	return m->cap ? slot_of(m, key, hash_of(key))->value : NULL;
}

const char *map_next(const struct map *m, size_t *pos, void **ret_value)
{
	while (*pos < m->cap) {
		const struct map_slot *s = &m->slot[(*pos)++];

		if (s->key) {
			*ret_value = s->value;
			return s->key;
		}
	}
	return NULL;
}

void map_release(struct map *m, void (*free_value)(void *))
{
	for (size_t i = 0; i < m->cap; i++) {
		if (!m->slot[i].key)
			continue;
		free(m->slot[i].key);
		if (free_value)
			free_value(m->slot[i].value);
	}
	free(m->slot);
	*m = MAP_INIT;
}
