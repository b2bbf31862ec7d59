/*
 * The latest lines of a log that a shim writes, for who does not need all of them: however fast it
 * grows, a look costs the same.
 */
#ifndef CLI_RECENT_H
#define CLI_RECENT_H

#include <stddef.h>
#include <stdint.h>

#include "loop/tail.h"

struct recent {
	int64_t at;      /* what lies before was shown or left out */
	int64_t skipped; /* so many bytes were left out by the last look */
};

typedef void recent_line_fn(void *arg, const struct tail_line *line);

/* Calls fn with the last whole lines that came since the last look, at most `most`; returns their
 * number.  A log that is not there has none. */
size_t recent_read(struct recent *r, const char *path, size_t most, recent_line_fn *fn, void *arg);

#endif
