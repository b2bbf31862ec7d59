#include "executor/oci_gpus.h"

#include <string.h>

#include "base/json.h"
#include "executor/oci_config.h"

static cJSON *member(const cJSON *obj, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(obj, name);
}

static void copy_member(cJSON *to, const char *as, const cJSON *from, const char *name)
{
	const cJSON *value = member(from, name);

	if (value && !cJSON_IsNull(value))
		json_add(to, as, cJSON_Duplicate(value, true));
}

/* --- nodes ------------------------------------------------------------------------------------ */

/* Who runs the job shall have it. */
static void add_owner(cJSON *device, const cJSON *node, const char *name, uint32_t otherwise)
{
	if (json_int(node, name, -1) >= 0)
		copy_member(device, name, node, name);
	else if (otherwise > 0)
		json_add_int(device, name, otherwise);
}

static void add_device(cJSON *linux_obj, const cJSON *node, const struct user *user)
{
	cJSON *device = json_new_obj();

	copy_member(device, "path", node, "path");
	copy_member(device, "type", node, "type");
	copy_member(device, "major", node, "major");
	copy_member(device, "minor", node, "minor");
	copy_member(device, "fileMode", node, "fileMode");
	add_owner(device, node, "uid", user->uid);
	add_owner(device, node, "gid", user->gid);
	json_push(json_list_of(linux_obj, "devices"), device);
}

/* The cgroup, too, must let it through. */
static void allow(cJSON *linux_obj, const cJSON *node)
{
	const char *access = json_str(node, "permissions");
	cJSON *rule;

	if (strcmp(json_str(node, "type"), "p") == 0 || (access && strcmp(access, "none") == 0))
		return;
	rule = json_new_obj();
	json_add_bool(rule, "allow", true);
	copy_member(rule, "type", node, "type");
	copy_member(rule, "major", node, "major");
	copy_member(rule, "minor", node, "minor");
	json_add_str(rule, "access", access && access[0] ? access : "rwm");
	json_push(json_list_of(member(linux_obj, "resources"), "devices"), rule);
}

/* The machine's own, with its own rights. */
static void show_node(cJSON *mounts, const cJSON *node)
{
	static const char *const options[] = { "bind", "rprivate", "nosuid", "noexec", "rw" };
	cJSON *mount = json_new_obj(), *list = json_new_arr();

	copy_member(mount, "destination", node, "path");
	json_add_str(mount, "type", "bind");
	copy_member(mount, "source", node, "hostPath");
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		json_push_str(list, options[i]);
	json_add(mount, "options", list);
	json_push(mounts, mount);
}

/* --- all else --------------------------------------------------------------------------------- */

static void add_mount(cJSON *mounts, const cJSON *edit)
{
	const char *type = json_str(edit, "type");
	cJSON *mount = json_new_obj();
	bool is_bind = !type || !type[0] || strcmp(type, "bind") == 0;

	copy_member(mount, "destination", edit, "containerPath");
	json_add_str(mount, "type", is_bind ? "bind" : type);
	copy_member(mount, "source", edit, "hostPath");
	copy_member(mount, "options", edit, "options");
	if (is_bind) /* twice it does no harm */
		json_push_str(json_list_of(mount, "options"), "rbind");
	json_push(mounts, mount);
}

static void add_hook(cJSON *config, const cJSON *edit)
{
	static const char *const members[] = { "path", "args", "env", "timeout" };
	cJSON *hooks = member(config, "hooks");
	cJSON *hook = json_new_obj();

	if (!hooks) {
		hooks = json_new_obj();
		json_add(config, "hooks", hooks);
	}
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		copy_member(hook, members[i], edit, members[i]);
	json_push(json_list_of(hooks, json_str(edit, "hookName")), hook);
}

void oci_gpus_add(cJSON *config, const cJSON *edits, const struct user *user, enum userns_kind ids,
                  bool shows_nodes)
{
	cJSON *process = member(config, "process"), *linux_obj = member(config, "linux");
	cJSON *mounts = member(config, "mounts");
	const cJSON *edit;

	cJSON_ArrayForEach(edit, json_arr(edits, "env"))
		oci_config_set_env(member(process, "env"), edit->valuestring);
	cJSON_ArrayForEach(edit, json_arr(edits, "deviceNodes"))
	{
		if (shows_nodes) {
			show_node(mounts, edit);
			continue;
		}
		add_device(linux_obj, edit, user);
		allow(linux_obj, edit);
	}
	cJSON_ArrayForEach(edit, json_arr(edits, "mounts")) add_mount(mounts, edit);
	cJSON_ArrayForEach(edit, json_arr(edits, "hooks")) add_hook(config, edit);
	/* An ordinary user's container has none of the machine's groups. */
	cJSON_ArrayForEach(edit, json_arr(edits, "additionalGids"))
	{
		if (edit->valuedouble > 0 && ids == USERNS_ROOT)
			json_push(json_list_of(member(process, "user"), "additionalGids"),
			          cJSON_Duplicate(edit, true));
	}
}
