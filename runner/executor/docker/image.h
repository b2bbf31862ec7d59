/*
 * Images of the daemon: which one a name stands for, and what a container needs to know of it.
 * Blocking; any thread.
 */
#ifndef EXECUTOR_DOCKER_IMAGE_H
#define EXECUTOR_DOCKER_IMAGE_H

#include <cjson/cJSON.h>

#include "base/config_registries.h"
#include "base/error.h"
#include "executor/docker/host.h"
#include "executor/executor.h"
#include "executor/user.h"
#include "image/image.h"

struct docker_image {
	cJSON *doc;          /* as /images/NAME/json has it, or NULL: it was not asked for yet */
	const cJSON *config; /* its Config */
	struct user user;
	bool is_loaded; /* there is all of it */
};

/*
 * The id that a name stands for in the daemon now; the daemon pulls it if that is asked for, with
 * the logins that a pull of ours has.  SLUICE_NOT_FOUND: it is not there, and was not to be pulled.
 */
int docker_image_resolve(const struct docker_host *host, const char *name,
                         enum images_pull_when when, const struct config_registries *registries,
                         const struct image_order *order, char ret_id[72],
                         cJSON **ret_doc /* as an image's */, struct error *err) MUST_USE;

/* Hands an image of our home over to the daemon; `name` is the home's for it.  HOME is on a disk
 * that has room for it. */
int docker_image_give(const struct docker_host *host, struct images *images, const char *name,
                      const char *home, char ret_id[72], struct error *err) MUST_USE;

/* Gets what is not there of it yet.  Its user is looked up in its own files. */
int docker_image_load(const struct docker_host *host, const char *id, const char *home,
                      struct docker_image *image, struct error *err) MUST_USE;
void docker_image_release(struct docker_image *image);

#endif
