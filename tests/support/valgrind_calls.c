/*
 * System calls that valgrind 3.19 does not know, for a sluice under it; preloaded.  openat2() is
 * made of openat() and holds no path below its directory: it is for input that is trusted.  A pidfd
 * is the end of a pipe, whose other end pidfd_wait, which is not watched, closes with the process.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What sluice starts is not watched. */
__attribute__((constructor)) static void begin(void)
{
	if (strcmp(program_invocation_short_name, "sluice") == 0)
		(void)unsetenv("LD_PRELOAD");
}

static int open_plainly(int dirfd, const char *path, const struct open_how *how)
{
	int flags = (int)how->flags | ((how->resolve & RESOLVE_NO_SYMLINKS) ? O_NOFOLLOW : 0);

	if (how->resolve & RESOLVE_IN_ROOT)
		path += strspn(path, "/");
	return openat(dirfd, *path ? path : ".", flags, (mode_t)how->mode);
}

long syscall(long number, ...)
{
	long (*next)(long, ...);
	void *symbol = dlsym(RTLD_NEXT, "syscall");
	long arg[6];
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < sizeof arg / sizeof *arg; i++)
		arg[i] = va_arg(list, long); /* registers: reading more than were given is safe */
	va_end(list);
	if (number == SYS_openat2) {
		const char *path;
		const struct open_how *how;

		memcpy(&path, &arg[1], sizeof path);
		memcpy(&how, &arg[2], sizeof how);
		return open_plainly((int)arg[0], path, how);
	}
	memcpy(&next, &symbol, sizeof next);
	return next(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

int pidfd_open(pid_t pid, unsigned flags)
{
	char name[] = "pidfd_wait";
	char number[16];
	char *argv[] = { name, number, NULL };
	posix_spawn_file_actions_t actions;
	pid_t waiter;
	int end[2];
	int rc;

	(void)flags;
	(void)snprintf(number, sizeof number, "%d", pid);
	if (pipe2(end, O_CLOEXEC) != 0)
		return -1;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, end[1], STDOUT_FILENO);
	rc = posix_spawn(&waiter, PIDFD_WAIT, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(end[1]);
	if (rc == 0)
		return end[0];
	(void)close(end[0]);
	errno = rc;
	return -1;
}
