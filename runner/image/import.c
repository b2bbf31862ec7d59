/*
 * Two forms come in: an OCI layout (index.json) and what `docker save` writes (manifest.json).
 * Docker since 25 writes both into one archive; the first is the better one, because it has the
 * image's own manifest and so its digest.
 *
 * Blobs first, then the name: an import that is killed leaves blobs that nothing names, and the
 * next images_delete() sweeps them.
 */
#include "image/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "image/reference.h"

static void blob_name(const char *digest, char ret_name[96])
{
	(void)snprintf(ret_name, 96, "blobs/sha256/%.*s", DIGEST_HEX_LEN, digest + 7);
}

/* A document of the source, held against its digest: nothing unverified is even looked at. */
static int read_verified(void *arg, const char *digest, struct strbuf *ret_text, struct error *err)
{
	const struct source *source = arg;
	struct digest want;
	struct digest is;
	char name[96];
	int rc;

	blob_name(digest, name);
	rc = source_text(source, name, ret_text, err);
	if (rc != 0)
		return rc;
	is = digest_of(strbuf_str(ret_text), ret_text->len);
	if (!oci_digest_parse(digest, &want) || !digest_equal(&is, &want))
		return error_set(err, SLUICE_CORRUPT,
		                 "'%s' does not match its digest; get the file again", name);
	return 0;
}

static int read_manifest(struct import *in, const char *digest, struct oci_manifest *ret_manifest,
                         struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	AUTO_FREE char *what = xasprintf("manifest %s", digest);
	int rc = read_verified(in->source, digest, &text, err);

	if (rc != 0)
		return rc;
	return oci_manifest_parse(strbuf_str(&text), text.len, what, ret_manifest, err);
}

/* Reads the config of an image under the name that the source has for it. */
static int read_config(struct import *in, const char *member, size_t n_layers,
                       struct oci_config *ret_config, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	AUTO_OCI_CONFIG struct oci_config config = { 0 };
	AUTO_FREE char *what = xasprintf("image config '%s'", member);
	int rc = source_text(in->source, member, &text, err);

	if (rc == 0)
		rc = oci_config_parse(strbuf_str(&text), text.len, what, &config, err);
	if (rc == 0)
		rc = layout_check_platform(&config, "the image", err);
	if (rc != 0)
		return rc;
	if (config.n_layers != n_layers)
		return error_set(err, SLUICE_INVALID, "%s has %zu diff ids for %zu layers", what,
		                 config.n_layers, n_layers);
	*ret_config = config;
	config = (struct oci_config){ 0 };
	return 0;
}

static int store_blob(struct import *in, const struct oci_descriptor *want, struct error *err)
{
	struct oci_descriptor got;
	struct digest digest;
	char name[96];
	int rc;

	blob_name(want->digest, name);
	if (!oci_digest_parse(want->digest, &digest))
		return error_set(err, SLUICE_INVALID, "'%s' is no digest", want->digest);
	rc = source_store(in->source, name, &digest, &got, err);
	if (rc == 0 && got.size != want->size)
		rc = error_set(err, SLUICE_INVALID,
		               "blob %s has %llu bytes, not the %llu that "
		               "its manifest gives",
		               want->digest, (unsigned long long)got.size,
		               (unsigned long long)want->size);
	return rc;
}

static int store_oci(struct import *in, struct oci_descriptor *manifest, struct error *err)
{
	AUTO_OCI_MANIFEST struct oci_manifest m = { 0 };
	AUTO_OCI_CONFIG struct oci_config config = { 0 };
	char name[96];
	int rc = read_manifest(in, manifest->digest, &m, err);

	if (rc != 0)
		return rc;
	rc = store_blob(in, &m.config, err);
	blob_name(m.config.digest, name);
	if (rc == 0)
		rc = read_config(in, name, m.n_layers, &config, err);
	for (size_t i = 0; rc == 0 && i < m.n_layers; i++)
		rc = store_blob(in, &m.layer[i], err);
	return rc == 0 ? store_blob(in, manifest, err) : rc;
}

