/* How each executor is made, and what it cannot do. */
#include "suite.h"

#include <stdio.h>

#include "executor/executors.h"

static int make_oci(struct place *place, struct executor **ret_executor, struct error *err)
{
	const struct executor_options options = {
		.runtime = place->maker->runtime,
		.home = place->home,
	};

	return executors_open(&place->loop, place->images, "oci", &options, ret_executor, err);
}

#define CGROUPS_LEFT "find /sys/fs/cgroup -path \"*/sluice/$SUITE*\" -type d"

static const struct cannot nothing[] = { { NULL, NULL } };

static const struct maker makers[] = {
	{
		.name = "oci:crun",
		.runtime = "crun",
		.make = make_oci,
		.left = CGROUPS_LEFT,
		.has_shim = true,
		.cannot = nothing,
	},
	{
		.name = "oci:runc",
		.runtime = "runc",
		.make = make_oci,
		.left = CGROUPS_LEFT,
		.has_shim = true,
		.cannot = nothing,
	},
};

const struct maker *maker_find(const char *name)
{
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
		if (strcmp(makers[i].name, name) == 0)
			return &makers[i];
	(void)fprintf(stderr, "no executor '%s'; there are:", name);
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
		(void)fprintf(stderr, " %s", makers[i].name);
	(void)fputc('\n', stderr);
	return NULL;
}
