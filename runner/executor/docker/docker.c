#include "executor/docker/docker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/map.h"
#include "base/userns.h"
#include "base/xalloc.h"
#include "executor/docker/api.h"
#include "executor/docker/attempt.h"
#include "executor/docker/image.h"

struct docker {
	struct executor base; /* first */
	struct docker_place place;
	char *what;
	struct images *images; /* asks registries what a name stands for, and has local ones */
	const char *dir;       /* where those are looked for */
	enum images_pull_when pull;
	const struct config_registries *registries;
	/* Images that jobs have started from, by id.  Filled by worker threads, which have the time
	 * that it takes. */
	uv_mutex_t lock;
	struct map ready;
};

static struct docker *to_docker(struct executor *e)
{
	return (struct docker *)e;
}

static int look(const struct docker *d, const char *image, char ret_digest[72], struct error *err)
{
	const struct images_pull_how how = {
		.when = PULL_ALWAYS,
		.registries = d->registries,
		.look_only = true,
		.stop = d->base.order.stop,
	};

	return images_pull(d->images, image, &how, ret_digest, err);
}

/* An image that lies on this machine is taken into the home, and given to the daemon. */
static int resolve_local(const struct docker *d, const char *image, char ret_digest[72],
                         struct error *err)
{
	bool look_only = d->base.order.look_only;
	AUTO_FREE char *name = NULL;
	int rc = images_take_local(d->images, image, d->dir, look_only, ret_digest, err);

	if (rc < 0 || look_only)
		return rc;
	name = xasprintf("localhost/%.*s@%s", (int)strcspn(image, ":"), image, ret_digest);
	return docker_image_give(&d->place.host, d->images, name, d->place.home, ret_digest, err);
}

static int as_lack(int rc, struct error *err)
{
	if (rc < 0 && rc != SLUICE_CANCELED && rc != SLUICE_SYSTEM)
		err->class = rc = SLUICE_MISSING;
	return rc;
}

static int resolve(struct executor *e, const char *image, char ret_digest[72], struct error *err)
{
	const struct docker *d = to_docker(e);
	bool look_only = e->order.look_only;
	AUTO_FREE char *full = NULL;
	int rc;

	if (images_is_local(image))
		return as_lack(resolve_local(d, image, ret_digest, err), err);
	rc = image_ref_normalize(image, &full, err);
	if (rc < 0)
		return rc;
	if (look_only && d->pull == PULL_ALWAYS)
		return look(d, image, ret_digest, err);
	rc = docker_image_resolve(&d->place.host, image, look_only ? PULL_NEVER : d->pull,
	                          d->registries, &e->order, ret_digest, err);
	if (rc == SLUICE_NOT_FOUND && look_only && d->pull != PULL_NEVER)
		rc = look(d, image, ret_digest, err);
	return as_lack(rc, err);
}

static void free_ready(void *value)
{
	docker_image_release(value);
	free(value);
}

/* What is found stays until the executor goes. */
static int find_ready(struct docker *d, const char *id, const struct docker_image **ret_image,
                      struct error *err)
{
	struct docker_image *image;
	int rc = 0;

	uv_mutex_lock(&d->lock);
	image = map_find(&d->ready, id);
	if (!image) {
		image = xmalloc(sizeof *image);
		*image = (struct docker_image){ .doc = NULL };
		rc = docker_image_load(&d->place.host, id, d->place.home, image, err);
		if (rc < 0) {
			free(image);
			image = NULL;
		} else {
			(void)map_set(&d->ready, id, image);
		}
	}
	uv_mutex_unlock(&d->lock);
	*ret_image = image;
	return rc;
}

static int refuse_host_root(const struct request *request, struct error *err)
{
	if (request->root == ROOT_IMAGE)
		return 0;
	return error_set(err, SLUICE_MISSING,
	                 "a step that uses this machine's own programs, such as git-checkout, "
	                 "cannot run in Docker: use the executor 'oci' for it, or a container with "
	                 "git in its image");
}

static int prepare(struct executor *e, const struct request *request, struct error *err)
{
	const struct docker_image *image;
	int rc = refuse_host_root(request, err);

	return rc < 0 ? rc : find_ready(to_docker(e), request->image, &image, err);
}

