#include "executor/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "executor/attempt.h"
#include "executor/program.h"
#include "executor/spawn.h"
#include "executor/works.h"

/* A checked program: an OCI runtime, or bwrap. */
struct checked {
	const char *path, *home, *shim, *init;
};

#ifndef MFD_EXEC /* Linux 6.3 */
#define MFD_EXEC 0x0010U
#endif

static bool copies_itself(const char *runtime)
{
	const char *name = strrchr(runtime, '/') + 1; /* it is an absolute path */

	return strcmp(name, "crun") == 0 || strcmp(name, "runc") == 0;
}

/* A script's interpreter would not find it. */
static bool is_binary(int fd)
{
	static const char magic[] = { 0x7f, 'E', 'L', 'F' };
	char begin[sizeof magic];

	return pread(fd, begin, sizeof begin, 0) == (ssize_t)sizeof begin &&
	       memcmp(begin, magic, sizeof magic) == 0;
}

/* Kernels before 6.3 do not know MFD_EXEC, and need no such word. */
static int open_memory(void)
{
	int fd = memfd_create("runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	return fd < 0 && errno == EINVAL ? memfd_create("runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING)
	                                 : fd;
}

int runtime_copy(const char *runtime, int lowest)
{
	AUTO_FD int in = copies_itself(runtime) ? open(runtime, O_RDONLY | O_CLOEXEC) : -1;
	AUTO_FD int memory = -1;
	AUTO_FD int copy = -1;
	char path[32];

	if (in < 0 || !is_binary(in))
		return -1;
	memory = open_memory();
	if (memory < 0 || io_copy(in, memory) < 0 ||
	    fcntl(memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
	            0)
		return -1;
	/* What somebody has open for writing is not executed. */
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
	copy = open(path, O_RDONLY | O_CLOEXEC);
	return copy < 0 ? -1 : fcntl(copy, F_DUPFD_CLOEXEC, lowest);
}

/* Waits for this one child alone: all others are the loop's. */
static int run_shim(const char *shim, const char *runtime, const char *dir, int orders,
                    struct error *err)
{
	AUTO_FD int go = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	struct spawner spawner = SPAWNER_INIT(shim, runtime);
	const struct spawn how = { &spawner, "check", dir, .told = -1, .orders = orders, .go = go };
	pid_t pid = go < 0 ? -errno : spawn_shim(&how);
	int rc = pid < 0 ? error_sys(err, pid, "cannot start the shim '%s'", shim) : 0;

	while (rc == 0 && waitpid(pid, NULL, 0) < 0)
		if (errno != EINTR)
			rc = error_sys(err, errno, "cannot wait for the shim '%s'", shim);
	spawner_release(&spawner);
	return rc;
}

static int try_in(const char *dir, const struct checked *c, struct error *err)
{
	static const char *const command[] = { "true", NULL };
	const char *id = strrchr(dir, '/') + 1;
	const struct request request = { .id = id, .dir = dir, .root = ROOT_HOST, .args = command };
	const struct launch launch = {
		.request = &request, .runtime = c->path, .init = c->init, .machine_without = c->home
	};
	struct attempt_result result = { 0 };
	AUTO_FD int orders = -1;
	int rc = launch_orders(&launch, &orders, err);

	if (rc == 0)
		rc = run_shim(c->shim, c->path, dir, orders, err);
	if (rc == 0)
		rc = attempt_read_result(dir, &result, err);
	if (rc < 0)
		return rc;
	if (result.end == ATTEMPT_ERROR)
		return error_set(err, SLUICE_MISSING, "%s", result.error.msg);
	if (result.end != ATTEMPT_EXITED || result.exit_code != 0)
		return error_set(err, SLUICE_MISSING, "'true' did not succeed in a container");
	return 0;
}

static int check(const struct checked *c, struct error *err)
{
	const struct works works = { c->home, c->init ? "bwrap" : "runtime", { c->path, c->shim } };
	/* Also the container's id; mkdtemp's letters would not do for one. */
	AUTO_FREE char *dir = xasprintf("%s/tmp/check-%d", c->home, (int)getpid());
	int rc;

	if (works_is_known(&works))
		return 0;
	(void)!io_remove_tree(AT_FDCWD, dir); /* of one that was killed */
	rc = io_mkdirs(dir, 0700);
	if (rc < 0)
		return error_sys(err, rc, "cannot make '%s'", dir);
	rc = try_in(dir, c, err);
	(void)!io_remove_tree(AT_FDCWD, dir);
	if (rc == 0)
		works_note(&works);
	return rc;
}

/* What to do where none works. */
static int none_works(const char *wanted, const char *init, const char *answers, struct error *err)
{
	if (wanted)
		return error_set(err, SLUICE_MISSING, "the runtime '%s' does not work here: %s",
		                 wanted, answers);
	if (init)
		return error_set(err, SLUICE_MISSING,
		                 "bubblewrap does not work here (%s); it is installed for instance "
		                 "by 'apt-get install bubblewrap'",
		                 answers);
	return error_set(err, SLUICE_MISSING,
	                 "no container runtime works here (%s); install crun or runc, for "
	                 "instance by 'apt-get install crun'",
	                 answers);
}

int runtime_find(const char *wanted, const char *home, const char *shim, const char *init,
                 char **ret_path, struct error *err)
{
	const char *const names[] = { wanted ? wanted
		                      : init ? "bwrap"
		                             : "crun",
		                      wanted || init ? NULL : "runc" };
	AUTO_STRBUF struct strbuf answers = STRBUF_INIT(STRBUF_BIG);

	for (size_t i = 0; i < sizeof names / sizeof *names && names[i]; i++) {
		AUTO_FREE char *path = program_find(names[i]);
		const struct checked c = { path, home, shim, init };
		struct error one;

		if (!path)
			(void)error_set(&one, SLUICE_MISSING, "%s: not found", names[i]);
		else if (check(&c, &one) == 0) {
			*ret_path = take_ptr(&path);
			return 0;
		}
		strbuf_addf(&answers, "%s%.300s", answers.len > 0 ? "; " : "", one.msg);
	}
	return none_works(wanted, init, strbuf_str(&answers), err);
}
