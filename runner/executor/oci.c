#include "executor/oci.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "base/userns.h"
#include "base/xalloc.h"
#include "executor/attempt.h"
#include "executor/machine.h"
#include "executor/merge_find.h"
#include "executor/network.h"
#include "executor/runtime.h"
#include "executor/targets.h"

#define SHIM_NAME "sluice-shim"
#define INIT_NAME "sluice-init"

enum { PASSWD_MAX = 4 << 20 };

struct oci {
	struct executor base; /* first */
	uv_loop_t *loop;
	struct images *images;
	char *home, *runtime, *shim;
	char *init; /* the runtime is bwrap; NULL: it is an OCI one */
	const char *dir;
	bool takes_machine; /* for the image of that name; else it is refused */
	bool is_machine;    /* whatever image a job names */
	enum merge_way merge;
	char *what;
	struct spawner spawner;
	enum images_pull_when pull;
	const struct config_registries *registries;
	const struct gpus *gpus;
	struct map ready;       /* digest -> struct ready; loop thread only */
	struct network network; /* of all its containers; made when the first wants it */
};

/* An image that jobs of this run have started from. */
struct ready {
	struct image *image;
	struct strbuf passwd, group;
	char *targets; /* see targets.h */
};

static struct oci *to_oci(struct executor *e)
{
	return (struct oci *)e;
}

/* An ordinary user can make no overlay of "/": it would uncover what other mounts hide. */
static int need_root(struct error *err)
{
	return userns_is_root()
	               ? 0
	               : error_set(err, SLUICE_MISSING,
	                           "this machine's files as an image need root: start sluice as "
	                           "root, for instance by 'sudo'");
}

static int resolve_machine(const struct oci *oci, char ret_digest[72], struct error *err)
{
	if (!oci->takes_machine)
		return error_set(err, SLUICE_INVALID,
		                 "the image '" MACHINE_IMAGE
		                 "' would show this machine's own files to the job; the "
		                 "configuration can allow that by 'images: {host: true}'");
	memcpy(ret_digest, MACHINE_IMAGE, sizeof MACHINE_IMAGE);
	return need_root(err);
}

static int resolve(struct executor *e, const char *image, char ret_digest[72], struct error *err)
{
	const struct oci *oci = to_oci(e);
	const struct images_pull_how how = {
		.when = oci->pull,
		.registries = oci->registries,
		.look_only = e->order.look_only,
		.progress = e->order.progress,
		.stop = e->order.stop,
	};
	AUTO_FREE char *full = NULL;
	int rc;

	if (oci->is_machine || machine_is_image(image))
		return resolve_machine(oci, ret_digest, err);
	if (images_is_local(image)) {
		rc = images_take_local(oci->images, image, oci->dir, how.look_only, ret_digest,
		                       err);
	} else {
		rc = image_ref_normalize(image, &full, err);
		if (rc < 0)
			return rc;
		rc = images_pull(oci->images, image, &how, ret_digest, err);
	}
	return executors_lack_image(rc, err);
}

/* Its root is this machine's own files: a built-in step's, or by the image of that name. */
static bool shows_machine(const struct request *r)
{
	return r->root == ROOT_HOST || machine_is_image(r->image);
}

static int prepare(struct executor *e, const struct request *request, struct error *err)
{
	struct image *image;
	int rc;

	if (shows_machine(request))
		return 0;
	rc = images_load(to_oci(e)->images, request->image, request->progress, &image, err);
	if (rc == 0)
		image_free(image);
	return rc;
}

static void free_ready(void *value)
{
	struct ready *r = value;

	image_free(r->image);
	strbuf_release(&r->passwd);
	strbuf_release(&r->group);
	free(r->targets);
	free(r);
}

typedef int read_file_fn(const struct image *image, const char *path, struct strbuf *ret_text,
                         struct error *err);

/* What has no such file has an empty one. */
static int read_users(struct ready *r, read_file_fn *read_file, struct error *err)
{
	int rc = read_file(r->image, "/etc/passwd", &r->passwd, err);

	if (rc == 0 || rc == SLUICE_NOT_FOUND)
		rc = read_file(r->image, "/etc/group", &r->group, err);
	return rc == SLUICE_NOT_FOUND ? 0 : rc;
}

static int load_machine(struct ready *r, struct error *err)
{
	r->image = machine_image();
	return read_users(r, machine_read_file, err);
}

