#include "dataset/public_catalog.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/parse.h"
#include "base/xalloc.h"
#include "base/yaml_load.h"
#include "dataset/internal.h"
#include "store/manifest.h"

/* What is read, and what it is put into. */
struct reading {
	yaml_document_t doc;
	const char *path;
	struct public_catalog *catalog;
	struct public_dataset *dataset; /* in hand */
	struct public_file *file;       /* in hand */
	struct error *err;
};

struct key {
	const char *name;
	int (*set)(struct reading *r, const yaml_node_t *node);
};

static int invalid(struct reading *r, const yaml_node_t *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int invalid(struct reading *r, const yaml_node_t *at, const char *fmt, ...)
{
	char text[sizeof r->err->msg / 2];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	return error_set(r->err, SLUICE_INVALID, "%s:%zu: %s", r->path, at->start_mark.line + 1,
	                 text);
}

static const yaml_node_t *node_of(struct reading *r, int index)
{
	return yaml_document_get_node(&r->doc, index);
}

/* NULL: it is no plain text. */
static const char *text_of(const yaml_node_t *node)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)node->data.scalar.value;
	return strlen(text) == node->data.scalar.length && text[0] ? text : NULL;
}

static int take_text(struct reading *r, const yaml_node_t *node, char **to)
{
	const char *text = text_of(node);

	if (!text)
		return invalid(r, node, "text is expected here");
	*to = xstrdup(text);
	return 0;
}

/* Calls `fn` for each key of a mapping, each of which it may have once. */
static int each_key(struct reading *r, const yaml_node_t *node,
                    int (*fn)(struct reading *r, const yaml_node_t *key, const char *name,
                              const yaml_node_t *value, void *arg),
                    void *arg)
{
	struct map seen = MAP_INIT;
	int rc = 0;

	if (node->type != YAML_MAPPING_NODE)
		return invalid(r, node, "keys are expected here");
	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
	     rc == 0 && p < node->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = node_of(r, p->key);
		const char *name = text_of(key);

		if (!name)
			rc = invalid(r, key, "a key must be text");
		else if (map_set(&seen, name, r))
			rc = invalid(r, key, "'%.64s' is given twice", name);
		else
			rc = fn(r, key, name, node_of(r, p->value), arg);
	}
	map_release(&seen, NULL);
	return rc;
}

static int set_key(struct reading *r, const yaml_node_t *key, const char *name,
                   const yaml_node_t *value, void *arg)
{
	AUTO_STRBUF struct strbuf known = STRBUF_INIT(STRBUF_BIG);
	const struct key *keys = arg;

	for (const struct key *k = keys; k->name; k++) {
		if (strcmp(k->name, name) == 0)
			return k->set(r, value);
		strbuf_addf(&known, "%s%s", k == keys ? "" : ", ", k->name);
	}
	return invalid(r, key, "there is no key '%.64s' here; there are %s", name,
	               strbuf_str(&known));
}

/* --- a file ----------------------------------------------------------------------------------- */

static int set_path(struct reading *r, const yaml_node_t *node)
{
	return take_text(r, node, &r->file->path);
}

static int set_url(struct reading *r, const yaml_node_t *node)
{
	static const char *const schemes[] = { "https://", "http://", "file:///" };
	const char *text = text_of(node);

	for (size_t i = 0; text && i < sizeof schemes / sizeof schemes[0]; i++)
		if (strncmp(text, schemes[i], strlen(schemes[i])) == 0)
			return take_text(r, node, &r->file->url);
	return invalid(r, node, "a URL begins with https://, http:// or file:///");
}

static int set_digest(struct reading *r, const yaml_node_t *node)
{
	const char *text = text_of(node);

	r->file->has_digest =
		text && strlen(text) == DIGEST_HEX_LEN && digest_parse(text, &r->file->digest);
	return r->file->has_digest ? 0
	                           : invalid(r, node, "64 digits 0-9 and a-f are expected here");
}

static int set_unpack(struct reading *r, const yaml_node_t *node)
{
	const char *text = text_of(node);

	r->file->unpack = text && strcmp(text, "true") == 0;
	return r->file->unpack || (text && strcmp(text, "false") == 0)
	               ? 0
	               : invalid(r, node, "true or false is expected here");
}

