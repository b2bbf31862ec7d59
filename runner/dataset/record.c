#include "dataset/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"

enum { RECORD_TEXT_MAX = 4 << 20 };

void text_copy(char *to, size_t size, const char *text)
{
	size_t len = text ? strnlen(text, size - 1) : 0;

	if (len > 0)
		memcpy(to, text, len);
	to[len] = '\0';
}

/* Ids and tag names are checked before they get here, and fit. */
static const char *path_of(char path[RECORD_PATH_SIZE], const char *ds, const char *folder,
                           const char *name, const char *suffix)
{
	if (snprintf(path, RECORD_PATH_SIZE, "%s/%s%s%s", ds, folder, name, suffix) < 0)
		path[0] = '\0';
	return path;
}

const char *record_dataset_path(const char *ds, char path[RECORD_PATH_SIZE])
{
	return path_of(path, ds, "", "dataset", ".json");
}

const char *record_version_path(const char *ds, const char *ver, char path[RECORD_PATH_SIZE])
{
	return path_of(path, ds, "versions/", ver, ".json");
}

const char *record_open_path(const char *ds, const char *ver, char path[RECORD_PATH_SIZE])
{
	return path_of(path, ds, "open/", ver, ".json");
}

const char *record_tag_path(const char *ds, const char *tag, char path[RECORD_PATH_SIZE])
{
	return path_of(path, ds, "tags/", tag, "");
}

static int put(struct store *store, const char *path, const cJSON *doc, bool replace,
               struct error *err)
{
	AUTO_FREE char *text = json_print_pretty(doc);

	return store_put_record(store, path, text, replace, err);
}

bool record_is_of_version(const char *name, char ret_ver[VERSION_ID_LEN + 1])
{
	text_copy(ret_ver, VERSION_ID_LEN + 1, name);
	return strcmp(name + strnlen(name, VERSION_ID_LEN), ".json") == 0 && id_is_version(ret_ver);
}

/* A record that says other ids than its path is somebody's copy, and nothing to trust. */
int record_damaged(struct store *store, const char *path, const char *why, struct error *err)
{
	return error_set(err, SLUICE_CORRUPT,
	                 "record '%s/datasets/%s' is damaged: %s; bring it back from a copy, or "
	                 "move it aside to go on without it",
	                 store_path(store), path, why);
}

int record_load(struct store *store, const char *path, cJSON **ret_doc, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(RECORD_TEXT_MAX);
	struct error inner;
	int rc = store_get_record(store, path, &text, err);

	if (rc < 0)
		return rc;
	if (json_parse(strbuf_str(&text), text.len, "it", ret_doc, &inner) < 0)
		return record_damaged(store, path, inner.msg, err);
	return 0;
}

int record_changed(struct store *store, const char *path, const struct record_text *texts,
                   char **ret_text, struct error *err)
{
	AUTO_JSON cJSON *doc = NULL;
	int rc = record_load(store, path, &doc, err);

	if (rc < 0)
		return rc;
	for (; texts->name; texts++) {
		if (!texts->value)
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(doc, texts->name);
		json_add_str(doc, texts->name, texts->value);
	}
	*ret_text = json_print_pretty(doc);
	return 0;
}

bool record_says(const cJSON *doc, const char *name, const char *value)
{
	const char *s = json_str(doc, name);

	return s && strcmp(s, value) == 0;
}

/* --- datasets ------------------------------------------------------------------------------ */

static char *dataset_text(const struct dataset *dataset)
{
	AUTO_JSON cJSON *doc = json_new_obj();

	json_add_str(doc, "id", dataset->id);
	json_add_str(doc, "name", dataset->name);
	json_add_str(doc, "description", dataset->description);
	if (dataset->provider[0])
		json_add_str(doc, "storage_provider", dataset->provider);
	json_add_int(doc, "created_ms", dataset->created_ms);
	return json_print_pretty(doc);
}

int record_put_dataset(struct store *store, const struct dataset *dataset, struct error *err)
{
	AUTO_FREE char *text = dataset_text(dataset);
	char path[RECORD_PATH_SIZE];

	return store_put_record(store, record_dataset_path(dataset->id, path), text, false, err);
}

const char *record_parse_dataset(const cJSON *doc, const char *ds, struct dataset *ret_dataset)
{
	struct dataset found = { .created_ms = json_int(doc, "created_ms", 0) };

	if (!record_says(doc, "id", ds) || !json_str(doc, "name"))
		return "its id or name is not what it must be";
	text_copy(found.id, sizeof found.id, ds);
	text_copy(found.name, sizeof found.name, json_str(doc, "name"));
	text_copy(found.description, sizeof found.description, json_str(doc, "description"));
	text_copy(found.provider, sizeof found.provider, json_str(doc, "storage_provider"));
	*ret_dataset = found;
	return NULL;
}