static int load_image(const struct oci *oci, const char *digest, struct ready *r, struct error *err)
{
	int rc = images_load(oci->images, digest, NULL, &r->image, err);

	if (rc == 0)
		rc = read_users(r, image_read_file, err);
	if (rc == 0)
		r->targets = targets_make(oci->home, r->image);
	return rc;
}

/* Held until the end of the run: nobody can delete the layers under a job. */
static int find_ready(struct oci *oci, const char *digest, struct ready **ret_ready,
                      struct error *err)
{
	struct ready *r = map_find(&oci->ready, digest);
	int rc;

	if (!r) {
		r = xcalloc(1, sizeof *r);
		r->passwd = r->group = STRBUF_INIT(PASSWD_MAX);
		rc = machine_is_image(digest) ? load_machine(r, err)
		                              : load_image(oci, digest, r, err);
		if (rc < 0) {
			free_ready(r);
			return rc;
		}
		(void)map_set(&oci->ready, digest, r);
	}
	*ret_ready = r;
	return 0;
}

static int stage_image(struct oci *oci, const struct launch *base,
                       const struct attempt_hooks *hooks, struct attempt **ret_attempt,
                       struct error *err)
{
	struct launch launch = *base;
	struct ready *r;
	int rc = find_ready(oci, base->request->image, &r, err);

	if (rc < 0)
		return rc;
	launch.image = r->image;
	launch.passwd = strbuf_str(&r->passwd);
	launch.group = strbuf_str(&r->group);
	launch.targets = r->targets;
	return attempt_stage(oci->loop, &oci->spawner, &launch, hooks, ret_attempt, err);
}

/* If its helper was killed, those who come later get another one. */
static int need_network(struct oci *oci, struct error *err)
{
	if (network_lives(&oci->network))
		return 0;
	network_close(&oci->network);
	return network_open(&oci->network, err);
}

static int stage(struct executor *e, const struct request *request,
                 const struct attempt_hooks *hooks, struct attempt **ret_attempt, struct error *err)
{
	struct oci *oci = to_oci(e);
	struct launch launch = {
		.request = request,
		.runtime = oci->runtime,
		.init = oci->init,
		.shim = oci->shim,
		.machine_without = shows_machine(request) ? oci->home : NULL,
		.gpus = request->gpus ? oci->gpus : NULL,
		.merge = oci->merge,
	};

	if (request->network == NETWORK_PRIVATE) {
		if (need_network(oci, err) < 0)
			return error_wrap(err, "no private network for '%s'", request->id);
		launch.network = &oci->network;
	}
	if (request->root == ROOT_HOST)
		return attempt_stage(oci->loop, &oci->spawner, &launch, hooks, ret_attempt, err);
	return stage_image(oci, &launch, hooks, ret_attempt, err);
}

static int adopt(struct executor *e, const char *dir, const char *image,
                 const struct attempt_hooks *hooks, struct attempt **ret_attempt, struct error *err)
{
	struct oci *oci = to_oci(e);
	struct error ignored; /* what runs has its layers */
	struct ready *r;

	if (image)
		(void)!find_ready(oci, image, &r, &ignored);
	return attempt_adopt(oci->loop, dir, hooks, ret_attempt, err);
}

static int sweep(struct executor *e, const char *dir, struct error *err)
{
	(void)e;
	return attempt_sweep(dir, err);
}

static void oci_free(struct executor *e)
{
	struct oci *oci = to_oci(e);

	map_release(&oci->ready, free_ready);
	spawner_release(&oci->spawner);
	network_close(&oci->network);
	free(oci->home);
	free(oci->runtime);
	free(oci->shim);
	free(oci->init);
	free(oci->what);
	free(oci);
}

static const struct executor_ops oci_ops = {
	.seals = true,
	.staged_stay = true,
	.resolve = resolve,
	.prepare = prepare,
	.stage = stage,
	.go = attempt_go,
	.adopt = adopt,
	.stop = attempt_stop,
	.sweep = sweep,
	.free = oci_free,
};

/* The first of the places where the shim may stand, or NULL. */
static char *find_shim(void)
{
	static const char *const beside[] = { SHIM_NAME, "../libexec/sluice/" SHIM_NAME };
	const char *told = getenv("SLUICE_SHIM");
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

	if (told && told[0])
		return realpath(told, NULL);
	program[n < 0 ? 0 : n] = '\0';
	if (strrchr(program, '/'))
		*strrchr(program, '/') = '\0';
	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", program, beside[i]);

		if (access(path, X_OK) == 0)
			return realpath(path, NULL);
	}
	return NULL;
}

