#include "image/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "image/reference.h"

enum { INDEX_MAX_DEPTH = 4 };

static const char empty_index[] =
	"{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":[]}";

static int open_dir(const char *home, const char *name, int *ret_fd, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", home, name);
	int rc = io_mkdirs(path, 0755);

	if (rc < 0)
		return error_sys(err, rc, "cannot make '%s'", path);
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? error_sys(err, errno, "cannot open '%s'", path) : 0;
}

static int put_new(struct images *im, const char *name, const char *text, struct error *err)
{
	int rc = 0;

	if (faccessat(im->layout_fd, name, F_OK, 0) != 0)
		rc = io_put_file(im->layout_fd, name, text, strlen(text), 0644, false);
	if (rc < 0 && rc != -EEXIST)
		return error_sys(err, rc, "cannot make '%s/images/%s'", im->home, name);
	return 0;
}

/* Best effort: what cannot be removed now is only disk space, and comes up again next time. */
static void sweep_temps(struct images *im)
{
	AUTO_FD int lock = lock_take(im->layout_fd, LAYOUT_LOCK, LOCK_EXCLUSIVE, false);
	AUTO_DIR DIR *dir = lock < 0 ? NULL : io_open_dir(im->tmp_fd, ".");
	const struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL)
		if (strncmp(e->d_name, LAYOUT_TEMP_PREFIX, strlen(LAYOUT_TEMP_PREFIX)) == 0 &&
		    io_remove_tree(im->tmp_fd, e->d_name) != 0)
			continue;
}

int layout_open(struct images *im, struct error *err)
{
	int rc = open_dir(im->home, "images", &im->layout_fd, err);

	if (rc == 0)
		rc = open_dir(im->home, "images/blobs", &im->blobs_fd, err);
	if (rc == 0) {
		(void)close(im->blobs_fd);
		im->blobs_fd = -1;
		rc = open_dir(im->home, "images/blobs/sha256", &im->blobs_fd, err);
	}
	if (rc == 0)
		rc = open_dir(im->home, "layers", &im->layers_fd, err);
	if (rc == 0)
		rc = open_dir(im->home, "tmp", &im->tmp_fd, err);
	if (rc == 0)
		rc = put_new(im, "oci-layout", OCI_LAYOUT_TEXT, err);
	if (rc == 0)
		rc = put_new(im, "index.json", empty_index, err);
	if (rc == 0)
		sweep_temps(im);
	return rc;
}

void layout_close(struct images *im)
{
	const int fds[] = { im->layout_fd, im->blobs_fd, im->layers_fd, im->tmp_fd };

	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	free(im->home);
}

int layout_lock(struct images *im, enum lock_how how, int *ret_fd, struct error *err)
{
	int fd = lock_take(im->layout_fd, LAYOUT_LOCK, how, true);

	if (fd < 0)
		return error_sys(err, fd, "cannot lock '%s/images'", im->home);
	*ret_fd = fd;
	return 0;
}

static int index_text(struct images *im, struct strbuf *text, struct error *err)
{
	int rc = io_read_file(im->layout_fd, "index.json", text);

	return rc < 0 ? error_sys(err, rc, "cannot read '%s/images/index.json'", im->home) : 0;
}

int layout_index(struct images *im, struct oci_index *ret_index, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	AUTO_FREE char *what = xasprintf("'%s/images/index.json'", im->home);
	int rc = index_text(im, &text, err);

	return rc != 0 ? rc : oci_index_parse(strbuf_str(&text), text.len, what, ret_index, err);
}

int layout_document(struct images *im, const char *digest, struct strbuf *ret_text,
                    struct error *err)
{
	struct digest want;
	struct digest is;
	int rc;

	if (!oci_digest_parse(digest, &want))
		return error_set(err, SLUICE_INVALID, "'%s' is no digest", digest);
	rc = io_read_file(im->blobs_fd, digest + 7, ret_text);
	if (rc == -ENOENT)
		return error_set(err, SLUICE_NOT_FOUND, "blob %s is not in '%s/images'", digest,
		                 im->home);
	if (rc == -EFBIG)
		return error_set(err, SLUICE_LIMIT, "document %s is larger than %zu bytes", digest,
		                 ret_text->max);
	if (rc < 0)
		return error_sys(err, rc, "cannot read blob %s", digest);
	is = digest_of(strbuf_str(ret_text), ret_text->len);
	if (!digest_equal(&is, &want))
		return error_set(err, SLUICE_CORRUPT,
		                 "blob %s in '%s/images' does not match its name; delete the "
		                 "image and import it again",
		                 digest, im->home);
	return 0;
}

