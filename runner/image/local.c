/*
 * Images that lie on this machine, by the names that skopeo and podman have for such.  To find out
 * whether the home has one, its documents are enough: a config names all that the image consists
 * of.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "image/import.h"
#include "image/reference.h"

#define PREFIX_OCI    "oci:"
#define PREFIX_DOCKER "docker-archive:"

struct local {
	struct images *im;
	const char *kind; /* "oci" or "docker-archive" */
	char *path;
	const char *tag; /* or NULL */
};

bool images_is_local(const char *ref)
{
	return strncmp(ref, PREFIX_OCI, strlen(PREFIX_OCI)) == 0 ||
	       strncmp(ref, PREFIX_DOCKER, strlen(PREFIX_DOCKER)) == 0;
}

static void parse(struct local *l, const char *ref, const char *dir)
{
	bool oci = strncmp(ref, PREFIX_OCI, strlen(PREFIX_OCI)) == 0;
	const char *path = ref + (oci ? strlen(PREFIX_OCI) : strlen(PREFIX_DOCKER));
	size_t len = oci ? strcspn(path, ":") : strlen(path);

	l->kind = oci ? "oci" : "docker-archive";
	l->tag = path[len] ? path + len + 1 : NULL;
	if (*path == '/' || !dir)
		l->path = xasprintf("%.*s", (int)len, path);
	else
		l->path = xasprintf("%s/%.*s", dir, (int)len, path);
}

static bool is_tag(const char *name, const char *tag)
{
	AUTO_FREE char *full = layout_full_name(name);
	AUTO_FREE char *wanted = layout_full_name(tag);

	return name && (strcmp(name, tag) == 0 || (full && wanted && strcmp(full, wanted) == 0));
}

/* The one that is meant; an archive or a layout without a tag must hold only one. */
static int pick(const struct local *l, const struct import *in, struct offer **ret_offer,
                struct error *err)
{
	struct offer *found = NULL;

	for (size_t i = 0; i < in->n; i++) {
		struct offer *o = &in->offer[i];

		if (l->tag && !is_tag(o->name, l->tag))
			continue;
		if (found && (o->saved != found->saved ||
		              strcmp(o->manifest.digest, found->manifest.digest) != 0))
			return error_set(err, SLUICE_INVALID,
			                 "'%s' holds several images; say which: oci:DIR:TAG",
			                 l->path);
		found = o;
	}
	if (!found)
		return error_set(err, SLUICE_NOT_FOUND, "'%s' has no image '%s'", l->path, l->tag);
	*ret_offer = found;
	return 0;
}

/* Is this the manifest of what `docker save` wrote? */
static bool has_config(struct images *im, const char *manifest, const struct digest *config)
{
	AUTO_OCI_MANIFEST struct oci_manifest m = { 0 };
	struct error ignored;
	struct digest is;

	return layout_manifest(im, manifest, &m, &ignored) == 0 &&
	       oci_digest_parse(m.config.digest, &is) && digest_equal(&is, config);
}

/* Fills in the offer's digest if the home has it under our name for it; "" if not. */
static int look_here(const struct local *l, const struct import *in, struct offer *o,
                     struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	AUTO_OCI_INDEX struct oci_index index = { 0 };
	AUTO_FREE char *prefix = xasprintf("localhost/%s@", l->kind);
	struct digest config = { { 0 } };
	int rc = layout_index(l->im, &index, err);

	if (rc == 0 && o->saved) {
		rc = source_text(in->source, o->saved->config, &text, err);
		config = digest_of(strbuf_str(&text), text.len);
	}
	for (size_t i = 0; rc == 0 && i < index.n; i++) {
		const struct oci_descriptor *d = &index.manifest[i];

		if (!d->name || strncmp(d->name, prefix, strlen(prefix)) != 0)
			continue;
		if (o->saved ? has_config(l->im, d->digest, &config)
		             : strcmp(d->digest, o->manifest.digest) == 0) {
			memcpy(o->manifest.digest, d->digest, sizeof d->digest);
			return 1;
		}
	}
	return rc;
}

static int store(const struct local *l, char ret_digest[OCI_DIGEST_SIZE], struct error *err)
{
	struct import in = { .im = l->im };
	struct offer *o = NULL;
	int rc = import_open(&in, l->path, false, err);

	if (rc == 0)
		rc = pick(l, &in, &o, err);
	if (rc == 0)
		rc = import_store(&in, o, err);
	if (rc == 0) {
		AUTO_FREE char *name = xasprintf("localhost/%s@%s", l->kind, o->manifest.digest);

		memcpy(ret_digest, o->manifest.digest, sizeof o->manifest.digest);
		rc = layout_set_name(l->im, name, &o->manifest, err);
	}
	import_close(&in);
	return rc;
}

static int take(const struct local *l, bool look_only, char ret_digest[OCI_DIGEST_SIZE],
                struct error *err)
{
	struct import in = { .im = l->im };
	AUTO_FD int lock = -1;
	struct offer *o = NULL;
	int rc = layout_lock(l->im, LOCK_SHARED, &lock, err);

	if (rc == 0)
		rc = import_open(&in, l->path, true, err);
	if (rc == 0)
		rc = pick(l, &in, &o, err);
	if (rc == 0)
		rc = look_here(l, &in, o, err);
	if (o)
		memcpy(ret_digest, o->manifest.digest, sizeof o->manifest.digest);
	import_close(&in);
	if (rc == 0 && !look_only)
		rc = store(l, ret_digest, err);
	if (rc >= 0 && !look_only)
		layout_touch(l->im, ret_digest);
	return rc < 0 ? rc : 0;
}

int images_take_local(struct images *im, const char *ref, const char *dir, bool look_only,
                      char ret_digest[72], struct error *err)
{
	struct local l = { .im = im };
	int rc;

	parse(&l, ref, dir);
	rc = take(&l, look_only, ret_digest, err);
	free(l.path);
	return rc < 0 ? error_wrap(err, "image '%s'", ref) : 0;
}
