#include "base/near.h"

#include <string.h>

enum { NEAR_MAX = 64 }; /* longer names are compared by their first bytes */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t near_distance(const char *a, const char *b, size_t most)
{
	size_t rows[3][NEAR_MAX + 1];
	size_t la = strnlen(a, NEAR_MAX);
	size_t lb = strnlen(b, NEAR_MAX);

	if ((la > lb ? la - lb : lb - la) > most)
		return most + 1;
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
	return least(rows[la % 3][lb], most + 1);
}

size_t near_limit(const char *a)
{
	return least(strlen(a) / 3 + (strlen(a) == 2), 3);
}
