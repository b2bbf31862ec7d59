/*
 * An image leaves the home: as an OCI layout that holds it alone, or as what `docker save` writes,
 * whose layers are plain tars.  Every byte is held against its digest on the way out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "image/blob.h"
#include "image/image.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/sink.h"
#include "image/stream.h"
#include "image/unpack.h"

struct export
{
	struct images *im;
	struct layout_found found;
	struct oci_manifest manifest;
	struct oci_config config;
	struct map written; /* digests in hex: some images have a layer twice */
	struct sink sink;
};

/* True the first time. */
static bool is_new(struct export *x, const char *digest)
{
	bool seen = map_find(&x->written, digest + 7) != NULL;

	if (!seen)
		(void)map_set(&x->written, digest + 7, x);
	return !seen;
}

static int open_blob(const struct export *x, const char *digest, uint64_t *ret_size,
                     struct error *err)
{
	AUTO_FD int fd = openat(x->im->blobs_fd, digest + 7, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return error_sys(err, errno, "cannot read blob %s in '%s/images'", digest,
		                 x->im->home);
	*ret_size = (uint64_t)st.st_size;
	return take_fd(&fd);
}

static int parse_digest(const char *text, struct digest *ret_digest, struct error *err)
{
	if (oci_digest_parse(text, ret_digest))
		return 0;
	return error_set(err, SLUICE_INVALID, "'%s' is no digest", text);
}

static int put_blob(struct export *x, const char *digest, const char *name, struct error *err)
{
	uint64_t size = 0;
	struct digest want;
	AUTO_FD int fd = open_blob(x, digest, &size, err);

	int rc = fd < 0 ? fd : parse_digest(digest, &want, err);

	return rc == 0 ? sink_file(&x->sink, name, fd, size, &want, err) : rc;
}

/* --- an OCI layout ---------------------------------------------------------------------------- */

static char *index_text(const struct export *x)
{
	AUTO_JSON cJSON *doc = json_new_obj();
	cJSON *manifests = json_new_arr();
	cJSON *entry = json_new_obj();

	json_add_str(entry, "mediaType",
	             x->found.manifest.type ? x->found.manifest.type : OCI_TYPE_MANIFEST);
	json_add_str(entry, "digest", x->found.manifest.digest);
	json_add_int(entry, "size", (int64_t)x->found.manifest.size);
	if (x->found.name) {
		cJSON *annotations = json_new_obj();

		json_add_str(annotations, OCI_ANNOTATION_NAME, x->found.name);
		json_add(entry, "annotations", annotations);
	}
	json_push(manifests, entry);
	json_add_int(doc, "schemaVersion", 2);
	json_add_str(doc, "mediaType", OCI_TYPE_INDEX);
	json_add(doc, "manifests", manifests);
	return json_print(doc);
}

static int put_layout_blob(struct export *x, const char *digest, struct error *err)
{
	AUTO_FREE char *name = xasprintf("blobs/sha256/%s", digest + 7);

	return is_new(x, digest) ? put_blob(x, digest, name, err) : 0;
}

static int put_layout(struct export *x, struct error *err)
{
	AUTO_FREE char *index = index_text(x);
	int rc = sink_text(&x->sink, "oci-layout", OCI_LAYOUT_TEXT, err);

	if (rc == 0)
		rc = sink_text(&x->sink, "index.json", index, err);
	if (rc == 0)
		rc = put_layout_blob(x, x->found.manifest.digest, err);
	if (rc == 0)
		rc = put_layout_blob(x, x->manifest.config.digest, err);
	for (size_t i = 0; rc == 0 && i < x->manifest.n_layers; i++)
		rc = put_layout_blob(x, x->manifest.layer[i].digest, err);
	return rc;
}

/* --- what docker save writes ------------------------------------------------------------------ */

static char *saved_text(const struct export *x)
{
	AUTO_JSON cJSON *doc = json_new_arr();
	AUTO_FREE char *config = xasprintf("%s.json", x->manifest.config.digest + 7);
	cJSON *image = json_new_obj();
	cJSON *names = json_new_arr();
	cJSON *layers = json_new_arr();

	if (x->found.name)
		json_push_str(names, x->found.name);
	for (size_t i = 0; i < x->config.n_layers; i++) {
		AUTO_FREE char *layer = xasprintf("%s.tar", x->config.diff_id[i] + 7);

		json_push_str(layers, layer);
	}
	json_add_str(image, "Config", config);
	json_add(image, "RepoTags", names);
	json_add(image, "Layers", layers);
	json_push(doc, image);
	return json_print(doc);
}

/* A tar's size goes before its bytes, so they are had first.  If they make no sense, that is said
 * by stream_check(). */
static int spool(struct stream *s, struct blob *plain, int tmp_fd, struct error *err)
{
	const void *data = NULL;
	int64_t n;
	int rc = blob_begin(plain, tmp_fd, err);

	while (rc == 0 && (n = stream_read(s, &data)) > 0)
		rc = blob_write(plain, data, (size_t)n, err);
	return rc;
}

static int put_plain(struct export *x, size_t i, const char *name, struct error *err)
{
	const struct unpack_limits limits = UNPACK_LIMITS;
	AUTO_BLOB struct blob plain = { 0 };
	struct digest blob, tar;
	uint64_t size = 0;
	AUTO_FD int fd = open_blob(x, x->manifest.layer[i].digest, &size, err);
	struct stream *s = fd < 0 ? NULL : stream_new(fd, &limits);
	int rc = s ? spool(s, &plain, x->im->tmp_fd, err) : fd;

	if (rc == 0)
		rc = parse_digest(x->manifest.layer[i].digest, &blob, err);
	if (rc == 0)
		rc = parse_digest(x->config.diff_id[i], &tar, err);
	if (rc == 0)
		rc = stream_check(s, &blob, &tar, err);
	stream_free(s);
	progress_expect(x->sink.progress, plain.size - size);
	if (rc == 0 && lseek(plain.fd, 0, SEEK_SET) < 0)
		rc = error_sys(err, errno, "cannot read a temporary file");
	return rc == 0 ? sink_file(&x->sink, name, plain.fd, plain.size, &tar, err) : rc;
}

static int put_saved_layer(struct export *x, size_t i, struct error *err)
{
	const char *digest = x->manifest.layer[i].digest;
	const char *diff_id = x->config.diff_id[i];
	AUTO_FREE char *name = xasprintf("%s.tar", diff_id + 7);

	if (!is_new(x, diff_id))
		return 0;
	return strcmp(digest, diff_id) == 0 ? put_blob(x, digest, name, err)
	                                    : put_plain(x, i, name, err);
}

static int put_saved(struct export *x, struct error *err)
{
	AUTO_FREE char *index = saved_text(x);
	AUTO_FREE char *config = xasprintf("%s.json", x->manifest.config.digest + 7);
	int rc = sink_text(&x->sink, "manifest.json", index, err);

	if (rc == 0)
		rc = put_blob(x, x->manifest.config.digest, config, err);
	for (size_t i = 0; rc == 0 && i < x->manifest.n_layers; i++) {
		rc = put_saved_layer(x, i, err);
		if (rc != 0)
			(void)error_wrap(err, "layer %s (%zu of %zu)", x->manifest.layer[i].digest,
			                 i + 1, x->manifest.n_layers);
	}
	return rc;
}

/* --- both ------------------------------------------------------------------------------------- */

static int export_to(struct export *x, const struct images_export_how *how, struct error *err)
{
	int rc = sink_open(&x->sink, how->fd, how->form != IMAGES_OCI_DIR, how->progress, err);

	for (size_t i = 0; i < x->manifest.n_layers; i++)
		progress_expect(how->progress, x->manifest.layer[i].size);
	if (rc == 0)
		rc = how->form == IMAGES_DOCKER_ARCHIVE ? put_saved(x, err) : put_layout(x, err);
	if (rc == 0)
		rc = sink_finish(&x->sink, err);
	sink_release(&x->sink);
	return rc;
}

int images_export(struct images *im, const char *ref, const struct images_export_how *how,
                  struct error *err)
{
	struct export x = { .im = im };
	AUTO_FD int lock = -1;
	int rc = layout_lock(im, LOCK_SHARED, &lock, err);

	if (rc == 0)
		rc = layout_find(im, ref, &x.found, err);
	if (rc == 0)
		rc = layout_manifest(im, x.found.manifest.digest, &x.manifest, err);
	if (rc == 0)
		rc = layout_config(im, &x.manifest, &x.config, err);
	if (rc == 0)
		rc = export_to(&x, how, err);
	map_release(&x.written, NULL);
	oci_manifest_release(&x.manifest);
	oci_config_release(&x.config);
	free(x.found.name);
	return rc < 0 ? error_wrap(err, "cannot export image '%s'", ref) : 0;
}
