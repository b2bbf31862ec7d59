#include "executor/stop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "executor/cgroup.h"

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

bool stop_ask(pid_t init, const char *cgroup, int sig)
{
	bool frozen = has_default(init, sig);

	(void)kill(init, frozen ? SIGSTOP : sig);
	(void)cgroup_signal(cgroup, init, sig);
	if (frozen)
		stop_finish(init, cgroup);
	return frozen;
}

void stop_finish(pid_t init, const char *cgroup)
{
	if (cgroup_signal(cgroup, init, 0) == 0)
		(void)kill(init, SIGKILL); /* ends its whole pid namespace */
}
