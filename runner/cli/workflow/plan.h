/* What --dry-run shows: the plan with resolved versions and images. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "base/json.h"
#include "engine/run.h"

void plan_print(struct run *run, const char *workflow);

/* Adds "workflow" and "jobs", in the order of their start. */
void plan_add_json(cJSON *to, struct run *run, const char *workflow);

#endif
