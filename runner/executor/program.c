#include "executor/program.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/xalloc.h"

#define SEARCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static char *search(const char *name, const char *dirs)
{
	while (dirs && *dirs) {
		size_t len = strcspn(dirs, ":");
		AUTO_FREE char *path = xasprintf("%.*s/%s", (int)len, dirs, name);

		if (path[0] == '/' && is_program(path))
			return take_ptr(&path);
		dirs += len + (dirs[len] == ':');
	}
	return NULL;
}

char *program_find(const char *name)
{
	char *found;

	if (strchr(name, '/'))
		return realpath(name, NULL);
	found = search(name, getenv("PATH"));
	return found ? found : search(name, SEARCH_PATH);
}
