/*
 * What the container of a daemon that does not see this machine's files gets, and gives back, as
 * tars: made on the way straight from the directories, and unpacked as they come.
 * Source: docs.docker.com/engine/api, "Extract an archive of files or folders to a directory in a
 * container", "Get an archive of a filesystem resource in a container".
 */
#ifndef EXECUTOR_DOCKER_COPIES_H
#define EXECUTOR_DOCKER_COPIES_H

#include <stdatomic.h>

#include "base/error.h"
#include "executor/docker/host.h"
#include "executor/executor.h"
#include "executor/user.h"

/* All that a request reads and writes, but what is mounted. */
struct docker_parcel;

/* Loop thread; the request's texts and paths are copied.  What the job may write is its user's. */
struct docker_parcel *docker_parcel_new(const struct request *request, const struct user *user);
void docker_parcel_free(struct docker_parcel *parcel); /* takes NULL */

/* Once, to a container that was created and has not been started.  Blocking, any thread; ends soon
 * after `stop` is set. */
int docker_parcel_send(struct docker_parcel *parcel, const struct docker_host *host,
                       const char *container, const atomic_bool *stop, struct error *err) MUST_USE;

/* Which of the attempt's directories are the container's to fill: lines of NAME below the
 * attempt's own one, a blank and the path in the container.  The caller frees it. */
char *docker_fetch_list(const struct request *request);

/* Fills them anew, in the attempt's directory DIR, from a container that has ended.  As
 * docker_parcel_send(). */
int docker_fetch(const struct docker_host *host, const char *container, const char *dir,
                 const char *list, const atomic_bool *stop, struct error *err) MUST_USE;

#endif