int layout_manifest(struct images *im, const char *digest, struct oci_manifest *ret_manifest,
                    struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	AUTO_FREE char *what = xasprintf("manifest %s", digest);
	int rc = layout_document(im, digest, &text, err);

	if (rc != 0)
		return rc;
	return oci_manifest_parse(strbuf_str(&text), text.len, what, ret_manifest, err);
}

int layout_config(struct images *im, const struct oci_manifest *manifest,
                  struct oci_config *ret_config, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	AUTO_OCI_CONFIG struct oci_config config = { 0 };
	AUTO_FREE char *what = xasprintf("image config %s", manifest->config.digest);
	int rc = layout_document(im, manifest->config.digest, &text, err);

	if (rc == 0)
		rc = oci_config_parse(strbuf_str(&text), text.len, what, &config, err);
	if (rc != 0)
		return rc;
	if (config.n_layers != manifest->n_layers)
		return error_set(err, SLUICE_INVALID, "%s has %zu diff ids for %zu layers", what,
		                 config.n_layers, manifest->n_layers);
	*ret_config = config;
	config = (struct oci_config){ 0 };
	return 0;
}

char *layout_full_name(const char *name)
{
	AUTO_REFERENCE struct reference ref = { 0 };
	struct error ignored; /* skopeo lets people name an image anything */

	if (!name || reference_parse(name, &ref, &ignored) != 0)
		return NULL;
	return reference_format(&ref);
}

static bool entry_has_name(const cJSON *entry, const char *full)
{
	const char *name = json_str(json_obj(entry, "annotations"), OCI_ANNOTATION_NAME);
	AUTO_FREE char *own = layout_full_name(name);

	return own && strcmp(own, full) == 0;
}

static cJSON *entry_new(const char *name, const struct oci_descriptor *manifest)
{
	cJSON *entry = json_new_obj();
	cJSON *annotations = json_new_obj();

	json_add_str(entry, "mediaType", manifest->type ? manifest->type : OCI_TYPE_MANIFEST);
	json_add_str(entry, "digest", manifest->digest);
	json_add_int(entry, "size", (int64_t)manifest->size);
	json_add_str(annotations, OCI_ANNOTATION_NAME, name);
	json_add(entry, "annotations", annotations);
	return entry;
}

/* Replaces the entries called `name` by one for `manifest`, or by nothing; what other programs
 * wrote into the index stays as it is. */
static int index_edit(struct images *im, const char *name, const struct oci_descriptor *manifest,
                      bool *ret_found, struct error *err)
{
	AUTO_FD int lock = lock_take(im->layout_fd, ".index", LOCK_EXCLUSIVE, true);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	AUTO_JSON cJSON *doc = NULL;
	AUTO_FREE char *edited = NULL;
	cJSON *list;
	int rc = lock < 0 ? error_sys(err, lock, "cannot lock '%s/images'", im->home)
	                  : index_text(im, &text, err);

	if (rc == 0)
		rc = json_parse(strbuf_str(&text), text.len, "the home's OCI index", &doc, err);
	if (rc != 0)
		return rc;
	list = cJSON_GetObjectItemCaseSensitive(doc, "manifests");
	if (!cJSON_IsArray(list))
		return error_set(err, SLUICE_CORRUPT, "'%s/images/index.json' has no 'manifests'",
		                 im->home);
	*ret_found = false;
	for (cJSON *entry = list->child, *next; entry; entry = next) {
		next = entry->next;
		if (entry_has_name(entry, name)) {
			cJSON_Delete(cJSON_DetachItemViaPointer(list, entry));
			*ret_found = true;
		}
	}
	if (manifest)
		json_push(list, entry_new(name, manifest));
	edited = json_print(doc);
	rc = io_put_file(im->layout_fd, "index.json", edited, strlen(edited), 0644, true);
	return rc < 0 ? error_sys(err, rc, "cannot replace '%s/images/index.json'", im->home) : 0;
}

int layout_set_name(struct images *im, const char *name, const struct oci_descriptor *manifest,
                    struct error *err)
{
	bool found;

	return index_edit(im, name, manifest, &found, err);
}

