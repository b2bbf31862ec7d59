/*
 * Stops a program, or lets a call fail, at the k-th call that changes a file system.  Preloaded:
 *
 *	LD_PRELOAD=libfault.so FAULT=HOW:K PROGRAM
 *
 * HOW is `kill` (SIGKILL instead of the call), `EIO` (this one call fails) or `ENOSPC` (this and
 * all later ones but removals fail: a full disk stays full).  With FAULT_COUNT=FILE the number of
 * such calls is written to FILE when the program ends.
 *
 * Seen is what goes through the C library's functions, also openat2() by way of syscall(); not
 * seen is what the C library does inside (stdio) and what is written to mapped memory (the index
 * of SQLite's write-ahead log, which is made anew after a crash).
 */
/* Both names of each function are wanted, and as functions. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_ulong calls;
static unsigned long at; /* 0: never */
static int error;        /* 0: kill */

__attribute__((constructor)) static void begin(void)
{
	const char *fault = getenv("FAULT");
	const char *colon = fault ? strchr(fault, ':') : NULL;

	if (!colon)
		return;
	at = strtoul(colon + 1, NULL, 10);
	error = strncmp(fault, "ENOSPC", 6) == 0 ? ENOSPC : strncmp(fault, "EIO", 3) == 0 ? EIO : 0;
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAULT_COUNT");
	FILE *f = path ? fopen(path, "we") : NULL;

	if (!f)
		return;
	(void)fprintf(f, "%lu\n", atomic_load(&calls));
	(void)fclose(f);
}

/* Whether this call is to fail; errno says why. */
static bool fails(bool removal)
{
	unsigned long call = atomic_fetch_add(&calls, 1) + 1;

	if (at == 0 || call < at || (call > at && (error != ENOSPC || removal)))
		return false;
	if (error == 0)
		(void)kill(getpid(), SIGKILL);
	errno = error;
	return !(removal && error == ENOSPC);
}

/* Defines `name` as a wrapper of the next function of that name. */
#define WRAP(ret, name, removal, params, args)          \
	ret name params                                 \
	{                                               \
		ret(*next) params;                      \
		void *symbol = dlsym(RTLD_NEXT, #name); \
                                                        \
		memcpy(&next, &symbol, sizeof next);    \
		return fails(removal) ? -1 : next args; \
	}

WRAP(ssize_t, write, false, (int fd, const void *buf, size_t n), (fd, buf, n))
WRAP(ssize_t, pwrite, false, (int fd, const void *buf, size_t n, off_t to), (fd, buf, n, to))
WRAP(ssize_t, pwrite64, false, (int fd, const void *buf, size_t n, off64_t to), (fd, buf, n, to))
WRAP(ssize_t, copy_file_range, false,
     (int in, off64_t *from, int out, off64_t *to, size_t n, unsigned flags),
     (in, from, out, to, n, flags))
WRAP(int, ftruncate, false, (int fd, off_t size), (fd, size))
WRAP(int, ftruncate64, false, (int fd, off64_t size), (fd, size))
WRAP(int, fsync, false, (int fd), (fd))
WRAP(int, fdatasync, false, (int fd), (fd))
WRAP(int, syncfs, false, (int fd), (fd))
WRAP(int, chmod, false, (const char *path, mode_t mode), (path, mode))
WRAP(int, fchmod, false, (int fd, mode_t mode), (fd, mode))
WRAP(int, fchmodat, false, (int dir, const char *path, mode_t mode, int flags),
     (dir, path, mode, flags))
WRAP(int, fchown, false, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(int, mkdir, false, (const char *path, mode_t mode), (path, mode))
WRAP(int, mkdirat, false, (int dir, const char *path, mode_t mode), (dir, path, mode))
WRAP(int, linkat, false, (int a, const char *from, int b, const char *to, int flags),
     (a, from, b, to, flags))
WRAP(int, symlinkat, false, (const char *target, int dir, const char *path), (target, dir, path))
WRAP(int, rename, false, (const char *from, const char *to), (from, to))
WRAP(int, renameat, false, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, renameat2, false, (int a, const char *from, int b, const char *to, unsigned flags),
     (a, from, b, to, flags))
WRAP(int, unlink, true, (const char *path), (path))
WRAP(int, unlinkat, true, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, rmdir, true, (const char *path), (path))

static bool creates(int flags)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

/* The opens count only where they may make a file. */
#define WRAP_OPEN(name, params, args)                   \
	int name params                                 \
	{                                               \
		int(*next) params;                      \
		void *symbol = dlsym(RTLD_NEXT, #name); \
		mode_t mode = 0;                        \
                                                        \
		memcpy(&next, &symbol, sizeof next);    \
		if (creates(flags)) {                   \
			va_list list;                   \
                                                        \
			va_start(list, flags);          \
			mode = va_arg(list, mode_t);    \
			va_end(list);                   \
			if (fails(false))               \
				return -1;              \
		}                                       \
		return next args;                       \
	}

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(openat, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))
WRAP_OPEN(openat64, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))

long syscall(long number, ...)
{
	long (*next)(long number, ...);
	void *symbol = dlsym(RTLD_NEXT, "syscall");
	va_list list;
	long arg[6];

	memcpy(&next, &symbol, sizeof next);
	va_start(list, number);
	for (size_t i = 0; i < sizeof arg / sizeof *arg; i++)
		arg[i] = va_arg(list, long); /* registers: reading more than were given is safe */
	va_end(list);
	if (number == SYS_openat2) {
		const struct open_how *how;

		memcpy(&how, &arg[2], sizeof how);
		if (creates((int)how->flags) && fails(false))
			return -1;
	}
	return next(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
