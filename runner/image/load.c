/*
 * From a manifest to unpacked layers.
 *
 * A directory HOME/layers/HEX is trusted for ever, so it must not exist before its last byte is on
 * the disk: each layer is unpacked into HOME/tmp, one syncfs() covers all of them, and only then
 * do they get their names.  Killed before, a load leaves only HOME/tmp/image-*, which the next
 * images_open() removes.
 *
 * Locks of the layers are taken in the order of their names and all before the first unpack: two
 * loads of images that share layers cannot wait for each other in a ring.
 */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/io.h"
#include "base/parallel.h"
#include "base/xalloc.h"
#include "image/layout.h"
#include "image/unpack.h"

/* One layer of the image, each diff id once: a lower layer that is brought again further up adds
 * nothing, and overlayfs refuses a directory that it is given twice. */
struct layer {
	const char *diff_id; /* borrowed from the config */
	const char *blob;    /* borrowed from the manifest */
	int lock;
	char temp[32]; /* "" if it is there already */
	struct error error;
};

struct load {
	struct images *im;
	struct progress *progress;
	const struct layout_arrivals *arrivals; /* NULL: the blobs are in the layout */
	struct layer layer[OCI_LAYERS_MAX];     /* the topmost first */
	size_t n;
};

static bool has_layer(const struct load *load, const char *diff_id)
{
	for (size_t i = 0; i < load->n; i++)
		if (strcmp(load->layer[i].diff_id, diff_id) == 0)
			return true;
	return false;
}

static void list_layers(struct load *load, const struct oci_manifest *manifest,
                        const struct oci_config *config)
{
	for (size_t i = config->n_layers; i-- > 0;)
		if (!has_layer(load, config->diff_id[i]))
			load->layer[load->n++] = (struct layer){
				.diff_id = config->diff_id[i],
				.blob = manifest->layer[i].digest,
				.lock = -1,
			};
}

static bool is_unpacked(const struct load *load, const struct layer *layer)
{
	return faccessat(load->im->layers_fd, layer->diff_id + 7, F_OK, 0) == 0;
}

static int by_diff_id(const void *a, const void *b)
{
	const struct layer *const *x = a;
	const struct layer *const *y = b;

	return strcmp((*x)->diff_id, (*y)->diff_id);
}

/* Locks what is missing; what another process has unpacked meanwhile is missing no more.
 * LAYOUT_BUSY if it is still about it, and we may not wait. */
static int lock_missing(struct load *load, struct error *err)
{
	struct layer *order[OCI_LAYERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < load->n; i++)
		if (!is_unpacked(load, &load->layer[i]))
			order[n++] = &load->layer[i];
	if (n > 0)
		qsort(order, n, sizeof *order, by_diff_id);
	for (size_t i = 0; i < n; i++) {
		char name[DIGEST_HEX_LEN + 2];
		char random[DATASET_ID_LEN + 1];

		(void)snprintf(name, sizeof name, ".%s", order[i]->diff_id + 7);
		order[i]->lock =
			lock_take(load->im->layers_fd, name, LOCK_EXCLUSIVE, !load->arrivals);
		if (order[i]->lock == -EWOULDBLOCK)
			return LAYOUT_BUSY;
		if (order[i]->lock < 0)
			return error_sys(err, order[i]->lock, "cannot lock layer %s",
			                 order[i]->diff_id);
		if (is_unpacked(load, order[i]))
			continue;
		id_new_dataset(random);
		(void)snprintf(order[i]->temp, sizeof order[i]->temp, LAYOUT_TEMP_PREFIX "%s",
		               random);
	}
	return 0;
}

/* NULL: nobody looks. */
static struct layer_progress *shown_of(const struct load *load, const struct layer *layer)
{
	return load->arrivals ? layers_find(load->arrivals->shown, layer->blob) : NULL;
}