int record_get_dataset(struct store *store, const char *ds, struct dataset *ret_dataset,
                       struct error *err)
{
	AUTO_JSON cJSON *doc = NULL;
	char path[RECORD_PATH_SIZE];
	const char *why;
	int rc = record_load(store, record_dataset_path(ds, path), &doc, err);

	if (rc < 0)
		return rc;
	why = record_parse_dataset(doc, ds, ret_dataset);
	return why ? record_damaged(store, path, why, err) : 0;
}

/* --- versions ------------------------------------------------------------------------------ */

static void add_maker(cJSON *doc, const struct dataset_version *v, const char *const *inputs)
{
	cJSON *maker = json_new_obj();

	json_add_str(maker, "run", v->run[0] ? v->run : NULL);
	json_add_str(maker, "job", v->job[0] ? v->job : NULL);
	json_add_int(maker, "attempt", v->attempt);
	json_add(maker, "inputs", json_new_strs(inputs));
	json_add(doc, "maker", maker);
}

/* What open and committed versions have in common. */
static cJSON *new_version_doc(const struct dataset_version *v, const char *const *inputs)
{
	cJSON *doc = json_new_obj();

	json_add_str(doc, "dataset", v->dataset);
	json_add_str(doc, "version", v->id);
	json_add_str(doc, "message", v->message);
	json_add_int(doc, "created_ms", v->created_ms);
	add_maker(doc, v, inputs);
	return doc;
}

static void add_manifest(cJSON *doc, const struct dataset_version *v)
{
	char hex[DIGEST_HEX_LEN + 1];

	json_add_str(doc, "manifest", digest_hex(&v->manifest, hex));
	json_add_int(doc, "files", (int64_t)v->files);
	json_add_int(doc, "bytes", (int64_t)v->bytes);
}

/* Returns whether there is a whole one. */
static bool read_manifest(const cJSON *doc, struct dataset_version *v)
{
	const char *hex = json_str(doc, "manifest");
	int64_t files = json_int(doc, "files", -1);
	int64_t bytes = json_int(doc, "bytes", -1);

	if (!hex || strlen(hex) != DIGEST_HEX_LEN || !digest_parse(hex, &v->manifest) ||
	    files < 0 || bytes < 0)
		return false;
	v->files = (uint64_t)files;
	v->bytes = (uint64_t)bytes;
	return true;
}

/* What open and committed versions have in common; NULL, or why it is damaged. */
static const char *parse_version_doc(const cJSON *doc, const char *ds, const char *ver,
                                     struct dataset_version *v)
{
	const cJSON *maker = json_obj(doc, "maker");

	if (!record_says(doc, "dataset", ds) || !record_says(doc, "version", ver))
		return "its ids are not what its path says";
	text_copy(v->dataset, sizeof v->dataset, ds);
	text_copy(v->id, sizeof v->id, ver);
	text_copy(v->message, sizeof v->message, json_str(doc, "message"));
	text_copy(v->run, sizeof v->run, json_str(maker, "run"));
	text_copy(v->job, sizeof v->job, json_str(maker, "job"));
	v->attempt = (int)json_int(maker, "attempt", 0);
	v->created_ms = json_int(doc, "created_ms", 0);
	return NULL;
}

char *record_version_text(const struct dataset_version *v, const char *const *inputs)
{
	AUTO_JSON cJSON *doc = new_version_doc(v, inputs);

	json_add_int(doc, "seq", v->seq);
	json_add_int(doc, "committed_ms", v->committed_ms);
	add_manifest(doc, v);
	return json_print_pretty(doc);
}

int record_put_version(struct store *store, const struct dataset_version *v,
                       const char *const *inputs, struct error *err)
{
	AUTO_FREE char *text = record_version_text(v, inputs);
	char path[RECORD_PATH_SIZE];

	return store_put_record(store, record_version_path(v->dataset, v->id, path), text, false,
	                        err);
}

const char *record_parse_version(const cJSON *doc, const char *ds, const char *ver,
                                 struct dataset_version *ret_version)
{
	struct dataset_version v = { .committed = true };
	const char *why = parse_version_doc(doc, ds, ver, &v);
	const cJSON *input;

	v.seq = json_int(doc, "seq", 0);
	v.committed_ms = json_int(doc, "committed_ms", 0);
	if (!why && (v.seq < 1 || !read_manifest(doc, &v)))
		why = "it lacks its number or its manifest";
	cJSON_ArrayForEach(input, json_arr(json_obj(doc, "maker"), "inputs"))
	{
		if (!why && !cJSON_IsString(input))
			why = "one of its inputs is no text";
	}
	if (!why)
		*ret_version = v;
	return why;
}

