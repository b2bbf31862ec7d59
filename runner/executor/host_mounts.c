#include "executor/host_mounts.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { TYPE_SIZE = 32 };

/* A container has its own of these, or must not see the machine's (sockets lie below /run). */
static const char *const hidden_dirs[] = { "/proc", "/sys", "/dev", "/run", "/var/run" };

static const char *const hidden_types[] = { "autofs",     "binfmt_misc", "devpts",  "devtmpfs",
	                                    "mqueue",     "nsfs",        "overlay", "proc",
	                                    "rpc_pipefs", "sysfs" };

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static bool is_hidden(const char *path, const char *type)
{
	if (strcmp(path, "/") == 0)
		return true;
	for (size_t i = 0; i < sizeof hidden_dirs / sizeof *hidden_dirs; i++)
		if (is_below(path, hidden_dirs[i]))
			return true;
	for (size_t i = 0; i < sizeof hidden_types / sizeof *hidden_types; i++)
		if (strcmp(type, hidden_types[i]) == 0)
			return true;
	return false;
}

/* Copies a field up to its blank, with \040 and the like turned back; false if it is too long. */
static bool copy_field(const char *p, char *buf, size_t size)
{
	size_t n = 0;

	for (; *p && *p != ' ' && *p != '\n'; p++) {
		if (n + 1 >= size)
			return false;
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
		    p[3] >= '0' && p[3] <= '7') {
			buf[n++] = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			p += 3;
		} else {
			buf[n++] = *p;
		}
	}
	buf[n] = '\0';
	return n > 0;
}

/* "36 35 98:0 /root /mount/point options [tags...] - type source options" */
static bool parse_line(const char *line, const char *end, char *path, char *type)
{
	enum { POINT_FIELD = 4 };
	const char *dash = memmem(line, (size_t)(end - line), " - ", 3);
	const char *p = line;

	for (int i = 0; p && i < POINT_FIELD; i++) {
		p = memchr(p, ' ', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	return p && dash && p < dash && copy_field(p, path, PATH_MAX) &&
	       copy_field(dash + 3, type, TYPE_SIZE);
}

static bool has(char *const *list, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], path) == 0)
			return true;
	return false;
}

char **host_mounts_find(const char *mountinfo)
{
	char **list = xcalloc(HOST_MOUNTS_MAX + 1, sizeof *list);
	const char *line = mountinfo;
	size_t n = 0;

	while (*line && n < HOST_MOUNTS_MAX) {
		const char *end = line + strcspn(line, "\n");
		char path[PATH_MAX], type[TYPE_SIZE];

		if (parse_line(line, end, path, type) && !is_hidden(path, type) &&
		    !has(list, n, path))
			list[n++] = xstrdup(path);
		line = *end ? end + 1 : end;
	}
	return list;
}

void host_mounts_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}
