/*
 * The lines of /proc/PID/mountinfo, see proc_pid_mountinfo(5).  Pure.
 *
 *	for (const char *at = text; mountinfo_next(&at, &m);)
 *		...
 */
#ifndef BASE_MOUNTINFO_H
#define BASE_MOUNTINFO_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { MOUNTINFO_TYPE_SIZE = 32 };

struct mountinfo {
	uint64_t id;
	char root[PATH_MAX];  /* what of the file system is shown */
	char point[PATH_MAX]; /* where, as the process sees it */
	char type[MOUNTINFO_TYPE_SIZE];
};

/* Reads the next line and moves *at behind it; skips lines that are none.  False at the end. */
bool mountinfo_next(const char **at, struct mountinfo *ret_mount);

#endif
