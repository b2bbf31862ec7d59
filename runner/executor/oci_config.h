/*
 * A request, an image and a user become the config.json of the OCI runtime specification 1.0.
 * Pure: what stands in it depends on these alone.
 */
#ifndef EXECUTOR_OCI_CONFIG_H
#define EXECUTOR_OCI_CONFIG_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/userns.h"
#include "executor/executor.h"
#include "executor/user.h"
#include "image/image.h"

struct oci_config {
	const struct request *request;
	const struct image *image; /* NULL for ROOT_HOST */
	const struct user *user;
	const char *shim; /* absolute path of the shim's program, which is a hook too: seal.h; or
	                     NULL */
	/* Where this machine's files are shown (ROOT_HOST, or its image): what it has mounted
	 * beside its root, NULL-terminated, outer first; and the directory to be hidden.  Else
	 * NULL. */
	const char *const *host_mounts;
	const char *hide;
	enum userns_kind ids; /* whose container it is, and which users it can have */
	bool shows_nodes;     /* devices are this machine's own nodes: none can be made */
	const cJSON *gpus;    /* what the request's need, see gpus_edits(); or NULL */
};

/*
 * The document, which the caller deletes.  SLUICE_INVALID says why no container can be made of it:
 * no command at all, a relative target.
 */
int oci_config_make(const struct oci_config *c, cJSON **ret_config, struct error *err) MUST_USE;

/* Sets a variable in an array of NAME=VALUE, where it may stand already. */
void oci_config_set_env(cJSON *env, const char *var);

#endif
