/* A set of objects: kind and digest.  Pure. */
#ifndef STORE_MARKS_H
#define STORE_MARKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"

struct mark {
	char kind; /* 0: a free slot */
	struct digest digest;
};

struct marks {
	struct mark *slot;
	size_t cap; /* a power of two, or 0 */
	size_t len;
};

/* Returns false if it was there before. */
bool marks_add(struct marks *m, char kind, const struct digest *digest);
bool marks_has(const struct marks *m, char kind, const struct digest *digest);
void marks_release(struct marks *m);

#endif
