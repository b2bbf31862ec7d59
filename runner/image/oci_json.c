#include "image/oci_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum { SHOWN_TYPE = 100 };

/* What Docker 25 and nerdctl call an image by, beside the tag alone in OCI_ANNOTATION_NAME. */
static const char annotation_containerd[] = "io.containerd.image.name";

static const struct {
	const char *name;
	bool is_index;
} top_types[] = {
	{ OCI_TYPE_INDEX, true },
	{ "application/vnd.docker.distribution.manifest.list.v2+json", true },
	{ OCI_TYPE_MANIFEST, false },
	{ "application/vnd.docker.distribution.manifest.v2+json", false },
};

/* "foreign" and "nondistributable" ones lie elsewhere by right, and mostly in the registry. */
static const char *const layer_types[] = {
	"application/vnd.oci.image.layer.v1.tar",
	"application/vnd.oci.image.layer.nondistributable.v1.tar",
	"application/vnd.docker.image.rootfs.diff.tar",
	"application/vnd.docker.image.rootfs.foreign.diff.tar",
};
static const char *const packings[] = { "", "+gzip", "+zstd", ".gzip", ".zstd" };

void oci_digest_format(const struct digest *digest, char ret_text[OCI_DIGEST_SIZE])
{
	memcpy(ret_text, "sha256:", sizeof "sha256:");
	(void)digest_hex(digest, ret_text + 7);
}

bool oci_digest_parse(const char *text, struct digest *ret_digest)
{
	return strncmp(text, "sha256:", 7) == 0 && digest_parse(text + 7, ret_digest) &&
	       text[7 + DIGEST_HEX_LEN] == '\0';
}

static int take_digest(const char *text, const char *what, char ret_text[OCI_DIGEST_SIZE],
                       struct error *err)
{
	struct digest parsed;

	if (!oci_digest_parse(text, &parsed))
		return error_set(err, SLUICE_INVALID,
		                 "%s: a digest is not 'sha256:' and 64 hex digits", what);
	memcpy(ret_text, text, strlen(text) + 1);
	return 0;
}

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static int document_parse(const char *text, size_t len, const char *what, cJSON **ret_doc,
                          struct error *err)
{
	if (len > OCI_DOCUMENT_MAX)
		return error_set(err, SLUICE_LIMIT, "%s is larger than %d MiB", what,
		                 OCI_DOCUMENT_MAX >> 20);
	return json_parse(text, len, what, ret_doc, err);
}

/* The length of the list, held against a limit before anything is allocated for it. */
static int list_len(const cJSON *list, size_t most, const char *name, const char *what,
                    size_t *ret_n, struct error *err)
{
	int n = cJSON_GetArraySize(list);

	if (!list)
		return error_set(err, SLUICE_INVALID, "%s: '%s' is missing or no list", what, name);
	if ((size_t)n > most)
		return error_set(err, SLUICE_LIMIT, "%s: '%s' has %d entries, more than %zu", what,
		                 name, n, most);
	*ret_n = (size_t)n;
	return 0;
}

/* Absent and null are an empty answer; anything else must be a list of strings. */
static int take_strings(const cJSON *obj, const char *name, const char *what, char ***ret_list,
                        struct error *err)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(obj, name);
	const cJSON *item;
	size_t n = 0;
	int rc;

	if (!list || cJSON_IsNull(list))
		return 0;
	rc = list_len(json_arr(obj, name), OCI_STRINGS_MAX, name, what, &n, err);
	if (rc != 0)
		return rc;
	cJSON_ArrayForEach(item, list) if (!cJSON_IsString(item)) return error_set(
		err, SLUICE_INVALID, "%s: '%s' holds something other than strings", what, name);
	*ret_list = xcalloc(n + 1, sizeof **ret_list);
	n = 0;
	cJSON_ArrayForEach(item, list)(*ret_list)[n++] = xstrdup(item->valuestring);
	return 0;
}

static void strings_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

static void take_type(struct oci_descriptor *d, const char *type)
{
	for (size_t i = 0; type && i < sizeof top_types / sizeof *top_types; i++)
		if (strcmp(type, top_types[i].name) == 0) {
			d->type = top_types[i].name;
			d->is_index = top_types[i].is_index;
		}
}

