/*
 * A request becomes the body of POST /containers/create.  Pure, but that nodes of GPUs are looked
 * at. Source: docs.docker.com/engine/api, "Create a container".
 */
#ifndef EXECUTOR_DOCKER_CONFIG_H
#define EXECUTOR_DOCKER_CONFIG_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "executor/executor.h"
#include "executor/gpus.h"
#include "executor/user.h"

/* By these a container is known to be ours, and whose; none holds a secret. */
#define DOCKER_LABEL_ATTEMPT "sluice.attempt" /* its directory, which names run, job and number */
#define DOCKER_LABEL_HOME    "sluice.home"
#define DOCKER_LABEL_GRACE   "sluice.grace-ms"
#define DOCKER_LABEL_MASKED  "sluice.masked" /* names of variables that hold secrets, by line */
#define DOCKER_LABEL_FETCH   "sluice.fetch"  /* see docker_fetch_list() */

struct docker_config {
	const struct request *request;
	const char *home;
	const cJSON *image; /* the image's Config, as /images/NAME/json has it */
	const struct user *user;
	/* What the daemon is to mount for each mount of the request, and for its script.  NULL:
	 * copies come, but for what is shared, which is in a volume of the daemon's. */
	const char *const *sources;
	const char *script;
	const char *cgroup_parent; /* or NULL: the daemon's own choice */
	uint64_t memory_total;     /* of the daemon's machine */
	const struct gpus *gpus;   /* those of the request are among them; or NULL */
	bool knows_cdi;            /* see docker/gpus.h */
};

/*
 * The text, which the caller frees.  NULL: SLUICE_INVALID says why no container can be made of it:
 * no command at all, a relative target or working directory; SLUICE_MISSING, why not with its GPUs.
 */
char *docker_config_format(const struct docker_config *c, struct error *err) MUST_USE;

#endif
