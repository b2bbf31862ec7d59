/*
 * Specifications of the Container Device Interface: what a container needs to use a device.
 *
 *	{"cdiVersion": "0.6.0", "kind": "VENDOR/CLASS", "containerEdits": EDITS,
 *	 "devices": [{"name": NAME, "containerEdits": EDITS}]}
 *
 * EDITS of the whole go with each of its devices; both are objects of "env", "deviceNodes",
 * "mounts", "hooks" and "additionalGids".  Source: github.com/cncf-tags/container-device-interface,
 * SPEC.md, 0.3.0 to 1.1.0.
 */
#ifndef EXECUTOR_CDI_H
#define EXECUTOR_CDI_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/error.h"

enum { CDI_TEXT_MAX = 1 << 20 };

/*
 * PATH, which ends in ".json" or ".yaml", tells what the text is, and is named in messages.  What
 * comes out holds all that must be there, in the right types and ranges.  SLUICE_INVALID says what
 * is wrong, or that it asks for what cannot be handed in here.  Pure.
 */
int cdi_parse(const char *text, size_t len, const char *path, cJSON **ret_doc,
              struct error *err) MUST_USE;

#endif
