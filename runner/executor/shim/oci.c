#include "executor/shim/oci.h"

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "executor/argv.h"
#include "executor/bundle.h"
#include "executor/shim/ops.h"

static int spawn(const char *copy, const char *const *argv, int out, int errfd, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, errfd, STDERR_FILENO);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(ret_pid, copy, &actions, &attr, argv_exec(argv), environ);
	if (rc != 0) /* there is none, or this machine executes nothing in memory */
		rc = posix_spawn(ret_pid, argv[0], &actions, &attr, argv_exec(argv), environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

/* By its number the copy would be called "8" in lists of processes.  The link goes with the bundle.
 */
static char *name_copy(const char *bundle, const char *runtime)
{
	char *link = xasprintf("%s/%s", bundle, strrchr(runtime, '/') + 1);

	if (symlink(SHIM_RUNTIME_COPY, link) == 0)
		return link;
	free(link);
	return xstrdup(SHIM_RUNTIME_COPY);
}

/* Absolute paths: crun goes to the bundle before it looks at them, runc after. */
int oci_start(const struct orders *o, const char *pid_file, const char *log_file, int out,
              int errfd, pid_t *ret_pid)
{
	AUTO_FREE char *dir = getcwd(NULL, 0);
	AUTO_FREE char *bundle = xasprintf("%s/" BUNDLE_DIR, dir ? dir : ".");
	AUTO_FREE char *state = xasprintf("%s/" BUNDLE_STATE, bundle);
	AUTO_FREE char *log = xasprintf("%s/%s", dir ? dir : ".", log_file);
	AUTO_FREE char *pid = xasprintf("%s/%s", dir ? dir : ".", pid_file);
	AUTO_FREE char *copy = name_copy(bundle, o->runtime);
	const char *const argv[] = { o->runtime, "--root",       state,  "--log",
		                     log,        "--log-format", "json", "run",
		                     "--detach", "--pid-file",   pid,    "--bundle",
		                     bundle,     o->id,          NULL };

	return spawn(copy, argv, out, errfd, ret_pid);
}