static void descriptor_release(struct oci_descriptor *d)
{
	free(d->name);
	free(d->os);
	free(d->arch);
}

static int descriptor_take(const cJSON *obj, const char *what, struct oci_descriptor *d,
                           struct error *err)
{
	const cJSON *annotations = json_obj(obj, "annotations");
	const cJSON *platform = json_obj(obj, "platform");
	const char *digest = NULL;
	const char *name;
	int64_t size = json_int(obj, "size", -1);
	int rc = json_need_str(obj, "digest", what, &digest, err);

	if (rc == 0)
		rc = take_digest(digest, what, d->digest, err);
	if (rc != 0)
		return rc;
	if (size < 0)
		return error_set(err, SLUICE_INVALID, "%s: 'size' of %s is missing or no size",
		                 what, digest);
	d->size = (uint64_t)size;
	take_type(d, json_str(obj, "mediaType"));
	name = json_str(annotations, annotation_containerd);
	d->name = dup_or_null(name ? name : json_str(annotations, OCI_ANNOTATION_NAME));
	d->os = dup_or_null(json_str(platform, "os"));
	d->arch = dup_or_null(json_str(platform, "architecture"));
	return 0;
}

static int too_old(const char *what, struct error *err)
{
	return error_set(err, SLUICE_INVALID,
	                 "%s is a manifest of schema 1, which is too old; convert it with 'skopeo "
	                 "copy'",
	                 what);
}

static bool is_layer_type(const char *type)
{
	for (size_t i = 0; i < sizeof layer_types / sizeof *layer_types; i++) {
		size_t len = strlen(layer_types[i]);

		if (strncmp(type, layer_types[i], len) != 0)
			continue;
		for (size_t k = 0; k < sizeof packings / sizeof *packings; k++)
			if (strcmp(type + len, packings[k]) == 0)
				return true;
	}
	return false;
}

/* An artifact of another kind, or a layer that needs a key, is no part of a file system. */
static int check_layer_types(const cJSON *list, const char *what, struct error *err)
{
	AUTO_STRBUF struct strbuf shown = STRBUF_INIT(4 * SHOWN_TYPE + 1);
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		const char *type = json_str(item, "mediaType");

		if (!type || is_layer_type(type))
			continue;
		strbuf_addprintable(&shown, type, SHOWN_TYPE);
		return error_set(
			err, SLUICE_INVALID,
			"%s has a layer of the type '%s', which is no layer of a container "
			"image that sluice knows",
			what, strbuf_str(&shown));
	}
	return 0;
}

static int descriptors_take(const cJSON *list, const char *what, struct oci_descriptor *d,
                            size_t *n, struct error *err)
{
	const cJSON *item;
	int rc = 0;

	cJSON_ArrayForEach(item, list)
	{
		rc = descriptor_take(item, what, &d[(*n)++], err);
		if (rc != 0)
			break;
	}
	return rc;
}

/* Its own word before the server's, and its shape where neither says anything that is known. */
static int top_type(const cJSON *doc, const char *said, const char *what, struct oci_descriptor *d,
                    struct error *err)
{
	bool lists = json_arr(doc, "manifests") != NULL;
	bool has_layers = json_arr(doc, "layers") || json_obj(doc, "config");
	const char *own = json_str(doc, "mediaType");
	AUTO_STRBUF struct strbuf shown = STRBUF_INIT(4 * SHOWN_TYPE + 1);

	take_type(d, own ? own : said);
	if (lists && has_layers)
		return error_set(err, SLUICE_INVALID,
		                 "%s is both an index and a manifest, which nobody can trust",
		                 what);
	if (!own && !d->type && (lists || has_layers)) {
		d->type = lists ? OCI_TYPE_INDEX : OCI_TYPE_MANIFEST;
		d->is_index = lists;
	}
	if (json_arr(doc, "fsLayers"))
		return too_old(what, err);
	if (d->type && d->is_index == lists)
		return 0;
	strbuf_addprintable(&shown, own ? own : said ? said : "no type", SHOWN_TYPE);
	return error_set(err, SLUICE_INVALID, "%s is no image: it is of the type '%s'", what,
	                 strbuf_str(&shown));
}

int oci_top_parse(const char *text, size_t len, const char *said, const char *what,
                  struct oci_descriptor *ret_top, struct error *err)
{
	struct oci_descriptor top = { .size = len };
	AUTO_JSON cJSON *doc = NULL;
	int rc = document_parse(text, len, what, &doc, err);

