#include "executor/docker/found.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/wipe.h"
#include "base/xalloc.h"
#include "executor/docker/api.h"
#include "executor/docker/config.h"
#include "executor/launch.h"

static const char *value_of(const cJSON *env, const char *name, size_t len)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, env)
	{
		const char *var = cJSON_GetStringValue(item);

		if (var && strncmp(var, name, len) == 0 && var[len] == '=')
			return var + len + 1;
	}
	return NULL;
}

/* The values of the variables that the label names. */
static char **masked_values(const char *names, const cJSON *env)
{
	char **values = xcalloc(strlen(names) + 1, sizeof *values);
	size_t n = 0;

	while (*names) {
		size_t len = strcspn(names, "\n");
		const char *value = value_of(env, names, len);

		if (value)
			values[n++] = xstrdup(value);
		names += len + (names[len] == '\n');
	}
	return values;
}

static void fill(struct docker_found *found, const cJSON *doc)
{
	const cJSON *config = json_obj(doc, "Config");
	const cJSON *labels = json_obj(config, "Labels");
	const cJSON *state = json_obj(doc, "State");
	const char *masked = json_str(labels, DOCKER_LABEL_MASKED);
	const char *grace = json_str(labels, DOCKER_LABEL_GRACE);
	const char *fetch = json_str(labels, DOCKER_LABEL_FETCH);
	const char *name = json_str(doc, "Name");

	found->id = xstrdup(name ? name + (name[0] == '/') : "");
	found->fetch = xstrdup(fetch ? fetch : "");
	found->masked = masked_values(masked ? masked : "", json_arr(config, "Env"));
	found->started_ms = clock_parse(json_str(state, "StartedAt"));
	found->has_begun = found->started_ms > 0;
	if (!grace || !parse_u64(grace, UINT64_MAX, &found->grace_ms))
		found->grace_ms = 0;
	found->stop_signal = launch_stop_signal(json_str(config, "StopSignal"));
}

static int inspect(const struct docker_host *host, struct docker_found *found, struct error *err)
{
	AUTO_FREE char *path = xasprintf("/containers/%s/json", found->container);
	AUTO_JSON cJSON *doc = NULL;
	int rc = docker_do(host, &(struct docker_ask){ .path = path }, &doc, err);

	if (rc == 0)
		fill(found, doc);
	return rc;
}

int docker_find(const struct docker_host *host, const char *dir, struct docker_found *ret_found,
                struct error *err)
{
	AUTO_FREE char *label = xasprintf(DOCKER_LABEL_ATTEMPT "=%s", dir);
	AUTO_JSON cJSON *filter = json_new_obj();
	AUTO_JSON cJSON *doc = NULL;
	AUTO_FREE char *text = NULL, *escaped = NULL, *path = NULL;
	cJSON *labels = json_new_arr();
	const char *id;
	int rc;

	*ret_found = (struct docker_found){ .container = NULL };
	json_push_str(labels, label);
	json_add(filter, "label", labels);
	text = json_print(filter);
	escaped = docker_escape(text);
	path = xasprintf("/containers/json?all=1&filters=%s", escaped);
	rc = docker_do(host, &(struct docker_ask){ .path = path }, &doc, err);
	if (rc < 0)
		return rc;
	id = json_str(cJSON_GetArrayItem(doc, 0), "Id");
	if (!id)
		return error_set(err, SLUICE_NOT_FOUND, "no container has the label '%s'", label);
	ret_found->container = xstrdup(id);
	rc = inspect(host, ret_found, err);
	if (rc < 0)
		docker_found_release(ret_found);
	return rc;
}

void docker_found_release(struct docker_found *found)
{
	for (char **value = found->masked; value && *value; value++)
		wipe_free(*value);
	free(found->masked);
	free(found->fetch);
	free(found->container);
	free(found->id);
	*found = (struct docker_found){ .container = NULL };
}
