/*
 * The GPUs that this machine can hand to jobs.
 *
 * They are the devices of CDI specifications (cdi.h) of one kind.  Where there are none, they are
 * the nodes that NVIDIA's driver makes, /dev/nvidia0 and so on: handed in with those that all of
 * them share and with NVIDIA_VISIBLE_DEVICES, by which a runtime of NVIDIA's adds what else it
 * takes.
 */
#ifndef EXECUTOR_GPUS_H
#define EXECUTOR_GPUS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Each may be NULL. */
struct gpus_settings {
	const char *kind; /* "nvidia.com/gpu"; else all whose class is "gpu" */
	/* Where specifications lie, absolute, joined by ':'; of two devices with one name that of
	 * the later directory counts.  Else /etc/cdi and /var/run/cdi. */
	const char *dirs;
	const char *dev; /* in the place of /dev */
};

struct gpus {
	/* By which jobs are given them, "nvidia.com/gpu=0"; ended by NULL.  What a specification
	 * calls "all", or has under two names, is not one more. */
	char **names;
	size_t n;
	char *lack;    /* the first specification that cannot be used, and why; or NULL */
	bool by_nodes; /* there are no specifications */
	struct gpu *gpu;
	struct gpu_spec *specs;
	size_t cap, n_specs, specs_cap;
};

/* Blocking, a few files; any thread.  What cannot be read is `lack`. */
struct gpus *gpus_find(const struct gpus_settings *settings);
void gpus_free(struct gpus *gpus); /* takes NULL */

/*
 * What a container needs for these GPUs: one object in the form of cdi.h's EDITS, without lists
 * that are empty, whose nodes have hostPath, type and, if they are devices, their numbers; the
 * caller's.  SLUICE_MISSING: one of them is not there any more.
 */
int gpus_edits(const struct gpus *gpus, const char *const *names, cJSON **ret_edits,
               struct error *err) MUST_USE;

#endif