	if (rc == 0)
		rc = top_type(doc, said, what, &top, err);
	if (rc == 0)
		*ret_top = top;
	return rc;
}

int oci_index_parse(const char *text, size_t len, const char *what, struct oci_index *ret_index,
                    struct error *err)
{
	AUTO_OCI_INDEX struct oci_index index = { 0 };
	AUTO_JSON cJSON *doc = NULL;
	const cJSON *list;
	size_t n = 0;
	int rc = document_parse(text, len, what, &doc, err);

	if (rc != 0)
		return rc;
	list = json_arr(doc, "manifests");
	rc = list_len(list, OCI_MANIFESTS_MAX, "manifests", what, &n, err);
	if (rc != 0)
		return rc;
	index.manifest = xcalloc(n + 1, sizeof *index.manifest);
	rc = descriptors_take(list, what, index.manifest, &index.n, err);
	if (rc != 0)
		return rc;
	*ret_index = index;
	index = (struct oci_index){ 0 };
	return 0;
}

void oci_index_release(struct oci_index *index)
{
	for (size_t i = 0; i < index->n; i++)
		descriptor_release(&index->manifest[i]);
	free(index->manifest);
	*index = (struct oci_index){ 0 };
}

int oci_manifest_parse(const char *text, size_t len, const char *what,
                       struct oci_manifest *ret_manifest, struct error *err)
{
	AUTO_OCI_MANIFEST struct oci_manifest m = { 0 };
	AUTO_JSON cJSON *doc = NULL;
	const cJSON *list;
	size_t n = 0;
	int rc = document_parse(text, len, what, &doc, err);

	if (rc != 0)
		return rc;
	if (json_arr(doc, "fsLayers"))
		return too_old(what, err);
	if (!json_obj(doc, "config"))
		return error_set(err, SLUICE_INVALID, "%s is no image manifest: it has no 'config'",
		                 what);
	rc = descriptor_take(json_obj(doc, "config"), what, &m.config, err);
	if (rc != 0)
		return rc;
	list = json_arr(doc, "layers");
	rc = list_len(list, OCI_LAYERS_MAX, "layers", what, &n, err);
	if (rc != 0)
		return rc;
	rc = check_layer_types(list, what, err);
	if (rc != 0)
		return rc;
	m.layer = xcalloc(n + 1, sizeof *m.layer);
	rc = descriptors_take(list, what, m.layer, &m.n_layers, err);
	if (rc != 0)
		return rc;
	if (n == 0)
		return error_set(err, SLUICE_INVALID, "%s: the image has no layers", what);
	*ret_manifest = m;
	m = (struct oci_manifest){ 0 };
	return 0;
}

void oci_manifest_release(struct oci_manifest *manifest)
{
	descriptor_release(&manifest->config);
	for (size_t i = 0; i < manifest->n_layers; i++)
		descriptor_release(&manifest->layer[i]);
	free(manifest->layer);
	*manifest = (struct oci_manifest){ 0 };
}

static int diff_ids_take(const cJSON *doc, const char *what, struct oci_config *c,
                         struct error *err)
{
	const cJSON *list = json_arr(json_obj(doc, "rootfs"), "diff_ids");
	const cJSON *item;
	size_t n = 0;
	int rc = list_len(list, OCI_LAYERS_MAX, "rootfs.diff_ids", what, &n, err);

