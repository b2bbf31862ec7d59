#include "spec/near.h"

#include <string.h>

enum {
	NEAR_LENGTH = 48, /* longer names are not compared */
	NEAR_EDITS = 3,
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Edit distance with transpositions (optimal string alignment), ASCII case ignored. */
static size_t distance(const char *a, size_t la, const char *b, size_t lb)
{
	size_t rows[3][NEAR_LENGTH + 1];

	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *row = rows[i % 3];
		const size_t *up = rows[(i + 2) % 3];
		const size_t *up2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t cost = lower(a[i - 1]) != lower(b[j - 1]);

			row[j] = least(least(up[j] + 1, row[j - 1] + 1), up[j - 1] + cost);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = least(row[j], up2[j - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}

void near_init(struct near *near, const char *wanted)
{
	size_t len = strlen(wanted);

	*near = (struct near){ .wanted = wanted };
	near->distance = least(len / 3 + (len == 2), NEAR_EDITS) + 1;
}

void near_offer(struct near *near, const char *known)
{
	size_t la = strnlen(near->wanted, NEAR_LENGTH + 1);
	size_t lb = strnlen(known, NEAR_LENGTH + 1);
	size_t d = 0;

	if (la > NEAR_LENGTH || lb > NEAR_LENGTH)
		return;
	if ((la > lb ? la - lb : lb - la) >= near->distance)
		return;
	d = distance(near->wanted, la, known, lb);
	if (d < near->distance) {
		near->best = known;
		near->distance = d;
	}
}
