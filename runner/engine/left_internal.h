/* A left run from the inside; seen in this folder only. */
#ifndef ENGINE_LEFT_INTERNAL_H
#define ENGINE_LEFT_INTERNAL_H

#include "base/json.h"
#include "base/map.h"
#include "engine/left.h"

/* A job's row, with what else the history says of it. */
struct left_job {
	struct catalog_job row; /* but its name and state */
	enum job_state state;
	char *message;
	int64_t began_ms; /* its last attempt, wall clock; 0: it has none */
};

struct left {
	struct catalog_run row;
	char *workflow, *text, *dir;
	int dirfd, lock;
	struct map jobs; /* name -> struct left_job */
	int cancel_signal;
	cJSON *plan; /* NULL: see no_plan */
	struct error no_plan;
};

#endif
