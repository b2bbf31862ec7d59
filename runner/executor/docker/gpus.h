/*
 * What a job's GPUs need becomes a part of the body of POST /containers/create.
 * Source: docs.docker.com/engine/api, "Create a container"; Docker 25 was the first that could be
 * told of CDI (DeviceRequests of the driver "cdi").
 */
#ifndef EXECUTOR_DOCKER_GPUS_H
#define EXECUTOR_DOCKER_GPUS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "executor/gpus.h"

/*
 * `names` are some of `gpus`.  A daemon that `knows_cdi` reads the specifications itself; all
 * others are told what stands in them, which SLUICE_MISSING says if it cannot be.  GPUs without a
 * specification are asked of the daemon's own driver "nvidia".  Blocking, as gpus_edits().
 */
int docker_gpus_add(cJSON *body, const struct gpus *gpus, const char *const *names, bool knows_cdi,
                    struct error *err) MUST_USE;

#endif
