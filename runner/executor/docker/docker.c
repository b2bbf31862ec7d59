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
	/* Some daemons take their time to say what their machine is like: all else goes on
	 * meanwhile, and who needs to know waits for it. */
	uv_thread_t asker;
	bool asks;
	struct error unknown; /* why it is not known, or class 0 */
	uv_mutex_t lock;
	struct map images_known; /* id -> struct docker_image, which stays */
};

static struct docker *to_docker(struct executor *e)
{
	return (struct docker *)e;
}

/* --- the daemon's machine --------------------------------------------------------------------- */

static void ask(void *arg)
{
	struct docker *d = arg;
	struct docker_place *place = &d->place;
	AUTO_JSON cJSON *doc = NULL;
	const char *driver;

	if (docker_do(&place->host, &(struct docker_ask){ .path = "/info" }, &doc, &d->unknown) < 0)
		return;
	driver = json_str(doc, "CgroupDriver");
	place->cores = (uint64_t)json_int(doc, "NCPU", 0);
	place->memory_total = (uint64_t)json_int(doc, "MemTotal", 0);
	place->knows_cdi = cJSON_GetArraySize(json_arr(doc, "CDISpecDirs")) > 0;
	/* Ours are seen by nobody elsewhere. */
	place->has_cgroups = place->host.socket && driver && strcmp(driver, "cgroupfs") == 0;
}

static void start_asking(struct docker *d)
{
	d->asks = uv_thread_create(&d->asker, ask, d) == 0;
	if (!d->asks)
		ask(d);
}

/* Any thread. */
static int know(struct docker *d, struct error *err)
{
	uv_mutex_lock(&d->lock);
	if (d->asks)
		(void)uv_thread_join(&d->asker);
	d->asks = false;
	uv_mutex_unlock(&d->lock);
	if (d->unknown.class != 0)
		*err = d->unknown;
	return d->unknown.class;
}

/* --- images ----------------------------------------------------------------------------------- */

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

static void free_image(void *image)
{
	docker_image_release(image);
	free(image);
}

/* Under the lock. */
static struct docker_image *image_of(struct docker *d, const char *id)
{
	struct docker_image *image = map_find(&d->images_known, id);

	if (!image) {
		image = xcalloc(1, sizeof *image);
		(void)map_set(&d->images_known, id, image);
	}
	return image;
}

static void keep_image(struct docker *d, const char *id, cJSON *doc /* takes */)
{
	struct docker_image *image;

	uv_mutex_lock(&d->lock);
	image = image_of(d, id);
	if (!image->doc)
		image->doc = take_ptr(&doc);
	uv_mutex_unlock(&d->lock);
	cJSON_Delete(doc);
}

static int resolve(struct executor *e, const char *image, char ret_digest[72], struct error *err)
{
	struct docker *d = to_docker(e);
	bool look_only = e->order.look_only;
	AUTO_FREE char *full = NULL;
	cJSON *doc = NULL;
	int rc;

	if (images_is_local(image))
		return executors_lack_image(resolve_local(d, image, ret_digest, err), err);
	rc = image_ref_normalize(image, &full, err);
	if (rc < 0)
		return rc;
	if (look_only && d->pull == PULL_ALWAYS)
		return look(d, image, ret_digest, err);
	rc = docker_image_resolve(&d->place.host, image, look_only ? PULL_NEVER : d->pull,
	                          d->registries, &e->order, ret_digest, &doc, err);
	if (rc == 0)
		keep_image(d, ret_digest, doc);
	if (rc == SLUICE_NOT_FOUND && look_only && d->pull != PULL_NEVER)
		rc = look(d, image, ret_digest, err);
	return executors_lack_image(rc, err);
}

static int find_image(struct docker *d, const char *id, const struct docker_image **ret_image,
                      struct error *err)
{
	struct docker_image *image;
	int rc = 0;

	uv_mutex_lock(&d->lock);
	*ret_image = image = image_of(d, id);
	if (!image->is_loaded)
		rc = docker_image_load(&d->place.host, id, d->place.home, image, err);
	uv_mutex_unlock(&d->lock);
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

