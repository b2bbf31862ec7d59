/*
 * The container of an attempt, as a runner finds it that knows the attempt's directory alone.
 * Blocking; any thread.
 */
#ifndef EXECUTOR_DOCKER_FOUND_H
#define EXECUTOR_DOCKER_FOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "executor/docker/host.h"

struct docker_found {
	char *container; /* the daemon's name of it */
	char *id;        /* the request's */
	char *fetch;     /* see docker_fetch_list() */
	char **masked;   /* values that the log must not show; NULL-terminated */
	bool has_begun;
	int64_t started_ms;
	uint64_t grace_ms;
	int stop_signal;
};

/* One of those that there are; SLUICE_NOT_FOUND. */
int docker_find(const struct docker_host *host, const char *dir, struct docker_found *ret_found,
                struct error *err) MUST_USE;
void docker_found_release(struct docker_found *found); /* wipes it */

#endif