static int set_size(struct reading *r, const yaml_node_t *node)
{
	const char *text = text_of(node);

	return text && parse_u64(text, INT64_MAX, &r->file->size)
	               ? 0
	               : invalid(r, node, "a number of bytes is expected here");
}

static int check_file(struct reading *r, const yaml_node_t *at)
{
	struct public_file *f = r->file;
	const char *why;

	if (!f->url)
		return invalid(r, at, "a file needs a 'url'");
	if (f->unpack && !f->has_digest)
		return invalid(r, at, "what is unpacked needs a 'sha256'");
	if (!f->path && f->unpack) {
		f->path = xstrdup("");
		return 0;
	}
	if (!f->path) {
		const char *end = strrchr(f->url, '/') + 1;

		f->path = xstrndup(end, strcspn(end, "?#"));
	}
	why = manifest_check_path(f->path);
	if (why)
		return invalid(r, at, "'%.256s' cannot be the path of a file: it %s", f->path, why);
	for (const struct public_file *other = r->dataset->file; other < f; other++)
		if (!f->unpack && !other->unpack && strcmp(other->path, f->path) == 0)
			return invalid(r, at, "there is a file '%.256s' already", f->path);
	return 0;
}

static int add_file(struct reading *r, const yaml_node_t *node)
{
	static const struct key keys[] = {
		{ "path", set_path },     { "url", set_url },   { "sha256", set_digest },
		{ "unpack", set_unpack }, { "size", set_size }, { .name = NULL },
	};
	struct public_dataset *d = r->dataset;
	int rc;

	d->file = xgrow(d->file, d->n, &d->cap, sizeof *d->file);
	r->file = &d->file[d->n++];
	*r->file = (struct public_file){ .url = NULL };
	rc = each_key(r, node, set_key, (void *)(uintptr_t)keys);
	return rc == 0 ? check_file(r, node) : rc;
}

/* --- a dataset -------------------------------------------------------------------------------- */

static int set_description(struct reading *r, const yaml_node_t *node)
{
	return take_text(r, node, &r->dataset->description);
}

static int set_directory(struct reading *r, const yaml_node_t *node)
{
	const char *slash = strrchr(r->path, '/');
	const char *text = text_of(node);

	if (text && text[0] != '/' && slash) {
		r->dataset->directory = xasprintf("%.*s/%s", (int)(slash - r->path), r->path, text);
		return 0;
	}
	return take_text(r, node, &r->dataset->directory);
}

