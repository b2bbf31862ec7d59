#include "executor/bwrap_config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "executor/shim/ops.h"

static void add_options(struct strbuf *orders, const char *const *options)
{
	for (; *options; options++)
		shim_ops_add(orders, SHIM_OPTION, *options);
}

#define ADD_OPTIONS(orders, ...) add_options(orders, (const char *const[]){ __VA_ARGS__, NULL })

static void add_each(struct strbuf *orders, const char *key, const cJSON *strings)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, strings) shim_ops_add(orders, key, item->valuestring);
}

static void add_number(struct strbuf *orders, const char *key, int64_t value)
{
	AUTO_FREE char *text = xasprintf("%" PRId64, value);

	shim_ops_add(orders, key, text);
}

/* --- mounts ----------------------------------------------------------------------------------- */

/* These show the container's own namespaces, so bwrap makes them.  All else is mounted in the root
 * before, which costs less. */
static bool add_own_mount(struct strbuf *orders, const cJSON *mount)
{
	static const char *const own[][2] = { { "proc", "--proc" }, { "mqueue", "--mqueue" } };

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strcmp(own[i][0], json_str(mount, "type")) == 0) {
			ADD_OPTIONS(orders, own[i][1], json_str(mount, "destination"));
			return true;
		}
	return false;
}

/* What bwrap makes would cover it.  There no image's link can lead elsewhere. */
static bool add_in_proc(struct strbuf *orders, const cJSON *mount)
{
	static const char proc[] = "/proc/";
	const char *target = json_str(mount, "destination");

	if (strncmp(target, proc, sizeof proc - 1) != 0 || strstr(target, "/..") ||
	    strcmp(json_str(mount, "type"), "bind") != 0)
		return false;
	ADD_OPTIONS(orders, json_has_str(json_arr(mount, "options"), "ro") ? "--ro-bind" : "--bind",
	            json_str(mount, "source"), target);
	return true;
}

static void add_mount(struct strbuf *orders, const cJSON *mount)
{
	AUTO_STRBUF struct strbuf how = STRBUF_INIT(STRBUF_BIG);
	const cJSON *option;

	if (add_own_mount(orders, mount) || add_in_proc(orders, mount))
		return;
	cJSON_ArrayForEach(option, json_arr(mount, "options"))
		strbuf_addf(&how, "%s,", option->valuestring);
	/* No cgroup keeps a job from the nodes that it makes. */
	strbuf_addf(&how, "%s", strcmp(json_str(mount, "type"), "tmpfs") == 0 ? "nodev," : "");
	shim_ops_add(orders, SHIM_MOUNT, json_str(mount, "destination"));
	shim_ops_add(orders, SHIM_MOUNT_TYPE, json_str(mount, "type"));
	shim_ops_add(orders, SHIM_MOUNT_FROM, json_str(mount, "source"));
	shim_ops_add(orders, SHIM_MOUNT_HOW, strbuf_str(&how));
}

static void add_mounts(struct strbuf *orders, const cJSON *config)
{
	const cJSON *root = json_obj(config, "root");
	const cJSON *linux_obj = json_obj(config, "linux");
	const cJSON *item;

	shim_ops_add(orders, SHIM_ROOT, json_str(root, "path"));
	/* What is no device there is so by itself: --bind would make all of them useless. */
	ADD_OPTIONS(orders, "--dev-bind", json_str(root, "path"), "/");
	cJSON_ArrayForEach(item, json_arr(config, "mounts")) add_mount(orders, item);
	if (json_bool(root, "readonly", false))
		ADD_OPTIONS(orders, "--remount-ro", "/");
	add_each(orders, SHIM_READONLY, json_arr(linux_obj, "readonlyPaths"));
	add_each(orders, SHIM_MASK, json_arr(linux_obj, "maskedPaths"));
}

/* --- the rest --------------------------------------------------------------------------------- */

static void add_process(struct strbuf *orders, const cJSON *process)
{
	const cJSON *groups = json_arr(json_obj(process, "user"), "additionalGids");
	const cJSON *held = json_arr(json_obj(process, "capabilities"), "bounding");
	const cJSON *item;

	ADD_OPTIONS(orders, "--cap-drop", "ALL");
	cJSON_ArrayForEach(item, held) ADD_OPTIONS(orders, "--cap-add", item->valuestring);
	cJSON_ArrayForEach(item, groups) add_number(orders, SHIM_GROUP, (int64_t)item->valuedouble);
	shim_ops_add(orders, SHIM_CWD, json_str(process, "cwd"));
	add_each(orders, SHIM_ARG, json_arr(process, "args"));
	add_each(orders, SHIM_ENV, json_arr(process, "env"));
}

/* The shim goes into a network namespace by itself: what is mounted before bwrap starts shows it.
 */
static void add_namespaces(struct strbuf *orders, const cJSON *namespaces)
{
	const cJSON *item;

	ADD_OPTIONS(orders, "--unshare-pid", "--unshare-ipc", "--unshare-uts");
	cJSON_ArrayForEach(item, namespaces)
	{
		if (strcmp(json_str(item, "type"), "network") == 0)
			shim_ops_add(orders, SHIM_NETWORK, "none");
	}
}

static void add_limits(struct strbuf *orders, const cJSON *resources)
{
	add_number(orders, SHIM_CPU_QUOTA, json_int(json_obj(resources, "cpu"), "quota", 0));
	add_number(orders, SHIM_MEMORY, json_int(json_obj(resources, "memory"), "limit", 0));
}

int bwrap_config_add(struct strbuf *orders, const cJSON *config, const char *init,
                     struct error *err)
{
	const cJSON *linux_obj = json_obj(config, "linux");

	if (json_obj(config, "hooks"))
		return error_set(
			err, SLUICE_MISSING,
			"what a specification says of the job's GPUs includes hooks, which "
			"bwrap does not run: run it with '--executor oci'");
	shim_ops_add(orders, SHIM_INIT, init);
	add_namespaces(orders, json_arr(linux_obj, "namespaces"));
	ADD_OPTIONS(orders, "--hostname", json_str(config, "hostname"));
	add_mounts(orders, config);
	add_process(orders, json_obj(config, "process"));
	add_limits(orders, json_obj(linux_obj, "resources"));
	return 0;
}
