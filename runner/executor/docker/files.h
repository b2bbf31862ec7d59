/*
 * What the container of a daemon on this machine mounts of its files: they are made ready below the
 * attempt's directory, texts in one that is closed to others, views as mounts that all see.  Root;
 * any thread.
 */
#ifndef EXECUTOR_DOCKER_FILES_H
#define EXECUTOR_DOCKER_FILES_H

#include <stddef.h>

#include "base/error.h"
#include "executor/executor.h"
#include "executor/user.h"

struct docker_files {
	char **sources; /* of each mount of the request */
	size_t n;
	char *script; /* or NULL */
};

/* Gives what the job may write to its user.  After a failure too it is to be removed. */
int docker_files_make(const struct request *request, const struct user *user,
                      struct docker_files *ret_files, struct error *err) MUST_USE;
void docker_files_release(struct docker_files *files);

/* Once nothing runs; absent is 0. */
int docker_files_remove(const char *dir, struct error *err) MUST_USE;

#endif
