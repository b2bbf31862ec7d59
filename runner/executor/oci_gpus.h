/* What a job's GPUs need becomes a part of its config.json.  Pure. */
#ifndef EXECUTOR_OCI_GPUS_H
#define EXECUTOR_OCI_GPUS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/userns.h"
#include "executor/user.h"

/* `edits` as of gpus_edits(), to a config that is whole but for them; `shows_nodes` as in struct
 * oci_config. */
void oci_gpus_add(cJSON *config, const cJSON *edits, const struct user *user, enum userns_kind ids,
                  bool shows_nodes);

#endif