static int stage(struct executor *e, const struct request *request,
                 const struct attempt_hooks *hooks, struct attempt **ret_attempt, struct error *err)
{
	struct docker *d = to_docker(e);
	const struct docker_image *image = NULL;
	int rc = refuse_host_root(request, err);

	if (rc == 0)
		rc = find_ready(d, request->image, &image, err);
	return rc < 0 ? rc
	              : docker_attempt_stage(&d->place, request, image, hooks, ret_attempt, err);
}

static int adopt(struct executor *e, const char *dir, const char *image,
                 const struct attempt_hooks *hooks, struct attempt **ret_attempt, struct error *err)
{
	(void)image; /* the daemon keeps it for its container */
	return docker_attempt_adopt(&to_docker(e)->place, dir, hooks, ret_attempt, err);
}

static int sweep(struct executor *e, const char *dir, struct error *err)
{
	return docker_attempt_sweep(&to_docker(e)->place, dir, err);
}

static void docker_free(struct executor *e)
{
	struct docker *d = to_docker(e);

	map_release(&d->ready, free_ready);
	uv_mutex_destroy(&d->lock);
	docker_host_release(&d->place.host);
	free(d->place.home);
	free(d->what);
	free(d);
}

static const struct executor_ops docker_ops = {
	.resolve = resolve,
	.prepare = prepare,
	.stage = stage,
	.go = docker_attempt_go,
	.adopt = adopt,
	.stop = docker_attempt_stop,
	.sweep = sweep,
	.free = docker_free,
};

/* Does the daemon answer, what is it, and what is its machine like? */
static int meet(struct docker_place *place, char **ret_what, struct error *err)
{
	AUTO_JSON cJSON *doc = NULL;
	const char *driver, *version;
	int rc = docker_do(&place->host, &(struct docker_ask){ .path = "/info" }, &doc, err);

	if (rc < 0)
		return err->class = SLUICE_MISSING;
	driver = json_str(doc, "CgroupDriver");
	version = json_str(doc, "ServerVersion");
	*ret_what = xasprintf("Engine API %s at %s", version ? version : "of a version unknown",
	                      place->host.name);
	place->cores = (uint64_t)json_int(doc, "NCPU", 0);
	place->memory_total = (uint64_t)json_int(doc, "MemTotal", 0);
	place->knows_cdi = cJSON_GetArraySize(json_arr(doc, "CDISpecDirs")) > 0;
	/* Ours are seen by nobody elsewhere. */
	place->has_cgroups = place->host.socket && driver && strcmp(driver, "cgroupfs") == 0;
	return 0;
}

/* One that is spoken to by TCP may be another machine, or think that it is one: a tunnel, a virtual
 * machine. */
static int choose_transfer(struct docker_place *place, enum docker_transfer told, struct error *err)
{
	place->copies = told == TRANSFER_AUTO ? !place->host.socket : told == TRANSFER_COPIES;
	if (place->copies || userns_is_root())
		return 0;
	return error_set(
		err, SLUICE_MISSING,
		"handing files to Docker needs root here: start sluice as root, for "
		"instance by 'sudo', or let it have copies by 'docker: {transfer: copies}' "
		"in the configuration");
}

int executor_docker_new(uv_loop_t *loop, struct images *images,
                        const struct executor_options *options, struct executor **ret_executor,
                        struct error *err)
{
	static const struct docker_settings none = { .host = NULL };
	const struct docker_settings *settings = options->docker ? options->docker : &none;
	struct docker_place place = { .loop = loop, .gpus = options->gpus };
	char *what = NULL;
	struct docker *d;
	int rc = docker_host_find(settings, &place.host, err);

	if (rc == 0)
		rc = choose_transfer(&place, settings->transfer, err);
	if (rc == 0)
		rc = meet(&place, &what, err);
	if (rc < 0) {
		docker_host_release(&place.host);
		return rc;
	}
	place.home = xstrdup(options->home);
	d = xmalloc(sizeof *d);
	*d = (struct docker){
		.base = { .ops = &docker_ops,
		          .name = "docker",
		          .what = what,
		          .has_network = true,
		          .is_elsewhere = place.copies && !place.host.socket,
		          .cpu_milli = place.cores * 1000,
		          .memory = place.memory_total },
		.place = place,
		.what = what,
		.images = images,
		.dir = options->dir,
		.pull = options->pull,
		.registries = options->registries,
	};
	if (uv_mutex_init(&d->lock) != 0)
		abort();
	*ret_executor = &d->base;
	return 0;
}
