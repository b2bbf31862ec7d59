/*
 * What no name needs any more goes.  Marking reads every manifest that the index names; one that
 * cannot be read might need anything, so then nothing is removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/io.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "image/layout.h"

/* Digests as hex; any value that is not NULL means "keep". */
struct keep {
	struct images *im;
	struct map blobs, layers;
};

static void mark(struct map *set, const char *digest)
{
	(void)map_set(set, digest + 7, set);
}

static int mark_manifest(struct keep *keep, const char *digest, struct error *err)
{
	AUTO_OCI_MANIFEST struct oci_manifest manifest = { 0 };
	AUTO_OCI_CONFIG struct oci_config config = { 0 };
	int rc = layout_manifest(keep->im, digest, &manifest, err);

	if (rc == 0)
		rc = layout_config(keep->im, &manifest, &config, err);
	if (rc != 0)
		return rc;
	mark(&keep->blobs, manifest.config.digest);
	for (size_t i = 0; i < manifest.n_layers; i++)
		mark(&keep->blobs, manifest.layer[i].digest);
	for (size_t i = 0; i < config.n_layers; i++)
		mark(&keep->layers, config.diff_id[i]);
	return 0;
}

/* The work list of an index grows by the indexes it names; each document is read once. */
struct pending {
	struct oci_descriptor *at;
	size_t n, cap;
};

static void pending_add(struct pending *list, const struct oci_descriptor *d, struct map *seen)
{
	if (map_find(seen, d->digest + 7))
		return;
	mark(seen, d->digest);
	list->at = xgrow(list->at, list->n, &list->cap, sizeof *list->at);
	list->at[list->n] = (struct oci_descriptor){ .is_index = d->is_index };
	memcpy(list->at[list->n++].digest, d->digest, sizeof d->digest);
}

static int mark_index(struct keep *keep, const char *digest, struct pending *list,
                      struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	AUTO_OCI_INDEX struct oci_index index = { 0 };
	int rc = layout_document(keep->im, digest, &text, err);

	if (rc == 0)
		rc = oci_index_parse(strbuf_str(&text), text.len, digest, &index, err);
	for (size_t i = 0; rc == 0 && i < index.n; i++)
		pending_add(list, &index.manifest[i], &keep->blobs);
	return rc;
}

/* An index of another program may name platforms that were never copied here. */
static bool is_here(const struct keep *keep, const struct oci_descriptor *d)
{
	return faccessat(keep->im->blobs_fd, d->digest + 7, F_OK, 0) == 0;
}

static int mark_all(struct keep *keep, struct error *err)
{
	AUTO_OCI_INDEX struct oci_index top = { 0 };
	struct pending list = { 0 };
	int rc = layout_index(keep->im, &top, err);

	for (size_t i = 0; rc == 0 && i < top.n; i++)
		pending_add(&list, &top.manifest[i], &keep->blobs);
	while (rc == 0 && list.n > 0) {
		struct oci_descriptor d = list.at[--list.n];

		if (is_here(keep, &d))
			rc = d.is_index ? mark_index(keep, d.digest, &list, err)
			                : mark_manifest(keep, d.digest, err);
	}
	free(list.at);
	return rc;
}

typedef int remove_fn(struct images *im, const char *name);

/* Calls REMOVE for each entry of the directory that is named like a digest and not kept. */
static int sweep_dir(struct images *im, int dirfd, const struct map *keep, remove_fn *remove)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int rc = 0;

	if (!dir)
		return -errno;
	while (rc == 0 && (e = readdir(dir)) != NULL) {
		struct digest d;

		if (digest_parse(e->d_name, &d) && strlen(e->d_name) == DIGEST_HEX_LEN &&
		    !map_find(keep, e->d_name))
			rc = remove(im, e->d_name);
	}
	return rc;
}

static int remove_blob(struct images *im, const char *name)
{
	return unlinkat(im->blobs_fd, name, 0) != 0 && errno != ENOENT ? -errno : 0;
}

/* Out of sight first: a layer that is half removed must never be found under its name. */
int layout_remove_layer(struct images *im, const char *hex)
{
	char random[DATASET_ID_LEN + 1];
	char temp[32];
	char lock[DIGEST_HEX_LEN + 2];

	id_new_dataset(random);
	(void)snprintf(temp, sizeof temp, LAYOUT_TEMP_PREFIX "%s", random);
	(void)snprintf(lock, sizeof lock, ".%s", hex);
	if (renameat(im->layers_fd, hex, im->tmp_fd, temp) != 0)
		return -errno;
	(void)unlinkat(im->layers_fd, lock, 0);
	return io_remove_tree(im->tmp_fd, temp);
}

static int sweep_layers(struct images *im, const struct map *keep)
{
	AUTO_FD int lock = lock_take(im->layers_fd, LAYOUT_LOCK, LOCK_EXCLUSIVE, false);

	if (lock == -EWOULDBLOCK)
		return 0; /* in use: the next sweep gets them */
	return lock < 0 ? lock : sweep_dir(im, im->layers_fd, keep, layout_remove_layer);
}

int layout_sweep(struct images *im, struct error *err)
{
	struct keep keep = { .im = im };
	AUTO_FD int lock = -1;
	int rc = layout_lock(im, LOCK_EXCLUSIVE, &lock, err);

	if (rc != 0)
		return rc;
	rc = mark_all(&keep, err);
	if (rc == 0) {
		int sys = sweep_dir(im, im->blobs_fd, &keep.blobs, remove_blob);

		if (sys == 0)
			sys = sweep_layers(im, &keep.layers);
		if (sys < 0)
			rc = error_sys(err, sys, "cannot remove from '%s'", im->home);
	}
	map_release(&keep.blobs, NULL);
	map_release(&keep.layers, NULL);
	return rc;
}
