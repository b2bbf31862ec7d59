/*
 * What config.json would tell an OCI runtime, as a shim's orders for bwrap: see shim/ops.h.  So a
 * container is the same by both, but for two things that bwrap does: in its containers a program
 * gains no rights by being set-user-id, and no node that a job makes is a device.  Pure.
 */
#ifndef EXECUTOR_BWRAP_CONFIG_H
#define EXECUTOR_BWRAP_CONFIG_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/strbuf.h"

/*
 * CONFIG is oci_config_make()'s, without a hook of ours; INIT the absolute path of sluice-init.
 * SLUICE_MISSING: it takes an OCI runtime.
 */
int bwrap_config_add(struct strbuf *orders, const cJSON *config, const char *init,
                     struct error *err) MUST_USE;

#endif
