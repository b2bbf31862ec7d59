/*
 * One attempt as a container of Docker or Podman.  Loop thread; see executor.h for the life of it.
 *
 * Whoever finds the container knows by its labels whose it is.  So a runner that comes after one
 * that died goes on with it; the daemon has kept what it wrote.
 */
#ifndef EXECUTOR_DOCKER_ATTEMPT_H
#define EXECUTOR_DOCKER_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "executor/docker/host.h"
#include "executor/docker/image.h"
#include "executor/executor.h"

/* What all attempts of an executor share. */
struct docker_place {
	uv_loop_t *loop;
	struct docker_host host;
	char *home;
	uint64_t cores, memory_total; /* of the daemon's machine */
	bool has_cgroups; /* the daemon makes cgroups where it is told, and we see them */
	bool knows_cdi;   /* it reads specifications of devices itself */
	/* It does not see this machine's files: copies of them go there and come back, see
	 * docker/copies.h; what jobs share lies in a volume of its own. */
	bool copies;
	const struct gpus *gpus;
};

/* Has the container created, which then waits for docker_attempt_go(). */
int docker_attempt_stage(const struct docker_place *place, const struct request *request,
                         const struct docker_image *image, const struct attempt_hooks *hooks,
                         struct attempt **ret_attempt, struct error *err) MUST_USE;
bool docker_attempt_go(struct attempt *attempt);
void docker_attempt_stop(struct attempt *attempt, bool now);

/* See executor_adopt(); blocking, as long as the daemon takes to find a container. */
int docker_attempt_adopt(const struct docker_place *place, const char *dir,
                         const struct attempt_hooks *hooks, struct attempt **ret_attempt,
                         struct error *err) MUST_USE;

/* See executor_sweep(). */
int docker_attempt_sweep(const struct docker_place *place, const char *dir,
                         struct error *err) MUST_USE;

#endif
