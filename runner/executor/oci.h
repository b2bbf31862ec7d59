/*
 * The executor that runs containers on this machine by an OCI runtime (crun or runc), each under
 * its own sluice-shim.  Needs root.
 */
#ifndef EXECUTOR_OCI_H
#define EXECUTOR_OCI_H

#include <uv.h>

#include "base/error.h"
#include "executor/executor.h"
#include "image/image.h"

struct oci_options {
	const char *runtime; /* name or path; NULL: $SLUICE_RUNTIME, else what works */
	const char *home;    /* sluice's directory */
	enum images_pull_when pull;
	const struct config_registries *registries; /* kept; or NULL */
};

/*
 * SLUICE_MISSING says what this machine lacks.  The shim is $SLUICE_SHIM, or beside this program,
 * or in ../libexec/sluice/.
 */
int executor_oci_new(uv_loop_t *loop /* kept */, struct images *images /* kept */,
                     const struct oci_options *options, struct executor **ret_executor,
                     struct error *err) MUST_USE;

#endif
