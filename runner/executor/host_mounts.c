#include "executor/host_mounts.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mountinfo.h"
#include "base/xalloc.h"

/* A container has its own of these, or must not see the machine's (sockets lie below /run). */
static const char *const hidden_dirs[] = { "/proc", "/sys", "/dev", "/run", "/var/run" };

static const char *const hidden_types[] = { "autofs",     "binfmt_misc", "devpts",  "devtmpfs",
	                                    "mqueue",     "nsfs",        "overlay", "proc",
	                                    "rpc_pipefs", "sysfs" };

static bool is_hidden(const char *path, const char *type)
{
	for (size_t i = 0; i < sizeof hidden_dirs / sizeof *hidden_dirs; i++)
		if (io_is_below(path, hidden_dirs[i]))
			return true;
	for (size_t i = 0; i < sizeof hidden_types / sizeof *hidden_types; i++)
		if (strcmp(type, hidden_types[i]) == 0)
			return true;
	return false;
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
		if (io_is_below(path, list->path[i]))
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
	struct mountinfo mount;

	for (const char *at = mountinfo; mountinfo_next(&at, &mount);)
		sort_out(mount.point, mount.type, &shown, &hidden);
	host_mounts_free(list_end(&hidden));
	return list_end(&shown);
}

void host_mounts_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}
