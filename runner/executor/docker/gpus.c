#include "executor/docker/gpus.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/xalloc.h"

/* --- what the daemon does itself -------------------------------------------------------------- */

static void ask_for(cJSON *host, const char *driver, const char *const *names)
{
	cJSON *request = json_new_obj(), *ids = json_new_arr();
	bool is_cdi = strcmp(driver, "cdi") == 0;

	json_add_str(request, "Driver", driver);
	for (; *names; names++)
		json_push_str(ids, is_cdi ? *names : strchr(*names, '=') + 1);
	json_add(request, "DeviceIDs", ids);
	if (!is_cdi) { /* a list of lists: one of them must be had */
		cJSON *wants = json_new_arr();

		json_push_str(wants, "gpu");
		json_push(json_list_of(request, "Capabilities"), wants);
	}
	json_push(json_list_of(host, "DeviceRequests"), request);
}

/* --- what it is told -------------------------------------------------------------------------- */

static void add_device(cJSON *host, const cJSON *node)
{
	const char *access = json_str(node, "permissions");
	cJSON *device = json_new_obj();

	json_add_str(device, "PathOnHost", json_str(node, "hostPath"));
	json_add_str(device, "PathInContainer", json_str(node, "path"));
	json_add_str(device, "CgroupPermissions", access && access[0] ? access : "rwm");
	json_push(json_list_of(host, "Devices"), device);
}

static int add_mount(cJSON *host, const cJSON *edit, struct error *err)
{
	const char *type = json_str(edit, "type");
	cJSON *mount;

	if (type && type[0] && strcmp(type, "bind") != 0)
		return error_set(err, SLUICE_MISSING, "a mount of type '%.64s' at '%s'", type,
		                 json_str(edit, "containerPath"));
	mount = json_new_obj();
	json_add_str(mount, "Type", "bind");
	json_add_str(mount, "Source", json_str(edit, "hostPath"));
	json_add_str(mount, "Target", json_str(edit, "containerPath"));
	json_add_bool(mount, "ReadOnly", json_has_str(json_arr(edit, "options"), "ro"));
	json_push(json_list_of(host, "Mounts"), mount);
	return 0;
}

static int add_edits(cJSON *body, cJSON *host, const cJSON *edits, struct error *err)
{
	const cJSON *hook = cJSON_GetArrayItem(json_arr(edits, "hooks"), 0);
	const cJSON *edit;
	int rc = 0;

	if (hook)
		return error_set(err, SLUICE_MISSING, "the hook '%s'", json_str(hook, "path"));
	cJSON_ArrayForEach(edit, json_arr(edits, "mounts"))
	{
		rc = add_mount(host, edit, err);
		if (rc < 0)
			return rc;
	}
	cJSON_ArrayForEach(edit, json_arr(edits, "env"))
		json_push_str(json_list_of(body, "Env"), edit->valuestring);
	cJSON_ArrayForEach(edit, json_arr(edits, "deviceNodes")) add_device(host, edit);
	cJSON_ArrayForEach(edit, json_arr(edits, "additionalGids"))
	{
		AUTO_FREE char *gid = xasprintf("%" PRIu32, (uint32_t)edit->valuedouble);

		json_push_str(json_list_of(host, "GroupAdd"), gid);
	}
	return 0;
}

int docker_gpus_add(cJSON *body, const struct gpus *gpus, const char *const *names, bool knows_cdi,
                    struct error *err)
{
	cJSON *host = cJSON_GetObjectItemCaseSensitive(body, "HostConfig");
	AUTO_JSON cJSON *edits = NULL;
	int rc;

	if (gpus->by_nodes || knows_cdi) {
		ask_for(host, gpus->by_nodes ? "nvidia" : "cdi", names);
		return 0;
	}
	rc = gpus_edits(gpus, names, &edits, err);
	if (rc < 0)
		return rc;
	rc = add_edits(body, host, edits, err);
	return rc < 0 ? error_wrap(err,
	                           "GPU '%s' needs what this Docker cannot be told (from "
	                           "version 25 on it reads CDI itself; so does the executor "
	                           "'oci')",
	                           names[0])
	              : 0;
}
