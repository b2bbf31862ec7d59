#include "cli/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "dataset/provider.h"
#include "dataset/public.h"

/* Who writes TEAM/NAME could believe that it is another dataset than NAME. */
static int check_namespace(struct datasets *datasets, const char *id, struct error *err)
{
	AUTO_PUBLIC_CATALOG struct public_catalog catalog = { .namespace = NULL };
	const char *slash = strchr(id, '/');
	int rc = slash ? datasets_load_public(datasets, &catalog, err) : 0;

	if (rc < 0 || !slash)
		return rc;
	if (strlen(catalog.namespace) == (size_t)(slash - id) &&
	    strncmp(id, catalog.namespace, (size_t)(slash - id)) == 0)
		return 0;
	return error_set(err, SLUICE_INVALID,
	                 "the datasets of this home have no namespace: write '%s' instead of '%s'",
	                 slash + 1, id);
}

int show_find_dataset(struct datasets *datasets, const struct cli_args *args,
                      struct dataset *ret_dataset, struct error *err)
{
	const char *id = args_get(args, "id");

	if (strchr(id, ':'))
		return error_set(err, SLUICE_INVALID,
		                 "The '--id' option should not have a version/tag (ex: %.*s)",
		                 (int)strcspn(id, ":"), id);
	if (check_namespace(datasets, id, err) < 0)
		return err->class;
	return datasets_find(datasets, id, ret_dataset, err);
}

int show_find_version(struct datasets *datasets, const struct cli_args *args, bool exact,
                      struct dataset_version *ret_version, struct error *err)
{
	const char *id = args_get(args, "id");

	if (exact && !strchr(id, ':'))
		return error_set(err, SLUICE_INVALID,
		                 "The '--id' option is missing the version (ex: %s:latest)", id);
	return datasets_resolve(datasets, id, ret_version, err);
}

static int count(void *arg, const struct dataset_version *version)
{
	size_t *n = arg;

	(void)version;
	++*n;
	return 0;
}

int show_count_open(struct datasets *datasets, const struct dataset *dataset, size_t *ret_n,
                    struct error *err)
{
	*ret_n = 0;
	return datasets_each_version(datasets, dataset, false, count, ret_n, err);
}

const char *show_ref(const struct dataset_version *version, char buf[DS_REF_LEN])
{
	(void)snprintf(buf, DS_REF_LEN, "%s:%s", version->dataset, version->id);
	return buf;
}

static int add_tag(void *arg, const char *tag, const struct dataset_version *version)
{
	struct show_tags *tags = arg;
	struct show_tag *t;

	tags->tag = xgrow(tags->tag, tags->n, &tags->cap, sizeof *tags->tag);
	t = &tags->tag[tags->n++];
	(void)snprintf(t->name, sizeof t->name, "%s", tag);
	(void)snprintf(t->version, sizeof t->version, "%s", version->id);
	(void)snprintf(t->message, sizeof t->message, "%.*s", (int)sizeof t->message - 1,
	               version->message);
	return 0;
}

int show_tags_load(struct datasets *datasets, const struct dataset *dataset,
                   struct show_tags *ret_tags, struct error *err)
{
	*ret_tags = (struct show_tags){ 0 };
	return datasets_each_tag(datasets, dataset, add_tag, ret_tags, err);
}

char *show_tags_of(const struct show_tags *tags, const char *version)
{
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	for (size_t i = 0; i < tags->n; i++)
		if (strcmp(tags->tag[i].version, version) == 0)
			strbuf_addf(&sb, "%s%s", sb.len > 0 ? ", " : "", tags->tag[i].name);
	return strbuf_detach(&sb);
}

void show_tags_release(struct show_tags *tags)
{
	free(tags->tag);
	*tags = (struct show_tags){ 0 };
}

void show_json_add_time(cJSON *obj, const char *name, int64_t ms)
{
	char text[CLOCK_TEXT_SIZE];

	json_add_str(obj, name, ms > 0 ? clock_format(ms, text) : NULL);
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

void show_provider_find(struct datasets *datasets, const struct dataset *dataset,
                        struct show_provider *at)
{
	const char *id = dataset->provider[0] ? dataset->provider : PROVIDER_MANAGED_ID;
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	struct error ignored;

	if (strcmp(at->id, id) == 0)
		return;
	(void)!providers_find(datasets_store(datasets), id, &p, &ignored);
	(void)snprintf(at->id, sizeof at->id, "%s", id);
	(void)snprintf(at->name, sizeof at->name, "%s", p.name);
}

const char *show_provider_text(const struct show_provider *p, char buf[SHOW_PROVIDER_SIZE])
{
	(void)snprintf(buf, SHOW_PROVIDER_SIZE, "%s (%s)", p->name[0] ? p->name : "?", p->id);
	return buf;
}

cJSON *show_json_dataset(const struct dataset *dataset, const struct show_provider *p)
{
	cJSON *out = json_new_obj();
	cJSON *provider = json_new_obj();

	json_add_str(out, "id", dataset->id);
	json_add_str(out, "name", dataset->name);
	json_add_str(out, "description", or_null(dataset->description));
	show_json_add_time(out, "dtCreated", dataset->created_ms);
	json_add_str(provider, "id", p->id);
	json_add_str(provider, "name", or_null(p->name));
	json_add(out, "storageProvider", provider);
	return out;
}

static cJSON *json_tags(const struct show_tags *tags, const char *version)
{
	cJSON *out = json_new_arr();

	for (size_t i = 0; i < tags->n; i++) {
		cJSON *tag;

		if (strcmp(tags->tag[i].version, version) != 0)
			continue;
		tag = json_new_obj();
		json_add_str(tag, "name", tags->tag[i].name);
		json_push(out, tag);
	}
	return out;
}

cJSON *show_json_version(const struct dataset_version *version, const struct show_tags *tags)
{
	cJSON *out = json_new_obj();
	char hex[DIGEST_HEX_LEN + 1];

	json_add_str(out, "datasetId", version->dataset);
	json_add_str(out, "version", version->id);
	json_add_bool(out, "isCommitted", version->committed);
	json_add_str(out, "message", or_null(version->message));
	json_add(out, "tags", json_tags(tags, version->id));
	show_json_add_time(out, "dtCreated", version->created_ms);
	show_json_add_time(out, "dtCommitted", version->committed_ms);
	if (version->committed) {
		json_add_str(out, "manifest", digest_hex(&version->manifest, hex));
		json_add_int(out, "files", (int64_t)version->files);
		json_add_int(out, "usageBytes", (int64_t)version->bytes);
	}
	if (version->run[0]) {
		json_add_str(out, "run", version->run);
		json_add_str(out, "job", or_null(version->job));
		json_add_int(out, "attempt", version->attempt);
	}
	return out;
}
