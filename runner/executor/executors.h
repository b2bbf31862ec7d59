/*
 * The executors that there are, in one table, and which of them a run uses.
 *
 *	executors_open(loop, images, "oci", &options, &executor, err)    that one
 *	executors_open(loop, images, NULL, &options, &executor, err)     the first that works
 */
#ifndef EXECUTOR_EXECUTORS_H
#define EXECUTOR_EXECUTORS_H

#include <stdbool.h>
#include <uv.h>

#include "base/error.h"
#include "executor/docker/host.h"
#include "executor/executor.h"
#include "executor/gpus.h"
#include "image/image.h"

/* What all of them are made with. */
struct executor_options {
	const char *runtime; /* name or path; NULL: $SLUICE_RUNTIME, else what works */
	const char *rootfs;  /* how a container's root is made, see merge.h; NULL: as works best */
	const char *home;    /* sluice's directory */
	const char *dir;     /* kept: where images on this machine are looked for; NULL: here */
	enum images_pull_when pull;
	bool host_image; /* a job may have the image "host", this machine's own files */
	const struct config_registries *registries; /* kept; or NULL */
	const struct docker_settings *docker;       /* or NULL */
	const struct gpus *gpus; /* kept: what a request's are among; NULL: there are none */
};

/*
 * Checks that this machine has what the executor needs, by using it where that is the only way to
 * know, and fills what executor.h says is `what`.  SLUICE_MISSING says what is not there, and how
 * to get it.  Blocking, a few tenths of a second at most.
 */
typedef int executor_make_fn(uv_loop_t *loop /* kept */, struct images *images /* kept */,
                             const struct executor_options *options, struct executor **ret_executor,
                             struct error *err);

struct executor_kind {
	const char *name;
	executor_make_fn *make;
	bool only_if_asked; /* never taken because others do not work */
	bool takes_runtime;
};

/* In the order in which they are tried; ended by one without a name. */
extern const struct executor_kind executor_kinds[];

/* Their names, as an option's value is shown. */
#define EXECUTOR_CHOICES "oci|bwrap|docker|host"

/* Of what kept an image away: what is wrong with a name is the workflow's, all else is a lack.
 * Returns the class that *err has then, or 0 as RC was. */
int executors_lack_image(int rc, struct error *err);

/*
 * NAME NULL: the first that works; SLUICE_MISSING then says what each of them lacks.  Whoever names
 * a runtime asks for "oci".  SLUICE_INVALID: no executor has this name, or it takes no runtime.
 */
int executors_open(uv_loop_t *loop, struct images *images, const char *name,
                   const struct executor_options *options, struct executor **ret_executor,
                   struct error *err) MUST_USE;

#endif
