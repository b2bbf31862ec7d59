/*
 * What a container prints, on its way to the attempt's log: a pipe for each of its two streams,
 * whose text is masked before it is kept.
 *
 *	output_init(&out, fd)            the log's
 *	output_mask(&out, secrets)       before anything is read
 *	output_open(&out, which)         its pipe
 *	output_read(&out, which)         whenever stream[which].fd can be read
 *	output_end(&out, which)          it ends by itself, too, with the last who could write to it
 *	crilog_flush(&out.log)           lines are written when there is nothing more to read
 */
#ifndef EXECUTOR_SHIM_OUTPUT_H
#define EXECUTOR_SHIM_OUTPUT_H

#include "base/error.h"
#include "base/mask.h"
#include "executor/crilog.h"

enum { OUTPUT_READ_SIZE = 256 * 1024 };

struct output {
	struct crilog log;
	struct mask *mask;
	struct output_stream {
		struct output *all;
		enum crilog_stream which;
		struct mask_stream masked;
		int fd; /* ours; -1 at its end */
	} stream[2];
	char *buf; /* OUTPUT_READ_SIZE bytes, for what is read from either */
};

void output_init(struct output *out, int log_fd /* takes; or -1 */);
void output_mask(struct output *out, const char *const *secrets);

/* The end that the container writes to, which the caller closes; -errno. */
int output_open(struct output *out, enum crilog_stream which) MUST_USE;

void output_read(struct output *out, enum crilog_stream which);
void output_end(struct output *out, enum crilog_stream which);

#endif