	if (rc == 0)
		rc = find_image(to_docker(e), request->image, &image, err);
	return rc < 0 ? rc : know(to_docker(e), err);
}

static int stage(struct executor *e, const struct request *request,
                 const struct attempt_hooks *hooks, struct attempt **ret_attempt, struct error *err)
{
	struct docker *d = to_docker(e);
	const struct docker_image *image = NULL;
	int rc = refuse_host_root(request, err);

	if (rc == 0)
		rc = find_image(d, request->image, &image, err);
	if (rc == 0)
		rc = know(d, err);
	return rc < 0 ? rc
	              : docker_attempt_stage(&d->place, request, image, hooks, ret_attempt, err);
}

static int adopt(struct executor *e, const char *dir, const char *image,
                 const struct attempt_hooks *hooks, struct attempt **ret_attempt, struct error *err)
{
	int rc = know(to_docker(e), err);

	(void)image; /* the daemon keeps it for its container */
	return rc < 0 ? rc
	              : docker_attempt_adopt(&to_docker(e)->place, dir, hooks, ret_attempt, err);
}

static int sweep(struct executor *e, const char *dir, struct error *err)
{
	int rc = know(to_docker(e), err);

	return rc < 0 ? rc : docker_attempt_sweep(&to_docker(e)->place, dir, err);
}

static void docker_free(struct executor *e)
{
	struct docker *d = to_docker(e);
	struct error ignored;

	(void)!know(d, &ignored);
	map_release(&d->images_known, free_image);
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

/* Does the daemon answer, what is it, and how does it get at files? */
static int meet(const struct docker_settings *settings, struct docker_place *place, char **ret_what,
                struct error *err)
{
	AUTO_FREE char *name = NULL;
	int rc = docker_host_find(settings, &place->host, err);

	if (rc == 0)
		rc = choose_transfer(place, settings->transfer, err);
	if (rc < 0)
		return rc;
	if (docker_ping(&place->host, &name, err) < 0)
		return err->class = SLUICE_MISSING;
	*ret_what = xasprintf("%s at %s", name, place->host.name);
	return 0;
}

static struct docker *new_docker(struct docker_place *place /* takes what it has */,
                                 char *what /* takes */, struct images *images,
                                 const struct executor_options *options)
{
	struct docker *d = xmalloc(sizeof *d);

	*d = (struct docker){
		.base = { .ops = &docker_ops,
		          .name = "docker",
		          .what = what,
		          .has_network = true,
		          .is_elsewhere = place->copies && !place->host.socket },
		.place = *place,
		.images = images,
		.dir = options->dir,
		.pull = options->pull,
		.registries = options->registries,
	};
	d->what = what;
	d->place.home = xstrdup(options->home);
	if (uv_mutex_init(&d->lock) != 0)
		abort();
	return d;
}

/* Whoever shares out another machine has to know it first. */
static int know_elsewhere(struct docker *d, struct error *err)
{
	int rc = d->base.is_elsewhere ? know(d, err) : 0;

	if (rc < 0)
		return err->class = SLUICE_MISSING;
	if (d->base.is_elsewhere) {
		d->base.cpu_milli = d->place.cores * 1000;
		d->base.memory = d->place.memory_total;
	}
	return 0;
}

int executor_docker_new(uv_loop_t *loop, struct images *images,
                        const struct executor_options *options, struct executor **ret_executor,
                        struct error *err)
{
	static const struct docker_settings none = { .host = NULL };
	struct docker_place place = { .loop = loop, .gpus = options->gpus };
	char *what = NULL;
	struct docker *d;
	int rc = meet(options->docker ? options->docker : &none, &place, &what, err);

	if (rc < 0) {
		docker_host_release(&place.host);
		return rc;
	}
	d = new_docker(&place, what, images, options);
	start_asking(d);
	rc = know_elsewhere(d, err);
	if (rc < 0)
		docker_free(&d->base);
	else
		*ret_executor = &d->base;
	return rc;
}
