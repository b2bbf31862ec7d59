/*
 * Follows a log that a shim writes: lines of the Kubernetes CRI format, "TIME STREAM TAG TEXT",
 * tag F for a whole line and P for a part of one.  Loop thread.
 *
 *	tail_start(loop, path, hooks)     the file may not exist yet
 *	tail_finish(tail)                 reads what is left, then on_end; the tail frees itself
 */
#ifndef LOOP_TAIL_H
#define LOOP_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct tail_line {
	const char *time; /* RFC 3339, not terminated: time_len bytes */
	size_t time_len;
	bool is_stderr;
	bool partial;     /* the line goes on in the next call */
	const char *text; /* without the newline, not terminated */
	size_t len;
};

struct tail_hooks {
	void (*on_line)(void *arg, const struct tail_line *line);
	void (*on_end)(void *arg); /* may be NULL; the last call */
	void *arg;
};

struct tail;

struct tail *tail_start(uv_loop_t *loop, const char *path, const struct tail_hooks *hooks);
void tail_finish(struct tail *tail);

/* Takes one line of a log apart (without its newline); false if it has another form. */
bool tail_parse(const char *line, size_t len, struct tail_line *ret_line);

#endif
