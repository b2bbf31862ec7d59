#include "executor/stop.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/strbuf.h"

enum { STATUS_MAX = 64 * 1024 };

/* Is the signal's bit set in a line "KEY:\tHEX" of /proc/PID/status? */
static bool has_bit(const char *status, const char *key, int sig)
{
	const char *line = strstr(status, key);

	return line && strtoull(line + strlen(key), NULL, 16) >> (sig - 1) & 1;
}

bool stop_has_default(pid_t pid, int sig)
{
	AUTO_STRBUF struct strbuf status = STRBUF_INIT(STATUS_MAX);
	char path[32];

	if (snprintf(path, sizeof path, "/proc/%d/status", (int)pid) < 0 ||
	    io_read_file(AT_FDCWD, path, &status) < 0)
		return false;
	return !has_bit(strbuf_str(&status), "\nSigIgn:\t", sig) &&
	       !has_bit(strbuf_str(&status), "\nSigCgt:\t", sig);
}

/* A dead process that nobody has reaped: a frozen init reaps nothing. */
static bool is_zombie(const char *pid)
{
	AUTO_STRBUF struct strbuf stat = STRBUF_INIT(STATUS_MAX);
	char path[32];
	const char *name_end;

	if (snprintf(path, sizeof path, "/proc/%.16s/stat", pid) < 0 ||
	    io_read_file(AT_FDCWD, path, &stat) < 0)
		return true; /* gone */
	name_end = strrchr(strbuf_str(&stat), ')');
	return name_end && name_end[1] == ' ' && name_end[2] == 'Z';
}

static bool read_cgroup(const char *pid, struct strbuf *ret_text)
{
	char path[32];

	return snprintf(path, sizeof path, "/proc/%.16s/cgroup", pid) > 0 &&
	       io_read_file(AT_FDCWD, path, ret_text) == 0;
}

/* Sends a signal (0: none) if the process is in that cgroup; by its descriptor, for the number may
 * be another's by now. */
static bool signal_one(const char *name, pid_t pid, const char *cgroup, int sig)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STATUS_MAX);
	AUTO_FD int fd = pidfd_open(pid, 0);

	if (fd < 0 || !read_cgroup(name, &text) || strcmp(strbuf_str(&text), cgroup) != 0 ||
	    is_zombie(name))
		return false;
	if (sig != 0)
		(void)pidfd_send_signal(fd, sig, NULL, 0);
	return true;
}

size_t stop_others(pid_t init, int sig)
{
	AUTO_STRBUF struct strbuf cgroup = STRBUF_INIT(STATUS_MAX);
	AUTO_DIR DIR *proc = opendir("/proc");
	const struct dirent *e;
	char name[16];
	size_t found = 0;

	if (snprintf(name, sizeof name, "%d", (int)init) < 0 || !read_cgroup(name, &cgroup))
		return 0;
	while (proc && (e = readdir(proc))) {
		uint64_t pid;

		if (parse_u64(e->d_name, INT32_MAX, &pid) && (pid_t)pid != init &&
		    (pid_t)pid != getpid())
			found += signal_one(e->d_name, (pid_t)pid, strbuf_str(&cgroup), sig);
	}
	return found;
}

bool stop_ask(pid_t init, int sig)
{
	bool frozen = stop_has_default(init, sig);

	(void)kill(init, frozen ? SIGSTOP : sig);
	(void)stop_others(init, sig);
	if (frozen)
		stop_finish(init);
	return frozen;
}

void stop_finish(pid_t init)
{
	if (stop_others(init, 0) == 0)
		(void)kill(init, SIGKILL); /* ends its whole pid namespace */
}
