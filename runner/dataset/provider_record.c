/* The records of storage providers: read and written whole. */
#include "dataset/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "base/xalloc.h"
#include "dataset/provider.h"

const char *record_provider_path(const char *id, char path[RECORD_PATH_SIZE])
{
	(void)snprintf(path, RECORD_PATH_SIZE, RECORD_PROVIDERS "/%s.json", id);
	return path;
}

bool record_is_of_provider(const char *name, char ret_id[PROVIDER_ID_LEN + 1])
{
	text_copy(ret_id, PROVIDER_ID_LEN + 1, name);
	return strcmp(name + strnlen(name, PROVIDER_ID_LEN), ".json") == 0 &&
	       id_is_provider(ret_id);
}

void provider_release(struct provider *p)
{
	free(p->bucket);
	free(p->prefix);
	free(p->endpoint);
	free(p->region);
	free(p->key_id);
	wipe_free(p->secret);
	*p = PROVIDER_INIT;
}

int record_put_provider(struct store *store, const struct provider *p, bool replace,
                        struct error *err)
{
	AUTO_JSON cJSON *doc = json_new_obj();
	char path[RECORD_PATH_SIZE];
	char *text;
	int rc;

	json_add_str(doc, "id", p->id);
	json_add_str(doc, "name", p->name);
	json_add_str(doc, "type", "s3");
	json_add_str(doc, "bucket", p->bucket);
	json_add_str(doc, "prefix", p->prefix);
	json_add_str(doc, "endpoint", p->endpoint);
	json_add_str(doc, "region", p->region);
	json_add_str(doc, "access_key", p->key_id);
	json_add_str(doc, "secret_access_key", p->secret);
	json_add_int(doc, "created_ms", p->created_ms);
	json_add_int(doc, "modified_ms", p->modified_ms);
	text = json_print_pretty(doc);
	rc = store_put_private_record(store, record_provider_path(p->id, path), text, replace, err);
	wipe_free(text);
	return rc;
}

static int read_members(const cJSON *doc, struct provider *p, struct error *err)
{
	const struct provider_config config = {
		.name = json_str(doc, "name"),
		.bucket = json_str(doc, "bucket"),
		.prefix = json_str(doc, "prefix"),
		.endpoint = json_str(doc, "endpoint"),
		.region = json_str(doc, "region"),
		.key_id = json_str(doc, "access_key"),
		.secret = json_str(doc, "secret_access_key"),
	};

	return provider_configure(p, &config, err);
}

int record_get_provider(struct store *store, const char *id, struct provider *ret_provider,
                        struct error *err)
{
	AUTO_JSON cJSON *doc = NULL;
	AUTO_PROVIDER struct provider found = PROVIDER_INIT;
	char path[RECORD_PATH_SIZE];
	int rc = record_load(store, record_provider_path(id, path), &doc, err);

	if (rc < 0)
		return rc;
	if (!record_says(doc, "id", id))
		return record_damaged(store, path, "its id is not what its path says", err);
	if (!record_says(doc, "type", "s3"))
		return record_damaged(store, path, "its type is none that is known here", err);
	rc = read_members(doc, &found, err);
	if (rc == 0)
		rc = provider_check_whole(&found, err);
	if (rc < 0) {
		const struct error why = *err;

		return record_damaged(store, path, why.msg, err);
	}
	text_copy(found.id, sizeof found.id, id);
	found.created_ms = json_int(doc, "created_ms", 0);
	found.modified_ms = json_int(doc, "modified_ms", 0);
	*ret_provider = found;
	found = PROVIDER_INIT;
	return 0;
}
