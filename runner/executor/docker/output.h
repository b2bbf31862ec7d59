/*
 * What a container writes, from the daemon's multiplexed stream into the attempt's log.
 *
 * The stream is frames: a byte 1 (stdout) or 2 (stderr), three of 0, the length of what follows
 * as a big-endian number.  Source: docs.docker.com/engine/api, "Attach to a container".
 *
 * A log that an earlier runner has begun is gone on with: fed with all that the container has
 * written from its begin, the lines that the log has already are left out.
 */
#ifndef EXECUTOR_DOCKER_OUTPUT_H
#define EXECUTOR_DOCKER_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mask.h"
#include "executor/crilog.h"

enum { DOCKER_FRAME_HEAD = 8 };

struct docker_output {
	struct crilog log;
	struct mask *mask;
	struct docker_stream {
		struct docker_output *output;
		struct mask_stream masked;
		enum crilog_stream which;
	} stream[2];
	unsigned char head[DOCKER_FRAME_HEAD];
	size_t head_len;
	uint64_t frame_left; /* bytes of the frame that are still to come */
};

/* `secrets` is NULL-terminated, or NULL.  Opens DIR/log.  Where it is it must stay. */
int docker_output_open(struct docker_output *o, const char *dir, const char *const *secrets,
                       struct error *err) MUST_USE;

/* Bytes of the stream, cut anywhere; SLUICE_REMOTE if it is none, SLUICE_SYSTEM if the log cannot
 * be written. */
int docker_output_feed(struct docker_output *o, const void *data, size_t len,
                       struct error *err) MUST_USE;

/* A line of ours on the job's stderr; secrets are masked. */
void docker_output_say(struct docker_output *o, const char *text);

/* Both streams have ended; the log is written and closed. */
int docker_output_close(struct docker_output *o, struct error *err) MUST_USE;

#endif
