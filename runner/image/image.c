#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "base/xalloc.h"
#include "image/layout.h"
#include "image/pull.h"
#include "image/reference.h"

enum { NEAREST = 3 };

int images_open(const char *home, struct images **ret_images, struct error *err)
{
	struct images *im = xcalloc(1, sizeof *im);
	int rc;

	*im = (struct images){ .layout_fd = -1, .blobs_fd = -1, .layers_fd = -1, .tmp_fd = -1 };
	im->home = realpath(home, NULL);
	if (!im->home)
		im->home = xstrdup(home); /* not made yet */
	rc = layout_open(im, err);
	if (rc != 0) {
		images_close(im);
		return rc;
	}
	*ret_images = im;
	return 0;
}

void images_close(struct images *im)
{
	if (!im)
		return;
	layout_close(im);
	free(im);
}

int image_ref_normalize(const char *ref, char **ret_full, struct error *err)
{
	AUTO_REFERENCE struct reference parsed = { 0 };
	int rc = reference_parse(ref, &parsed, err);

	if (rc == 0)
		*ret_full = reference_format(&parsed);
	return rc;
}

static int read_document(void *arg, const char *digest, struct strbuf *ret_text, struct error *err)
{
	return layout_document(arg, digest, ret_text, err);
}

/* A name of the index in its full form, or as it is if it is no reference. */
struct entry {
	char *name;
	const struct oci_descriptor *d;
};

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;

	return strcmp(x->name, y->name);
}

/* The named entries, sorted; the caller frees them with entries_free. */
static struct entry *entries_new(const struct oci_index *index, size_t *ret_n)
{
	struct entry *list = xcalloc(index->n + 1, sizeof *list);
	size_t n = 0;

	for (size_t i = 0; i < index->n; i++) {
		char *name = layout_full_name(index->manifest[i].name);

		if (name)
			list[n++] = (struct entry){ name, &index->manifest[i] };
	}
	if (n > 0)
		qsort(list, n, sizeof *list, by_name);
	*ret_n = n;
	return list;
}

static void entries_free(struct entry *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].name);
	free(list);
}

static int describe(struct images *im, const struct entry *entry, struct image_info *info,
                    char digest[OCI_DIGEST_SIZE], struct error *err)
{
	AUTO_OCI_MANIFEST struct oci_manifest manifest = { 0 };
	AUTO_OCI_CONFIG struct oci_config config = { 0 };
	struct oci_descriptor chosen;
	int rc = layout_choose(entry->d, read_document, im, &chosen, err);

	if (rc == 0)
		rc = layout_manifest(im, chosen.digest, &manifest, err);
	if (rc == 0)
		rc = layout_config(im, &manifest, &config, err);
	if (rc != 0)
		return error_wrap(err, "image '%s'", reference_short(entry->name));
	memcpy(digest, chosen.digest, sizeof chosen.digest);
	*info = (struct image_info){
		.name = entry->name,
		.digest = digest,
		.layers = manifest.n_layers,
		.created_ms = config.created_ms,
	};
	for (size_t i = 0; i < manifest.n_layers; i++)
		info->bytes += manifest.layer[i].size;
	return 0;
}

int images_each(struct images *im, images_info_fn *fn, void *arg, struct error *err)
{
	AUTO_OCI_INDEX struct oci_index index = { 0 };
	struct entry *list;
	size_t n = 0;
	int rc = layout_index(im, &index, err);

	if (rc != 0)
		return rc;
	list = entries_new(&index, &n);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		char digest[OCI_DIGEST_SIZE];
		struct image_info info;

		rc = describe(im, &list[i], &info, digest, err);
		if (rc == 0)
			rc = fn(arg, &info);
	}
	entries_free(list, n);
	return rc;
}

int images_each_name(const char *home, images_name_fn *fn, void *arg, struct error *err)
{
	AUTO_OCI_INDEX struct oci_index index = { 0 };
	AUTO_FREE char *copy = xstrdup(home);
	AUTO_FREE char *path = xasprintf("%s/images", home);
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct images im = {
		.home = copy, .layout_fd = fd, .blobs_fd = -1, .layers_fd = -1, .tmp_fd = -1
	};
	struct entry *list;
	size_t n = 0;
	int rc = fd < 0 ? error_sys(err, errno, "cannot open '%s'", path)
	                : layout_index(&im, &index, err);

	if (rc != 0)
		return rc;
	list = entries_new(&index, &n);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = fn(arg, list[i].name, list[i].d->digest);
	entries_free(list, n);
	return rc;
}

int images_delete(struct images *im, const char *ref, struct error *err)
{
	struct layout_sweep sweep = { .dry_run = false };
	AUTO_FD int lock = -1;
	char *full = NULL;
	bool found = false;
	int rc = image_ref_normalize(ref, &full, err);

	if (rc != 0)
		return rc;
	rc = layout_drop_name(im, full, &found, err);
	if (rc == 0 && !found)
		rc = error_set(err, SLUICE_NOT_FOUND,
		               "no image '%s' in this home; 'sluice images list' shows what there "
		               "is",
		               reference_short(full));
	free(full);
	if (rc != 0)
		return rc;
	rc = layout_lock(im, LOCK_EXCLUSIVE, &lock, err);
	if (rc == 0)
		rc = layout_sweep(im, &sweep, err);
	return rc != 0 ? error_wrap(err, "the name is gone, but not what it stood for") : 0;
}