static int unpack_into_temp(struct load *load, struct layer *layer, int blob, struct error *err)
{
	struct layer_progress *shown = shown_of(load, layer);
	const struct unpack_limits limits = UNPACK_LIMITS;
	AUTO_FD int root = -1;
	struct digest packed;
	struct digest tar;

	(void)posix_fadvise(blob, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (mkdirat(load->im->tmp_fd, layer->temp, 0755) != 0)
		return error_sys(err, errno, "cannot make a directory in '%s/tmp'", load->im->home);
	root = io_open_beneath(load->im->tmp_fd, layer->temp, O_RDONLY | O_DIRECTORY, 0);
	if (root < 0 || fchmod(root, 0755) != 0)
		return error_sys(err, root < 0 ? root : errno, "cannot open '%s/tmp/%s'",
		                 load->im->home, layer->temp);
	if (!oci_digest_parse(layer->blob, &packed) || !oci_digest_parse(layer->diff_id, &tar))
		return error_set(err, SLUICE_INVALID, "layer %s has no digest", layer->blob);
	layer_is(shown, LAYER_UNPACKS);
	return unpack_layer(
		&(struct unpack_blob){ .fd = blob,
	                               .packed = &packed,
	                               .tar = &tar,
	                               .progress = shown ? &shown->unpacked : load->progress },
		root, &limits, err);
}

/* Bytes that arrive are counted by who lets them. */
static struct progress *layers_of(const struct load *load)
{
	return load->arrivals ? load->arrivals->layers : load->progress;
}

static int unpack_blob(struct load *load, struct layer *layer, int blob)
{
	if (!layer->temp[0])
		return 0;
	if (unpack_into_temp(load, layer, blob, &layer->error) == 0) {
		layer_is(shown_of(load, layer), LAYER_THERE);
		progress_add_parts(layers_of(load), 1);
		return 0;
	}
	return error_wrap(&layer->error, "cannot unpack layer %s", layer->blob);
}

static int unpack_item(void *arg, void *state, size_t i)
{
	struct load *load = arg;
	struct layer *layer = &load->layer[i];
	AUTO_FD int blob = -1;

	(void)state;
	if (!layer->temp[0])
		return 0;
	blob = openat(load->im->blobs_fd, layer->blob + 7, O_RDONLY | O_CLOEXEC);
	if (blob < 0)
		return error_sys(&layer->error, errno, "cannot open blob %s", layer->blob);
	return unpack_blob(load, layer, blob);
}

static int unpack_arrival(void *arg, void *state, size_t i)
{
	struct load *load = arg;
	const char *digest;
	AUTO_FD int blob = -1;
	struct error stopped; /* by who lets them arrive, and knows why */
	int rc = load->arrivals->next(load->arrivals->arg, &digest, &blob, &stopped);

	(void)state;
	(void)i;
	for (size_t k = 0; rc == 0 && k < load->n; k++)
		if (strcmp(load->layer[k].blob, digest) == 0)
			rc = unpack_blob(load, &load->layer[k], blob);
	return rc;
}

static int publish(struct load *load, struct error *err)
{
	struct images *im = load->im;

	if (syncfs(im->tmp_fd) != 0)
		return error_sys(err, errno, "cannot write the layers to the disk");
	for (size_t i = 0; i < load->n; i++) {
		struct layer *layer = &load->layer[i];

		if (!layer->temp[0])
			continue;
		if (renameat(im->tmp_fd, layer->temp, im->layers_fd, layer->diff_id + 7) != 0)
			return error_sys(err, errno, "cannot put layer %s in place",
			                 layer->diff_id);
		layer->temp[0] = '\0';
	}
	if (fsync(im->layers_fd) != 0)
		return error_sys(err, errno, "cannot write '%s/layers' to the disk", im->home);
	return 0;
}

/* 1 if the layer has to be unpacked. */
static size_t expect_layer(const struct load *load, const struct layer *layer)
{
	struct stat st;

	if (!layer->temp[0]) {
		layer_is(shown_of(load, layer), LAYER_THERE);
		return 0;
	}
	if (fstatat(load->im->blobs_fd, layer->blob + 7, &st, 0) == 0)
		progress_expect(load->progress, (uint64_t)st.st_size);
	return 1;
}

/* The first that failed says why. */
static int first_error(const struct load *load, struct error *err)
{
	for (size_t i = 0; i < load->n; i++)
		if (load->layer[i].error.class != 0) {
			*err = load->layer[i].error;
			return err->class;
		}
	return error_set(err, SLUICE_CANCELED, "not all of its layers have come");
}

static int unpack_missing(struct load *load, struct error *err)
{
	static const struct parallel_ops from_layout = { .item = unpack_item };
	static const struct parallel_ops as_they_come = { .item = unpack_arrival };
	size_t missing = 0;
	int rc;

	for (size_t i = 0; i < load->n; i++)
		missing += expect_layer(load, &load->layer[i]);
	progress_expect_parts(layers_of(load), (unsigned)load->n);
	progress_add_parts(layers_of(load), (unsigned)(load->n - missing));
	if (missing == 0)
		return 0;
	rc = load->arrivals ? parallel_run(load->arrivals->n, 0, &as_they_come, load)
	                    : parallel_run(load->n, 0, &from_layout, load);
	return rc == 0 ? publish(load, err) : first_error(load, err);
}

static void load_release(struct load *load)
{
	for (size_t i = 0; i < load->n; i++) {
		struct layer *layer = &load->layer[i];

		if (layer->temp[0] && io_remove_tree(load->im->tmp_fd, layer->temp) != 0)
			continue; /* the next images_open() has another try */
		cleanup_fd(&layer->lock);
	}
}

static int unpack_layers(struct load *load, const struct oci_manifest *manifest,
                         const struct oci_config *config, struct image *image, struct error *err)
{
	int rc;

	list_layers(load, manifest, config);
	rc = lock_missing(load, err);
	if (rc == 0)
		rc = unpack_missing(load, err);
	if (rc == 0) {
		image->layers = xcalloc(load->n, sizeof *image->layers);
		for (; image->n_layers < load->n; image->n_layers++)
			image->layers[image->n_layers] =
				xasprintf("%s/layers/%s", load->im->home,
			                  load->layer[image->n_layers].diff_id + 7);
	}
	load_release(load);
	return rc;
}

/* When a layer was last loaded decides which goes first when room is wanted. */
static void touch(const struct image *image)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };

	for (size_t i = 0; i < image->n_layers; i++)
		(void)utimensat(AT_FDCWD, image->layers[i], times, AT_SYMLINK_NOFOLLOW);
}