	if (rc != 0)
		return rc;
	c->diff_id = xcalloc(n + 1, sizeof *c->diff_id);
	cJSON_ArrayForEach(item, list)
	{
		const char *text = cJSON_GetStringValue(item);

		rc = take_digest(text ? text : "", what, c->diff_id[c->n_layers++], err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int process_take(const cJSON *config, const char *what, struct oci_config *c,
                        struct error *err)
{
	const char *user = json_str(config, "User");
	const char *workdir = json_str(config, "WorkingDir");
	int rc = take_strings(config, "Entrypoint", what, &c->entrypoint, err);

	if (rc == 0)
		rc = take_strings(config, "Cmd", what, &c->cmd, err);
	if (rc == 0)
		rc = take_strings(config, "Env", what, &c->env, err);
	c->user = xstrdup(user ? user : "");
	c->workdir = xstrdup(workdir ? workdir : "");
	c->stop_signal = dup_or_null(json_str(config, "StopSignal"));
	return rc;
}

int oci_config_parse(const char *text, size_t len, const char *what, struct oci_config *ret_config,
                     struct error *err)
{
	AUTO_OCI_CONFIG struct oci_config c = { 0 };
	AUTO_JSON cJSON *doc = NULL;
	int rc = document_parse(text, len, what, &doc, err);

	if (rc != 0)
		return rc;
	c.os = dup_or_null(json_str(doc, "os"));
	c.arch = dup_or_null(json_str(doc, "architecture"));
	c.created_ms = clock_parse(json_str(doc, "created"));
	rc = diff_ids_take(doc, what, &c, err);
	if (rc == 0)
		rc = process_take(json_obj(doc, "config"), what, &c, err);
	if (rc != 0)
		return rc;
	*ret_config = c;
	c = (struct oci_config){ 0 };
	return 0;
}

void oci_config_release(struct oci_config *config)
{
	free(config->os);
	free(config->arch);
	free(config->diff_id);
	strings_free(config->entrypoint);
	strings_free(config->cmd);
	strings_free(config->env);
	free(config->user);
	free(config->workdir);
	free(config->stop_signal);
	*config = (struct oci_config){ 0 };
}

static int saved_take(const cJSON *obj, const char *what, struct oci_saved *s, struct error *err)
{
	const char *config = NULL;
	int rc = json_need_str(obj, "Config", what, &config, err);

	if (rc != 0)
		return rc;
	s->config = xstrdup(config);
	rc = take_strings(obj, "RepoTags", what, &s->names, err);
	if (rc == 0)
		rc = take_strings(obj, "Layers", what, &s->layers, err);
	if (rc != 0)
		return rc;
	while (s->layers && s->layers[s->n_layers])
		s->n_layers++;
	if (s->n_layers == 0 || s->n_layers > OCI_LAYERS_MAX)
		return error_set(err, SLUICE_INVALID, "%s: an image has %zu layers, not 1 to %d",
		                 what, s->n_layers, OCI_LAYERS_MAX);
	return 0;
}

int oci_saved_parse(const char *text, size_t len, const char *what, struct oci_saved **ret_saved,
                    size_t *ret_n, struct error *err)
{
	AUTO_JSON cJSON *doc = NULL;
	const cJSON *item;
	struct oci_saved *saved;
	size_t most = 0;
	size_t n = 0;
	int rc = document_parse(text, len, what, &doc, err);

	if (rc == 0)
		rc = list_len(cJSON_IsArray(doc) ? doc : NULL, OCI_MANIFESTS_MAX, "images", what,
		              &most, err);
	if (rc != 0)
		return rc;
	saved = xcalloc(most + 1, sizeof *saved);
	cJSON_ArrayForEach(item, doc)
	{
		rc = saved_take(item, what, &saved[n++], err);
		if (rc != 0) {
			oci_saved_free(saved, n);
			return rc;
		}
	}
	*ret_saved = saved;
	*ret_n = n;
	return 0;
}

void oci_saved_free(struct oci_saved *saved, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(saved[i].config);
		strings_free(saved[i].layers);
		strings_free(saved[i].names);
	}
	free(saved);
}

static cJSON *descriptor_new(const struct oci_descriptor *d, const char *media_type)
{
	cJSON *obj = json_new_obj();

	json_add_str(obj, "mediaType", media_type);
	json_add_str(obj, "digest", d->digest);
	json_add_int(obj, "size", (int64_t)d->size);
	return obj;
}

char *oci_manifest_format(const struct oci_manifest *manifest, const char *const *media_type)
{
	AUTO_JSON cJSON *doc = json_new_obj();
	cJSON *layers = json_new_arr();

	json_add_int(doc, "schemaVersion", 2);
	json_add_str(doc, "mediaType", OCI_TYPE_MANIFEST);
	json_add(doc, "config", descriptor_new(&manifest->config, OCI_TYPE_CONFIG));
	for (size_t i = 0; i < manifest->n_layers; i++)
		json_push(layers, descriptor_new(&manifest->layer[i], media_type[i]));
	json_add(doc, "layers", layers);
	return json_print(doc);
}
