/*
 * What was found to work on this machine: noted in the home, so that it is tried once per boot and
 * not at each start.  Any thread.
 */
#ifndef EXECUTOR_WORKS_H
#define EXECUTOR_WORKS_H

#include <stdbool.h>

#define WORKS_SUFFIX "-works"

/* What is tried, and what the answer depends on beside the kernel that runs. */
struct works {
	const char *home;
	const char *name;        /* the note is HOME/tmp/NAME WORKS_SUFFIX */
	const char *programs[2]; /* paths, or NULL: one that has changed is another answer */
};

/* Was it noted since this boot, with the programs as they are? */
bool works_is_known(const struct works *w);

/* Notes it.  If that fails, only a later start is slower. */
void works_note(const struct works *w);

#endif