int record_read_version(struct store *store, const char *ds, const char *ver, record_text_fn *fn,
                        void *arg, struct dataset_version *ret_version, struct error *err)
{
	AUTO_JSON cJSON *doc = NULL;
	char path[RECORD_PATH_SIZE];
	const cJSON *input;
	const char *why;
	int rc = record_load(store, record_version_path(ds, ver, path), &doc, err);

	if (rc < 0)
		return rc;
	why = record_parse_version(doc, ds, ver, ret_version);
	if (why)
		return record_damaged(store, path, why, err);
	cJSON_ArrayForEach(input, json_arr(json_obj(doc, "maker"), "inputs"))
	{
		if (rc == 0 && fn)
			rc = fn(arg, input->valuestring);
	}
	return rc;
}

int record_get_version(struct store *store, const char *ds, const char *ver,
                       struct dataset_version *ret_version, struct error *err)
{
	return record_read_version(store, ds, ver, NULL, NULL, ret_version, err);
}

int record_each_input(struct store *store, const char *ds, const char *ver, record_text_fn *fn,
                      void *arg, struct error *err)
{
	struct dataset_version ignored;

	return record_read_version(store, ds, ver, fn, arg, &ignored, err);
}

int record_put_open(struct store *store, const struct open_record *open, bool replace,
                    struct error *err)
{
	AUTO_JSON cJSON *doc = new_version_doc(&open->v, NULL);
	char path[RECORD_PATH_SIZE];

	char hex[DIGEST_HEX_LEN + 1];

	if (open->taken)
		add_manifest(doc, &open->v);
	if (open->has_base) {
		json_add_str(doc, "base", digest_hex(&open->base, hex));
		json_add_str(doc, "base_version", open->base_version);
	}
	return put(store, record_open_path(open->v.dataset, open->v.id, path), doc, replace, err);
}

int record_read_open(struct store *store, const char *ds, const char *ver,
                     struct open_record *ret_open, struct error *err)
{
	AUTO_JSON cJSON *doc = NULL;
	char path[RECORD_PATH_SIZE];
	struct open_record open = { .taken = false };
	const char *base;
	const char *why;
	int rc = record_load(store, record_open_path(ds, ver, path), &doc, err);

	if (rc < 0)
		return rc;
	why = parse_version_doc(doc, ds, ver, &open.v);
	if (why)
		return record_damaged(store, path, why, err);
	open.taken = read_manifest(doc, &open.v);
	base = json_str(doc, "base");
	open.has_base = base && strlen(base) == DIGEST_HEX_LEN && digest_parse(base, &open.base);
	text_copy(open.base_version, sizeof open.base_version, json_str(doc, "base_version"));
	*ret_open = open;
	return 0;
}

int record_get_open(struct store *store, const struct dataset_version *v,
                    struct open_record *ret_open, struct error *err)
{
	struct dataset_version committed;
	int rc = record_get_version(store, v->dataset, v->id, &committed, err);

	if (rc == 0)
		return error_set(err, SLUICE_EXISTS,
		                 "version '%s:%s' is committed already and cannot change; 'sluice "
		                 "datasets versions create %s' opens a new one",
		                 v->dataset, v->id,
		                 v->dataset_name[0] ? v->dataset_name : v->dataset);
	if (rc == SLUICE_NOT_FOUND)
		rc = record_read_open(store, v->dataset, v->id, ret_open, err);
	if (rc == SLUICE_NOT_FOUND)
		return error_set(err, rc,
		                 "there is no version '%s:%s'; it was dropped or never made",
		                 v->dataset, v->id);
	return rc;
}

struct expecting {
	struct store *store;
	uint64_t times;
	struct progress *progress;
	struct error *err;
};

static int expect_version(void *arg, const char *name)
{
	const struct expecting *e = arg;
	char ver[VERSION_ID_LEN + 1];

	if (record_is_of_version(name, ver))
		progress_expect(e->progress, e->times);
	return 0;
}

static int expect_dataset(void *arg, const char *ds)
{
	struct expecting *e = arg;
	AUTO_FREE char *path = xasprintf("%s/versions", ds);

	return id_is_dataset(ds) ? store_list_records(e->store, path, expect_version, e, e->err)
	                         : 0;
}

int record_expect_versions(struct store *store, uint64_t times, struct progress *progress,
                           struct error *err)
{
	struct expecting e = { store, times, progress, err };

	return store_list_records(store, "", expect_dataset, &e, err);
}

/* --- tags ---------------------------------------------------------------------------------- */

int record_get_tag(struct store *store, const char *ds, const char *tag,
                   char ret_version[VERSION_ID_LEN + 1], struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MAX);
	char path[RECORD_PATH_SIZE];
	int rc = store_get_record(store, record_tag_path(ds, tag, path), &text, err);

	if (rc < 0)
		return rc;
	if (text.len != VERSION_ID_LEN + 1 || text.buf[VERSION_ID_LEN] != '\n')
		return record_damaged(store, path, "it is not one version id", err);
	text.buf[VERSION_ID_LEN] = '\0';
	if (!id_is_version(text.buf))
		return record_damaged(store, path, "it is not one version id", err);
	text_copy(ret_version, VERSION_ID_LEN + 1, text.buf);
	return 0;
}
