/* A workflow's jobs as a graph to draw, and as JSON.  Pure. */
#ifndef CLI_GRAPH_SPEC_H
#define CLI_GRAPH_SPEC_H

#include "base/json.h"
#include "cli/workflow/graph_format.h"
#include "spec/spec.h"

/* Release what comes out. */
struct graph graph_of_spec(const struct spec *spec);

/* {"inputs": [...], "jobs": [{"name", "uses", "needs", "inputs", "outputs"}]} */
cJSON *graph_json(const struct spec *spec);

#endif