/* A prefix that does not end in a slash would cut names in the middle. */
static int set_s3(struct reading *r, const yaml_node_t *node)
{
	static const char scheme[] = "s3://";
	const char *text = text_of(node);
	const char *bucket =
		text && strncmp(text, scheme, strlen(scheme)) == 0 ? text + strlen(scheme) : "";
	size_t len = strcspn(bucket, "/");

	if (len == 0 || strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") != len)
		return invalid(r, node, "s3://BUCKET/PREFIX/ is expected here");
	r->dataset->s3 = xasprintf("%s%s", text, text[strlen(text) - 1] == '/' ? "" : "/");
	return 0;
}

static int set_endpoint(struct reading *r, const yaml_node_t *node)
{
	const char *text = text_of(node);
	const char *host = text && strncmp(text, "https://", strlen("https://")) == 0
	                           ? text + strlen("https://")
	                   : text && strncmp(text, "http://", strlen("http://")) == 0
	                           ? text + strlen("http://")
	                           : "";

	if (!host[0] || strpbrk(host, "?#@ ") || host[0] == '/')
		return invalid(r, node, "https://HOST or http://HOST:PORT is expected here");
	return take_text(r, node, &r->dataset->endpoint);
}

static int set_region(struct reading *r, const yaml_node_t *node)
{
	return take_text(r, node, &r->dataset->region);
}

static int check_source(struct reading *r, const yaml_node_t *at)
{
	const struct public_dataset *d = r->dataset;

	if ((d->directory != NULL) + (d->s3 != NULL) + (d->n > 0) != 1)
		return invalid(r, at,
		               "dataset '%s' needs one of 'files', 'directory' and 's3', and no "
		               "two of them",
		               d->name);
	if ((d->endpoint || d->region) && !d->s3)
		return invalid(r, at, "dataset '%s': 'endpoint' and 'region' are for 's3' only",
		               d->name);
	return 0;
}

static int set_files(struct reading *r, const yaml_node_t *node)
{
	int rc = 0;

	if (node->type != YAML_SEQUENCE_NODE)
		return invalid(r, node, "a list of files is expected here");
	for (const yaml_node_item_t *i = node->data.sequence.items.start;
	     rc == 0 && i < node->data.sequence.items.top; i++)
		rc = add_file(r, node_of(r, *i));
	return rc;
}

static int add_dataset(struct reading *r, const yaml_node_t *key, const char *name,
                       const yaml_node_t *value, void *arg)
{
	static const struct key keys[] = {
		{ "description", set_description },
		{ "directory", set_directory },
		{ "files", set_files },
		{ "s3", set_s3 },
		{ "endpoint", set_endpoint },
		{ "region", set_region },
		{ .name = NULL },
	};
	struct public_catalog *c = r->catalog;
	struct public_dataset *d;
	int rc;

	(void)arg;
	if (!id_is_name(name) || id_is_dataset(name))
		return invalid(r, key, "'%.64s' cannot name a dataset", name);
	c->dataset = xgrow(c->dataset, c->n, &c->cap, sizeof *c->dataset);
	d = r->dataset = &c->dataset[c->n++];
	*d = (struct public_dataset){ .name = xstrdup(name) };
	rc = each_key(r, value, set_key, (void *)(uintptr_t)keys);
	return rc == 0 ? check_source(r, key) : rc;
}

/* --- the catalog ------------------------------------------------------------------------------ */

static int set_namespace(struct reading *r, const yaml_node_t *node)
{
	const char *text = text_of(node);

	if (!text || !id_is_name(text))
		return invalid(r, node, "a name is expected here");
	return take_text(r, node, &r->catalog->namespace);
}

static int set_datasets(struct reading *r, const yaml_node_t *node)
{
	return each_key(r, node, add_dataset, NULL);
}

static int read_root(struct reading *r)
{
	static const struct key keys[] = {
		{ "namespace", set_namespace },
		{ "datasets", set_datasets },
		{ .name = NULL },
	};
	const yaml_node_t *root = yaml_document_get_root_node(&r->doc);
	int rc;

	if (!root)
		return error_set(r->err, SLUICE_INVALID, "%s:1: the catalog is empty", r->path);
	rc = each_key(r, root, set_key, (void *)(uintptr_t)keys);
	if (rc == 0 && !r->catalog->namespace)
		rc = invalid(r, root, "the catalog needs a 'namespace'");
	return rc;
}

int public_catalog_parse(const char *text, size_t len, const char *path,
                         struct public_catalog *ret_catalog, struct error *err)
{
	struct reading r = { .path = path, .catalog = ret_catalog, .err = err };
	int rc = yaml_load(text, len, path, &r.doc, err);

	*ret_catalog = (struct public_catalog){ .namespace = NULL };
	if (rc < 0)
		return rc;
	rc = read_root(&r);
	yaml_document_delete(&r.doc);
	return rc;
}

void public_catalog_release(struct public_catalog *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct public_dataset *d = &c->dataset[i];

		for (size_t k = 0; k < d->n; k++) {
			free(d->file[k].path);
			free(d->file[k].url);
		}
		free(d->file);
		free(d->name);
		free(d->description);
		free(d->directory);
		free(d->s3);
		free(d->endpoint);
		free(d->region);
	}
	free(c->dataset);
	free(c->namespace);
	*c = (struct public_catalog){ .namespace = NULL };
}

const struct public_dataset *public_catalog_find(const struct public_catalog *c, const char *name)
{
	size_t len = strlen(c->namespace);

	if (strncmp(name, c->namespace, len) != 0 || name[len] != '/')
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->dataset[i].name, name + len + 1) == 0)
			return &c->dataset[i];
	return NULL;
}

uint64_t public_dataset_size(const struct public_dataset *d)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (d->file[i].size == 0)
			return 0;
		if (__builtin_add_overflow(sum, d->file[i].size, &sum))
			return UINT64_MAX;
	}
	return sum;
}