/* The nearest names, the best first, as ", nearest: a, b". */
static void add_nearest(struct strbuf *sb, const char *wanted, const struct entry *list, size_t n)
{
	const char *intro = "; nearest: ";
	size_t limit = near_limit(wanted);
	size_t shown = 0;

	for (size_t distance = 0; distance <= limit; distance++)
		for (size_t i = 0; i < n && shown < NEAREST; i++) {
			const char *name = reference_short(list[i].name);

			if (near_distance(wanted, name, limit) != distance)
				continue;
			strbuf_addf(sb, "%s%s", intro, name);
			intro = ", ";
			shown++;
		}
}

static int no_image(const char *full, const struct entry *list, size_t n, struct error *err)
{
	AUTO_STRBUF struct strbuf near = STRBUF_INIT(4096);
	const char *name = reference_short(full);

	add_nearest(&near, name, list, n);
	return error_set(err, SLUICE_MISSING,
	                 "no image '%s' in this home%s; 'sluice images pull %s' gets it from its "
	                 "registry, 'sluice images import' from a file",
	                 name, strbuf_str(&near), name);
}

/* With a digest, the name and its tag are for people: the digest decides. */
static bool is_meant(const struct entry *entry, const struct reference *ref, const char *full)
{
	return ref->digest ? strcmp(entry->d->digest, ref->digest) == 0
	                   : strcmp(entry->name, full) == 0;
}

static int resolve(struct images *im, const struct reference *ref, struct layout_found *ret_found,
                   struct error *err)
{
	AUTO_OCI_INDEX struct oci_index index = { 0 };
	const struct entry *found = NULL;
	char *full = reference_format(ref);
	struct entry *list = NULL;
	size_t n = 0;
	int rc = layout_index(im, &index, err);

	if (rc == 0)
		list = entries_new(&index, &n);
	for (size_t i = 0; i < n && !found; i++)
		if (is_meant(&list[i], ref, full))
			found = &list[i];
	if (rc == 0)
		rc = found ? layout_choose(found->d, read_document, im, &ret_found->manifest, err)
		           : no_image(full, list, n, err);
	if (rc == 0) {
		memcpy(ret_found->top, found->d->digest, sizeof found->d->digest);
		ret_found->name = strchr(found->name, '@') ? NULL : xstrdup(found->name);
	}
	entries_free(list, n);
	free(full);
	return rc;
}

int layout_find(struct images *im, const char *ref, struct layout_found *ret_found,
                struct error *err)
{
	AUTO_REFERENCE struct reference parsed = { 0 };
	int rc = reference_parse(ref, &parsed, err);

	return rc != 0 ? rc : resolve(im, &parsed, ret_found, err);
}

int images_resolve(struct images *im, const char *ref, char ret_digest[72], struct error *err)
{
	struct layout_found found = { 0 };
	int rc = layout_find(im, ref, &found, err);

	free(found.name);
	memcpy(ret_digest, found.manifest.digest, sizeof found.manifest.digest);
	return rc;
}

/* Under a lock, so that what is found does not go before it is said to be used. */
static int find_here(struct images *im, const struct reference *ref, bool look_only,
                     struct layout_found *ret_found, struct error *err)
{
	AUTO_FD int lock = -1;
	int rc = layout_lock(im, LOCK_SHARED, &lock, err);

	if (rc == 0)
		rc = resolve(im, ref, ret_found, err);
	if (rc == 0 && !look_only)
		layout_touch(im, ret_found->manifest.digest);
	return rc;
}

static int pull(struct images *im, const struct reference *ref, const struct images_pull_how *how,
                char ret_digest[OCI_DIGEST_SIZE], struct error *err)
{
	struct layout_found found = { 0 };
	int rc = find_here(im, ref, how->look_only, &found, err);

	free(found.name);
	if (rc != 0 && rc != SLUICE_MISSING)
		return rc;
	if (rc == 0 && (how->when != PULL_ALWAYS || ref->digest))
		rc = PULL_UNCHANGED;
	else if (how->when != PULL_NEVER)
		rc = layout_pull(im, ref, rc == 0 ? found.top : NULL, how, ret_digest, err);
	if (rc != PULL_UNCHANGED)
		return rc;
	memcpy(ret_digest, found.manifest.digest, sizeof found.manifest.digest);
	return 0;
}

int images_pull(struct images *im, const char *ref, const struct images_pull_how *how,
                char ret_digest[72], struct error *err)
{
	AUTO_REFERENCE struct reference parsed = { 0 };
	int rc = reference_parse(ref, &parsed, err);

	return rc != 0 ? rc : pull(im, &parsed, how, ret_digest, err);
}
