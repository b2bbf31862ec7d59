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

struct list {
	char **path;
	size_t len, cap;
};

static void list_add(struct list *list, const char *path)
{
	list->path = xgrow(list->path, list->len, &list->cap, sizeof *list->path);
	list->path[list->len++] = xstrdup(path);
}

static char **list_end(struct list *list)
{
	list->path = xgrow(list->path, list->len, &list->cap, sizeof *list->path);
	list->path[list->len] = NULL;
	return list->path;
}

static bool list_has(const struct list *list, const char *path)
{
	for (size_t i = 0; i < list->len; i++)
		if (strcmp(list->path[i], path) == 0)
			return true;
	return false;
}

static bool list_covers(const struct list *list, const char *path)
{
	for (size_t i = 0; i < list->len; i++)
		if (is_below(path, list->path[i]))
			return true;
	return false;
}

/* What is mounted inside something hidden has no place to be shown at. */
static void sort_out(const char *path, const char *type, struct list *shown, struct list *hidden)
{
	if (strcmp(path, "/") == 0)
		return;
	if (is_hidden(path, type) || list_covers(hidden, path))
		list_add(hidden, path);
	else if (shown->len < HOST_MOUNTS_MAX && !list_has(shown, path))
		list_add(shown, path);
}

char **host_mounts_find(const char *mountinfo)
{
	struct list shown = { 0 }, hidden = { 0 };
	const char *line = mountinfo;

	while (*line) {
		const char *end = line + strcspn(line, "\n");
		char path[PATH_MAX], type[TYPE_SIZE];

		if (parse_line(line, end, path, type))
			sort_out(path, type, &shown, &hidden);
		line = *end ? end + 1 : end;
	}
	host_mounts_free(list_end(&hidden));
	return list_end(&shown);
}

void host_mounts_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}
