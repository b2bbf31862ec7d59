#include "base/mountinfo.h"

#include <stdlib.h>
#include <string.h>

/* "36 35 98:0 /root /mount/point options [tags...] - type source options" */
enum { ROOT_FIELD = 3 };

/* Copies a field up to its blank, with \040 and the like turned back; returns what comes after the
 * blank, or NULL if it is empty or too long. */
static const char *copy_field(const char *p, char *buf, size_t size)
{
	size_t n = 0;

	for (; *p && *p != ' ' && *p != '\n'; p++) {
		if (n + 1 >= size)
			return NULL;
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
		    p[3] >= '0' && p[3] <= '7') {
			buf[n++] = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			p += 3;
		} else {
			buf[n++] = *p;
		}
	}
	buf[n] = '\0';
	return n > 0 ? p + (*p == ' ') : NULL;
}

static bool parse_line(const char *line, const char *end, struct mountinfo *m)
{
	const char *dash = memmem(line, (size_t)(end - line), " - ", 3);
	const char *p = line;

	m->id = strtoull(line, NULL, 10);
	for (int i = 0; p && i < ROOT_FIELD; i++) {
		p = memchr(p, ' ', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	if (!p || !dash || p >= dash)
		return false;
	p = copy_field(p, m->root, sizeof m->root);
	return p && p < dash && copy_field(p, m->point, sizeof m->point) &&
	       copy_field(dash + 3, m->type, sizeof m->type);
}

bool mountinfo_next(const char **at, struct mountinfo *ret_mount)
{
	while (**at) {
		const char *line = *at;
		const char *end = line + strcspn(line, "\n");

		*at = *end ? end + 1 : end;
		if (parse_line(line, end, ret_mount))
			return true;
	}
	return false;
}
