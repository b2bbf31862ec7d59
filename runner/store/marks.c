#include "store/marks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { MARKS_FIRST = 1024 };

/* Digests are spread evenly already. */
static struct mark *find(const struct marks *m, char kind, const struct digest *digest)
{
	uint64_t hash;
	size_t at;

	memcpy(&hash, digest->b, sizeof hash);
	at = (size_t)(hash + (unsigned char)kind) & (m->cap - 1);
	while (m->slot[at].kind &&
	       (m->slot[at].kind != kind || !digest_equal(&m->slot[at].digest, digest)))
		at = (at + 1) & (m->cap - 1);
	return &m->slot[at];
}

static void grow(struct marks *m)
{
	struct marks bigger = { .cap = m->cap ? m->cap * 2 : MARKS_FIRST, .len = m->len };

	bigger.slot = xcalloc(bigger.cap, sizeof *bigger.slot);
	for (size_t i = 0; i < m->cap; i++)
		if (m->slot[i].kind)
			*find(&bigger, m->slot[i].kind, &m->slot[i].digest) = m->slot[i];
	free(m->slot);
	*m = bigger;
}

bool marks_add(struct marks *m, char kind, const struct digest *digest)
{
	struct mark *slot;

	if (m->len * 3 >= m->cap * 2)
		grow(m);
	slot = find(m, kind, digest);
	if (slot->kind)
		return false;
	*slot = (struct mark){ .kind = kind, .digest = *digest };
	m->len++;
	return true;
}

bool marks_has(const struct marks *m, char kind, const struct digest *digest)
{
	return m->cap > 0 && find(m, kind, digest)->kind != 0;
}

void marks_release(struct marks *m)
{
	free(m->slot);
	*m = (struct marks){ 0 };
}
