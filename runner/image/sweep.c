/*
 * What no name needs any more goes.  Marking reads every manifest that the index names; one that
 * cannot be read might need anything, so then nothing is removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/io.h"
#include "base/map.h"
#include "base/usage.h"
#include "base/xalloc.h"
#include "image/image.h"
#include "image/layout.h"

/* Digests as hex; any value that is not NULL means "keep". */
struct keep {
	struct images *im;
	struct layout_sweep *sweep;
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

static bool is_without(const struct keep *keep, const struct oci_descriptor *d)
{
	AUTO_FREE char *name = keep->sweep->without ? layout_full_name(d->name) : NULL;

	return name && map_find(keep->sweep->without, name);
}

static int mark_all(struct keep *keep, struct error *err)
{
	AUTO_OCI_INDEX struct oci_index top = { 0 };
	struct pending list = { 0 };
	int rc = layout_index(keep->im, &top, err);

	for (size_t i = 0; rc == 0 && i < top.n; i++)
		if (!is_without(keep, &top.manifest[i]))
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

typedef int remove_fn(struct keep *keep, const char *name);

/* Calls REMOVE for each entry of the directory that is named like a digest and not kept. */
static int sweep_dir(struct keep *keep, int dirfd, const struct map *kept, remove_fn *remove)
{
	AUTO_DIR DIR *dir = io_open_dir(dirfd, ".");
	const struct dirent *e;
	int rc = 0;

	if (!dir)
		return -errno;
	while (rc == 0 && (e = readdir(dir)) != NULL) {
		struct digest d;

		if (digest_parse(e->d_name, &d) && strlen(e->d_name) == DIGEST_HEX_LEN &&
		    !map_find(kept, e->d_name))
			rc = remove(keep, e->d_name);
	}
	return rc;
}

static int remove_blob(struct keep *keep, const char *name)
{
	struct stat st;

	if (fstatat(keep->im->blobs_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		keep->sweep->bytes += (uint64_t)st.st_blocks * 512;
	if (keep->sweep->dry_run)
		return 0;
	return unlinkat(keep->im->blobs_fd, name, 0) != 0 && errno != ENOENT ? -errno : 0;
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

static int remove_layer(struct keep *keep, const char *hex)
{
	AUTO_FREE char *path = xasprintf("%s/layers/%s", keep->im->home, hex);
	struct usage usage = { 0 };
	int rc = usage_add(path, &usage);

	if (rc == 0 && !keep->sweep->dry_run)
		rc = layout_remove_layer(keep->im, hex);
	keep->sweep->bytes += usage.bytes;
	return rc;
}

static int remove_targets(const struct keep *keep)
{
	AUTO_FREE char *path = xasprintf("%s/" IMAGE_TARGETS, keep->im->home);

	return keep->sweep->dry_run ? 0 : io_remove_tree(AT_FDCWD, path);
}

static int sweep_layers(struct keep *keep)
{
	AUTO_FD int lock = lock_take(keep->im->layers_fd, LAYOUT_LOCK, LOCK_EXCLUSIVE, false);
	int rc;

	if (lock == -EWOULDBLOCK) {
		keep->sweep->in_use = true;
		return 0; /* the next sweep gets them */
	}
	if (lock < 0)
		return lock;
	rc = sweep_dir(keep, keep->im->layers_fd, &keep->layers, remove_layer);
	return rc < 0 ? rc : remove_targets(keep);
}

int layout_sweep(struct images *im, struct layout_sweep *sweep, struct error *err)
{
	struct keep keep = { .im = im, .sweep = sweep };
	int rc = mark_all(&keep, err);

	if (rc == 0) {
		int sys = sweep_dir(&keep, im->blobs_fd, &keep.blobs, remove_blob);

		if (sys == 0)
			sys = sweep_layers(&keep);
		if (sys < 0)
			rc = error_sys(err, sys, "cannot remove from '%s'", im->home);
	}
	map_release(&keep.blobs, NULL);
	map_release(&keep.layers, NULL);
	return rc;
}