static void take_process(struct image *image, struct oci_config *config)
{
	image->entrypoint = take_ptr(&config->entrypoint);
	image->cmd = take_ptr(&config->cmd);
	image->env = take_ptr(&config->env);
	image->user = take_ptr(&config->user);
	image->workdir = take_ptr(&config->workdir);
	image->stop_signal = take_ptr(&config->stop_signal);
}

static int load_into(struct load *load, const char *digest, struct image *image, struct error *err)
{
	struct images *im = load->im;
	AUTO_OCI_MANIFEST struct oci_manifest manifest = { 0 };
	AUTO_OCI_CONFIG struct oci_config config = { 0 };
	AUTO_FD int lock = -1;
	int rc = layout_lock(im, LOCK_SHARED, &lock, err);

	if (rc != 0)
		return rc;
	image->lock = lock_take(im->layers_fd, LAYOUT_LOCK, LOCK_SHARED, true);
	if (image->lock < 0)
		return error_sys(err, image->lock, "cannot lock '%s/layers'", im->home);
	rc = layout_manifest(im, digest, &manifest, err);
	if (rc == 0)
		rc = layout_config(im, &manifest, &config, err);
	if (rc == 0)
		rc = unpack_layers(load, &manifest, &config, image, err);
	if (rc != 0)
		return rc;
	touch(image);
	layout_touch(im, digest);
	memcpy(image->digest, digest, strlen(digest) + 1);
	take_process(image, &config);
	return 0;
}

static int load_by(struct load *load, const char *digest, struct image **ret_image,
                   struct error *err)
{
	struct image *image = xcalloc(1, sizeof *image);
	int rc;

	image->lock = -1;
	rc = load_into(load, digest, image, err);
	free(load);
	if (rc != 0) {
		image_free(image);
		return rc < 0 ? error_wrap(err, "cannot load image %s", digest) : rc;
	}
	*ret_image = image;
	return 0;
}

int images_load(struct images *im, const char *digest, struct progress *progress,
                struct image **ret_image, struct error *err)
{
	struct load *load = xcalloc(1, sizeof *load);

	load->im = im;
	load->progress = progress;
	return load_by(load, digest, ret_image, err);
}

int layout_load(struct images *im, const char *digest, const struct layout_arrivals *arrivals,
                struct image **ret_image, struct error *err)
{
	struct load *load = xcalloc(1, sizeof *load);

	load->im = im;
	load->arrivals = arrivals;
	return load_by(load, digest, ret_image, err);
}

static void list_free(char **list, size_t n)
{
	for (size_t i = 0; list && (n > 0 ? i < n : list[i] != NULL); i++)
		free(list[i]);
	free(list);
}

void image_free(struct image *image)
{
	if (!image)
		return;
	list_free(image->layers, image->n_layers);
	list_free(image->entrypoint, 0);
	list_free(image->cmd, 0);
	list_free(image->env, 0);
	free(image->user);
	free(image->workdir);
	free(image->stop_signal);
	cleanup_fd(&image->lock);
	free(image);
}
