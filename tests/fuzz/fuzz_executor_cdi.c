/* Whatever a specification of devices holds, it is read without harm; and of one that is taken all
 * that is used is there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "executor/cdi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_nodes(const cJSON *edits)
{
	const cJSON *node, *hook;

	cJSON_ArrayForEach(node, json_arr(edits, "deviceNodes"))
	{
		const char *path = json_str(node, "path");

		if (!path || path[0] != '/')
			abort();
	}
	cJSON_ArrayForEach(hook, json_arr(edits, "hooks"))
	{
		if (!json_str(hook, "hookName") || !json_str(hook, "path"))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON cJSON *doc = NULL;
	const cJSON *device;
	struct error err;

	if (size == 0)
		return 0;
	if (cdi_parse((const char *)data + 1, size - 1, data[0] & 1 ? "f.json" : "f.yaml", &doc,
	              &err) < 0)
		return 0;
	if (!strchr(json_str(doc, "kind"), '/'))
		abort();
	check_nodes(json_obj(doc, "containerEdits"));
	cJSON_ArrayForEach(device, json_arr(doc, "devices"))
	{
		if (!json_str(device, "name")[0])
			abort();
		check_nodes(json_obj(device, "containerEdits"));
	}
	return 0;
}
