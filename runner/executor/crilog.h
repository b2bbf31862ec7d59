/*
 * An attempt's log, in the line format of the Kubernetes CRI:
 *
 *	2026-11-23T20:27:00.123456789Z stdout F text
 *
 * Two streams share one file.  A line that is longer than CRILOG_LINE_MAX is cut into parts with
 * the tag P, the last of which has F; a stream's unterminated last line has P.  Lines are stamped
 * with the time at which their end was read.
 */
#ifndef EXECUTOR_CRILOG_H
#define EXECUTOR_CRILOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { CRILOG_LINE_MAX = 16 * 1024, CRILOG_BUFFER = 512 * 1024, CRILOG_STAMP = 32 };

enum crilog_stream { CRILOG_STDOUT, CRILOG_STDERR };

struct crilog {
	int fd;    /* kept; opened with O_APPEND */
	int error; /* the first -errno of a write; nothing is written after it */
	char *buf; /* lines that are not written yet */
	size_t len;
	char stamp[CRILOG_STAMP];
	size_t stamp_len;
	int64_t stamp_second; /* that the stamp's first part stands for */
	char *open[2];        /* each stream's begun line */
	size_t open_len[2];
	size_t skip[2]; /* so many lines of each stream are in the file already */
};

void crilog_init(struct crilog *log, int fd);
void crilog_release(struct crilog *log);

/*
 * The file has lines of streams that are now added again from their begin: those are left out.  A
 * last line that is not whole is cut off.  How a stream is cut into lines depends on its bytes
 * alone, not on the pieces in which they come.  The file must be readable; 0 or -errno.
 */
int crilog_go_on(struct crilog *log) MUST_USE;

/* The stamp of all lines that are added from now on: one for all of what one read() gave. */
void crilog_now(struct crilog *log);

void crilog_add(struct crilog *log, enum crilog_stream stream, const char *data, size_t len);

/* The stream has ended. */
void crilog_end(struct crilog *log, enum crilog_stream stream);

/* Writes what is buffered; 0, or the first error that there was. */
int crilog_flush(struct crilog *log);

#endif