static const char *layer_type(const unsigned char *head, int len)
{
	if (len >= 2 && head[0] == 0x1f && head[1] == 0x8b)
		return OCI_TYPE_LAYER "+gzip";
	if (len >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
		return OCI_TYPE_LAYER "+zstd";
	return OCI_TYPE_LAYER;
}

/* A plain tar is its diff id; of a compressed one the diff id is checked when it is unpacked. */
static int store_saved_layer(struct import *in, const char *member, const char *diff_id,
                             struct oci_descriptor *ret_layer, const char **ret_type,
                             struct error *err)
{
	unsigned char head[4];
	struct digest expect;
	bool plain;
	int len = source_peek(in->source, member, head, sizeof head, err);

	if (len < 0)
		return len;
	*ret_type = layer_type(head, len);
	plain = strcmp(*ret_type, OCI_TYPE_LAYER) == 0;
	if (!oci_digest_parse(diff_id, &expect))
		return error_set(err, SLUICE_INVALID, "'%s' is no digest", diff_id);
	return source_store(in->source, member, plain ? &expect : NULL, ret_layer, err);
}

/* `docker save` has no manifest: it is written here, always the same one for the same image. */
static int store_saved(struct import *in, const struct oci_saved *saved,
                       struct oci_descriptor *ret_manifest, struct error *err)
{
	AUTO_OCI_MANIFEST struct oci_manifest m = { 0 };
	AUTO_OCI_CONFIG struct oci_config config = { 0 };
	AUTO_FREE char *text = NULL;
	const char *type[OCI_LAYERS_MAX];
	int rc = read_config(in, saved->config, saved->n_layers, &config, err);

	if (rc == 0)
		rc = source_store(in->source, saved->config, NULL, &m.config, err);
	if (rc != 0)
		return rc;
	m.layer = xcalloc(saved->n_layers, sizeof *m.layer);
	for (; m.n_layers < saved->n_layers; m.n_layers++) {
		rc = store_saved_layer(in, saved->layers[m.n_layers], config.diff_id[m.n_layers],
		                       &m.layer[m.n_layers], &type[m.n_layers], err);
		if (rc != 0)
			return rc;
	}
	text = oci_manifest_format(&m, type);
	*ret_manifest = (struct oci_descriptor){ .size = strlen(text) };
	return layout_put_document(in->im, text, strlen(text), ret_manifest->digest, err);
}

static struct offer *add_offer(struct import *in, const char *name)
{
	in->offer = xgrow(in->offer, in->n, &in->cap, sizeof *in->offer);
	in->offer[in->n] = (struct offer){ .name = name };
	return &in->offer[in->n++];
}

/* Images for other machines are passed over; it is an error only if none is left. */
static int list_oci(struct import *in, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	int rc = source_text(in->source, "index.json", &text, err);

	if (rc == 0)
		rc = oci_index_parse(strbuf_str(&text), text.len, "its index.json", &in->index,
		                     err);
	for (size_t i = 0; rc == 0 && i < in->index.n; i++) {
		const struct oci_descriptor *d = &in->index.manifest[i];
		struct oci_descriptor chosen;

		rc = layout_choose(d, read_verified, in->source, &chosen, err);
		if (rc == 0) {
			add_offer(in, d->name)->manifest = chosen;
		} else if (rc == SLUICE_NOT_FOUND) {
			in->foreign = *err;
			rc = 0;
		}
	}
	return rc;
}

static int list_saved(struct import *in, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	int rc = source_text(in->source, "manifest.json", &text, err);

	if (rc == 0)
		rc = oci_saved_parse(strbuf_str(&text), text.len, "its manifest.json", &in->saved,
		                     &in->n_saved, err);
	for (size_t i = 0; rc == 0 && i < in->n_saved; i++) {
		char **name = in->saved[i].names;

		do
			add_offer(in, name ? *name : NULL)->saved = &in->saved[i];
		while (name && *name && *++name);
	}
	return rc;
}

static int list_offers(struct import *in, const char *path, struct error *err)
{
	int rc;

	if (source_has(in->source, "index.json"))
		rc = list_oci(in, err);
	else if (source_has(in->source, "manifest.json"))
		rc = list_saved(in, err);
	else
		return error_set(err, SLUICE_INVALID,
		                 "'%s' is no image: it has neither index.json (an OCI layout) nor "
		                 "manifest.json ('docker save')",
		                 path);
	if (rc != 0 || in->n > 0)
		return rc;
	if (in->foreign.class != 0) {
		*err = in->foreign;
		return err->class;
	}
	return error_set(err, SLUICE_INVALID, "'%s' holds no image", path);
}

static bool same_image(const struct offer *a, const struct offer *b)
{
	return a->saved == b->saved && strcmp(a->manifest.digest, b->manifest.digest) == 0;
}

/* With a name for it, only one image can be meant; without, each must bring one. */
static int check_names(const struct import *in, const char *path, struct error *err)
{
	for (size_t i = 0; i < in->n; i++) {
		const struct offer *o = &in->offer[i];

		if (in->name && !same_image(o, &in->offer[0]))
			return error_set(err, SLUICE_INVALID,
			                 "'%s' holds several images, and '%s' can be only one of "
			                 "them; import it without a name",
			                 path, reference_short(in->name));
		if (!in->name && !o->name)
			return error_set(err, SLUICE_INVALID,
			                 "'%s' does not say what its image is called; give it a "
			                 "name with --name NAME:TAG",
			                 path);
	}
	return 0;
}

/* The full form of a name for an image; a digest in it would be a promise about other bytes. */
static int full_name(const char *name, char **ret_full, struct error *err)
{
	AUTO_REFERENCE struct reference ref = { 0 };
	int rc = reference_parse(name, &ref, err);

	if (rc != 0)
		return rc;
	if (ref.digest)
		return error_set(err, SLUICE_INVALID,
		                 "an image is named NAME:TAG, without a digest, not '%s'", name);
	*ret_full = reference_format(&ref);
	return 0;
}

int import_open(struct import *in, const char *path, bool documents_only, struct error *err)
{
	int rc = source_open(in->im, path, documents_only, &in->source, err);

	return rc == 0 ? list_offers(in, path, err) : rc;
}

int import_store(struct import *in, struct offer *o, struct error *err)
{
	int rc = o->saved ? store_saved(in, o->saved, &o->manifest, err)
	                  : store_oci(in, &o->manifest, err);

	if (rc == 0 && fsync(in->im->blobs_fd) != 0)
		rc = error_sys(err, errno, "cannot write the blobs to the disk");
	return rc;
}

void import_close(struct import *in)
{
	source_close(in->source);
	oci_index_release(&in->index);
	oci_saved_free(in->saved, in->n_saved);
	free(in->offer);
}

static int import_offer(struct import *in, struct offer *o, images_name_fn *fn, void *arg,
                        struct error *err)
{
	AUTO_FREE char *full = in->name ? xstrdup(in->name) : NULL;
	int rc = full ? 0 : full_name(o->name, &full, err);

	if (rc == 0)
		rc = import_store(in, o, err);
	if (rc == 0)
		rc = layout_set_name(in->im, full, &o->manifest, err);
	return rc == 0 && fn ? fn(arg, full, o->manifest.digest) : rc;
}

static int import_all(struct import *in, const char *path, images_name_fn *fn, void *arg,
                      struct error *err)
{
	AUTO_FD int lock = -1;
	int rc = layout_lock(in->im, LOCK_SHARED, &lock, err);

	if (rc == 0)
		rc = import_open(in, path, false, err);
	if (rc == 0)
		rc = check_names(in, path, err);
	for (size_t i = 0; rc == 0 && i < (in->name ? 1 : in->n); i++)
		rc = import_offer(in, &in->offer[i], fn, arg, err);
	import_close(in);
	return rc;
}

int images_import(struct images *im, const char *path, const char *name, images_name_fn *fn,
                  void *arg, struct error *err)
{
	struct import in = { .im = im };
	char *full = NULL;
	int rc = name ? full_name(name, &full, err) : 0;

	in.name = full;
	if (rc == 0)
		rc = import_all(&in, path, fn, arg, err);
	free(full);
	return rc != 0 ? error_wrap(err, "cannot import an image") : 0;
}
