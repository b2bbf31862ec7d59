#include "executor/executors.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "executor/docker/docker.h"
#include "executor/oci.h"

const struct executor_kind executor_kinds[] = {
	{ "oci", executor_oci_new, false, true },
	{ "bwrap", executor_bwrap_new, false, false },
	{ "docker", executor_docker_new, false, false },
	{ "host", executor_host_new, true, true },
	{ NULL, NULL, false, false },
};

static int open_named(uv_loop_t *loop, struct images *images, const char *name,
                      const struct executor_options *options, struct executor **ret_executor,
                      struct error *err)
{
	const struct executor_kind *kind = executor_kinds;

	while (kind->name && strcmp(kind->name, name) != 0)
		kind++;
	if (!kind->name)
		return error_set(err, SLUICE_INVALID,
		                 "there is no executor '%.100s'; there are: " EXECUTOR_CHOICES,
		                 name);
	if (options->runtime && !kind->takes_runtime)
		return error_set(err, SLUICE_INVALID, "the executor '%s' takes no runtime", name);
	return kind->make(loop, images, options, ret_executor, err);
}

/* What is wrong beside a lack (a disk that is full) would be so with the next one, too. */
static int open_first(uv_loop_t *loop, struct images *images,
                      const struct executor_options *options, struct executor **ret_executor,
                      struct error *err)
{
	AUTO_STRBUF struct strbuf lacks = STRBUF_INIT(STRBUF_BIG);

	for (const struct executor_kind *kind = executor_kinds; kind->name; kind++) {
		int rc;

		if (kind->only_if_asked)
			continue;
		rc = kind->make(loop, images, options, ret_executor, err);
		if (rc != SLUICE_MISSING)
			return rc;
		strbuf_addf(&lacks, "%s%s: %s", lacks.len > 0 ? "; " : "", kind->name, err->msg);
	}
	return error_set(err, SLUICE_MISSING, "no executor works here: %s", strbuf_str(&lacks));
}

static bool names_runtime(const struct executor_options *options)
{
	const char *told = options->runtime ? options->runtime : getenv("SLUICE_RUNTIME");

	return told && told[0];
}

int executors_open(uv_loop_t *loop, struct images *images, const char *name,
                   const struct executor_options *options, struct executor **ret_executor,
                   struct error *err)
{
	if (!name && names_runtime(options))
		name = "oci";
	return name ? open_named(loop, images, name, options, ret_executor, err)
	            : open_first(loop, images, options, ret_executor, err);
}

int executors_lack_image(int rc, struct error *err)
{
	if (rc < 0 && rc != SLUICE_CANCELED && rc != SLUICE_SYSTEM)
		err->class = rc = SLUICE_MISSING;
	return rc;
}