int layout_drop_name(struct images *im, const char *name, bool *ret_found, struct error *err)
{
	return index_edit(im, name, NULL, ret_found, err);
}

const char *layout_arch(void)
{
	static const struct {
		const char *machine;
		const char *arch;
	} names[] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" },   { "armv7l", "arm" },
		{ "i686", "386" },     { "ppc64le", "ppc64le" }, { "riscv64", "riscv64" },
		{ "s390x", "s390x" },
	};
	struct utsname uts;

	if (uname(&uts) != 0)
		return "unknown";
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(uts.machine, names[i].machine) == 0)
			return names[i].arch;
	return "unknown";
}

int layout_check_platform(const struct oci_config *config, const char *what, struct error *err)
{
	const char *os = config->os && *config->os ? config->os : "linux";
	const char *arch = config->arch && *config->arch ? config->arch : layout_arch();

	if (strcmp(os, "linux") == 0 && strcmp(arch, layout_arch()) == 0)
		return 0;
	return error_set(err, SLUICE_NOT_FOUND, "%s is for %s/%s, this machine is linux/%s", what,
	                 os, arch, layout_arch());
}

/* Nobody reads a blob's time: that of its manifest is when an image was last used. */
void layout_touch(struct images *im, const char *digest)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };

	(void)utimensat(im->blobs_fd, digest + 7, times, AT_SYMLINK_NOFOLLOW);
}

int layout_put_document(struct images *im, const char *text, size_t len,
                        char ret_digest[OCI_DIGEST_SIZE], struct error *err)
{
	struct digest digest = digest_of(text, len);
	int rc;

	oci_digest_format(&digest, ret_digest);
	rc = io_put_file(im->blobs_fd, ret_digest + 7, text, len, 0644, true);
	return rc < 0 ? error_sys(err, rc, "cannot store blob %s", ret_digest) : 0;
}

static bool is_for_us(const struct oci_descriptor *d)
{
	return (!d->os || strcmp(d->os, "linux") == 0) &&
	       (!d->arch || strcmp(d->arch, layout_arch()) == 0);
}

/* An entry that names our platform before one that names none. */
static const struct oci_descriptor *index_pick(const struct oci_index *index)
{
	const struct oci_descriptor *unnamed = NULL;

	for (size_t i = 0; i < index->n; i++) {
		const struct oci_descriptor *d = &index->manifest[i];

		if (!is_for_us(d))
			continue;
		if (d->arch)
			return d;
		if (!unnamed)
			unnamed = d;
	}
	return unnamed;
}

/* From an index to its entry for this machine. */
static int choose_step(struct oci_descriptor *at, layout_read_fn *read, void *arg,
                       struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	AUTO_OCI_INDEX struct oci_index index = { 0 };
	AUTO_FREE char *what = xasprintf("index %s", at->digest);
	const struct oci_descriptor *picked;
	int rc = read(arg, at->digest, &text, err);

	if (rc == 0)
		rc = oci_index_parse(strbuf_str(&text), text.len, what, &index, err);
	if (rc != 0)
		return rc;
	picked = index_pick(&index);
	if (!picked)
		return error_set(err, SLUICE_NOT_FOUND,
		                 "%s has no image for this machine, linux/%s", what, layout_arch());
	memcpy(at->digest, picked->digest, sizeof at->digest);
	at->size = picked->size;
	at->type = picked->type;
	at->is_index = picked->is_index;
	return 0;
}

int layout_choose(const struct oci_descriptor *from, layout_read_fn *read, void *arg,
                  struct oci_descriptor *ret_manifest, struct error *err)
{
	struct oci_descriptor at = { .size = from->size,
		                     .type = from->type,
		                     .is_index = from->is_index };
	int rc;

	if (!is_for_us(from))
		return error_set(err, SLUICE_NOT_FOUND,
		                 "the image is for %s/%s, this machine is linux/%s",
		                 from->os ? from->os : "linux", from->arch ? from->arch : "any",
		                 layout_arch());
	memcpy(at.digest, from->digest, sizeof at.digest);
	for (int depth = 0; at.is_index; depth++) {
		if (depth == INDEX_MAX_DEPTH)
			return error_set(err, SLUICE_LIMIT,
			                 "index %s: indexes within indexes, more than %d deep",
			                 from->digest, INDEX_MAX_DEPTH);
		rc = choose_step(&at, read, arg, err);
		if (rc != 0)
			return rc;
	}
	*ret_manifest = at;
	return 0;
}