/* NULL: `err` says why not. */
static char *need_shim(struct error *err)
{
	char *shim;

	if (userns_need(err) < 0)
		return NULL;
	shim = find_shim();
	if (!shim)
		(void)error_set(err, SLUICE_MISSING,
		                "the program '" SHIM_NAME "' is not beside sluice, where it is "
		                "installed; $SLUICE_SHIM can name it");
	return shim;
}

static struct oci *new_oci(uv_loop_t *loop, struct images *images,
                           const struct executor_options *options, const char *name,
                           char *runtime /* takes */, char *shim /* takes */)
{
	struct oci *oci = xmalloc(sizeof *oci);

	*oci = (struct oci){
		.base = { .ops = &oci_ops, .name = name, .what = runtime },
		.takes_machine = options->host_image,
		.loop = loop,
		.images = images,
		.home = xstrdup(options->home),
		.dir = options->dir,
		.pull = options->pull,
		.registries = options->registries,
		.gpus = options->gpus,
		.network = NETWORK_NONE_YET,
	};
	oci->runtime = runtime;
	oci->shim = shim;
	oci->spawner = (struct spawner)SPAWNER_INIT(shim, runtime);
	return oci;
}

/* What is not as usual is said. */
static void set_merge(struct oci *oci, enum merge_way merge)
{
	oci->merge = merge;
	if (merge != MERGE_OVERLAY)
		oci->base.what = oci->what =
			xasprintf("%s, with roots by %s", oci->runtime, merge_name(merge));
}

/* By the runtime that is wanted, or with an INIT by bwrap. */
static int make(uv_loop_t *loop, struct images *images, const struct executor_options *options,
                const char *wanted, char *shim /* takes */, char *init /* takes, or NULL */,
                struct executor **ret_executor, struct error *err)
{
	enum merge_way merge;
	char *runtime = NULL;
	struct oci *oci;
	int rc = merge_find(options->rootfs, options->home, &merge, err);

	if (rc == 0)
		rc = runtime_find(wanted, options->home, shim, init, &runtime, err);
	if (rc < 0) {
		free(shim);
		free(init);
		return rc;
	}
	oci = new_oci(loop, images, options, init ? "bwrap" : "oci", runtime, shim);
	oci->init = init;
	set_merge(oci, merge);
	*ret_executor = &oci->base;
	return 0;
}

int executor_oci_new(uv_loop_t *loop, struct images *images, const struct executor_options *options,
                     struct executor **ret_executor, struct error *err)
{
	const char *wanted = options->runtime ? options->runtime : getenv("SLUICE_RUNTIME");
	char *shim = need_shim(err);

	return shim ? make(loop, images, options, wanted && wanted[0] ? wanted : NULL, shim, NULL,
	                   ret_executor, err)
	            : err->class;
}

int executor_bwrap_new(uv_loop_t *loop, struct images *images,
                       const struct executor_options *options, struct executor **ret_executor,
                       struct error *err)
{
	AUTO_FREE char *shim = need_shim(err);
	AUTO_FREE char *init = NULL;

	if (!shim)
		return err->class;
	init = xasprintf("%.*s" INIT_NAME, (int)(strrchr(shim, '/') + 1 - shim), shim);
	if (access(init, X_OK) != 0)
		return error_set(err, SLUICE_MISSING,
		                 "the program '" INIT_NAME "' is not beside '%s', where it is "
		                 "installed",
		                 shim);
	return make(loop, images, options, NULL, take_ptr(&shim), take_ptr(&init), ret_executor,
	            err);
}

int executor_host_new(uv_loop_t *loop, struct images *images,
                      const struct executor_options *options, struct executor **ret_executor,
                      struct error *err)
{
	struct executor *e = NULL;
	struct oci *oci;
	int rc = need_root(err);

	if (rc == 0)
		rc = executor_oci_new(loop, images, options, &e, err);
	if (rc < 0)
		return rc;
	oci = to_oci(e);
	oci->takes_machine = oci->is_machine = true;
	free(oci->what);
	oci->what = xasprintf("this machine's own files, whatever image a job names, by %s",
	                      oci->runtime);
	e->name = "host";
	e->what = oci->what;
	*ret_executor = e;
	return 0;
}
