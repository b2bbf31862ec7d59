/*
 * The live view's block of status lines: which columns stand where, and what is cut for want of
 * room.  Pure.  No line reaches the last column, where terminals differ in what comes next.
 */
#ifndef CLI_LAYOUT_H
#define CLI_LAYOUT_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "engine/run.h"

enum { LAYOUT_ROWS = 24 }; /* the most, however high the terminal is */

struct layout_row {
	const char *name;
	enum job_state state;
	bool stopping;
	int64_t ms;       /* since it started; negative: it has not */
	const char *what; /* it does or waits for */
};

struct layout {
	const char *title;
	int64_t ms;
	const struct layout_row *row;
	size_t n;                     /* at most layout_rows() of the terminal's height */
	size_t rest[JOB_SKIPPED + 1]; /* jobs without a row, by state */
	unsigned columns;
	bool colours;
};

/* One line and the columns that it takes, which its colours do not. */
struct layout_line {
	char *text;
	size_t width;
};

/* How many rows a block has on a terminal of so many lines: with the last line, which counts, it
 * takes at most a third. */
size_t layout_rows(unsigned lines);

/* Fills n + 1 lines; the caller frees their texts. */
void layout_block(const struct layout *layout, struct layout_line ret_lines[LAYOUT_ROWS + 1]);

#endif
