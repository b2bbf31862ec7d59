#include "spec/table.h"

#include <string.h>

#include "spec/arena.h"

enum { TABLE_MIN = 16 };

/* FNV-1a, with a last mix since only the low bits are used. */
static uint32_t hash_of(const char *key)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 0x100000001b3;
	return (uint32_t)(hash ^ hash >> 32);
}

static struct table_slot *slot_of(const struct table *t, const char *key, uint32_t hash)
{
	size_t i = hash & (t->capacity - 1);

	while (t->slots[i].key && (t->slots[i].hash != hash || strcmp(t->slots[i].key, key) != 0))
		i = (i + 1) & (t->capacity - 1);
	return &t->slots[i];
}

static bool grow(struct table *t)
{
	struct table bigger = *t;

	bigger.capacity = t->capacity ? 2 * t->capacity : TABLE_MIN;
	bigger.slots = arena_array(t->arena, bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < t->capacity; i++) {
		const struct table_slot *slot = &t->slots[i];

		if (slot->key)
			*slot_of(&bigger, slot->key, slot->hash) = *slot;
	}
	*t = bigger;
	return true;
}

void table_init(struct table *t, struct arena *arena)
{
	*t = (struct table){ .arena = arena };
}

uint32_t *table_find(const struct table *t, const char *key)
{
	struct table_slot *slot = NULL;

	if (t->capacity == 0)
		return NULL;
	slot = slot_of(t, key, hash_of(key));
	return slot->key ? &slot->value : NULL;
}

uint32_t *table_put(struct table *t, const char *key, uint32_t value)
{
	uint32_t hash = hash_of(key);
	struct table_slot *slot = NULL;

	if (t->n >= t->capacity / 4 * 3 && !grow(t))
		return NULL;
	slot = slot_of(t, key, hash);
	if (!slot->key) {
		*slot = (struct table_slot){ key, hash, value };
		t->n++;
	}
	return &slot->value;
}
