#include "executor/stop.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static bool has_default(pid_t pid, int sig)
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

/* Sends a signal (0: none) to all others of the container; tells how many there are. */
static size_t signal_others(pid_t init, int sig)
{
	AUTO_DIR DIR *proc = opendir("/proc");
	const struct dirent *e;
	size_t found = 0;

	while (proc && (e = readdir(proc))) {
		uint64_t pid;

		if (!parse_u64(e->d_name, INT32_MAX, &pid) || (pid_t)pid == getpid() ||
		    (pid_t)pid == init || is_zombie(e->d_name))
			continue;
		if (sig != 0)
			(void)kill((pid_t)pid, sig);
		found++;
	}
	return found;
}

bool stop_ask(pid_t init, int sig)
{
	bool frozen = has_default(init, sig);

	(void)kill(init, frozen ? SIGSTOP : sig);
	(void)signal_others(init, sig);
	if (frozen)
		stop_finish(init);
	return frozen;
}

void stop_finish(pid_t init)
{
	if (signal_others(init, 0) == 0)
		(void)kill(init, SIGKILL); /* ends its whole pid namespace */
}
