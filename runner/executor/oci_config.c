#include "executor/oci_config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "executor/bundle.h"
#include "executor/cgroup.h"
#include "executor/oci_gpus.h"
#include "executor/seal.h"
#include "executor/seccomp.h"
#include "executor/seccomp_filter.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* ROOT_HOST sees the machine's files read-only; this is where it may write what it throws away. */
#define HOST_SCRATCH "/run/sluice/tmp"

enum { JOB_UMASK = 022 };

typedef const char *const *strings;

/* --- the process ------------------------------------------------------------------------------ */

static bool is_empty(strings list)
{
	return !list || !list[0];
}

/*
 * Docker's and Kubernetes' rules: the request's entrypoint drops the image's command too; the
 * request's arguments replace the image's command.
 */
static int add_args(cJSON *process, const struct oci_config *c, struct error *err)
{
	const struct request *r = c->request;
	strings entrypoint = r->entrypoint;
	strings args = r->args;
	cJSON *argv;

	if (!entrypoint && c->image) {
		entrypoint = (strings)c->image->entrypoint;
		args = args ? args : (strings)c->image->cmd;
	}
	if (is_empty(entrypoint) && is_empty(args))
		return error_set(err, SLUICE_INVALID,
		                 "there is no command to run: the job gives none, and its image "
		                 "has neither an entrypoint nor a cmd");
	argv = json_new_strs(entrypoint);
	for (; args && *args; args++)
		json_push_str(argv, *args);
	json_add(process, "args", argv);
	return 0;
}

static size_t name_len(const char *var)
{
	return strcspn(var, "=");
}

void oci_config_set_env(cJSON *env, const char *var)
{
	size_t len = name_len(var);
	const cJSON *item;
	int i = 0;

	cJSON_ArrayForEach(item, env)
	{
		const char *other = item->valuestring;

		if (name_len(other) == len && memcmp(other, var, len) == 0) {
			cJSON_ReplaceItemInArray(env, i, cJSON_CreateString(var));
			return;
		}
		i++;
	}
	json_push_str(env, var);
}

static void set_env_each(cJSON *env, strings list)
{
	for (; list && *list; list++)
		oci_config_set_env(env, *list);
}

static void add_env(cJSON *process, const struct oci_config *c)
{
	cJSON *env = json_new_arr();
	AUTO_FREE char *host = xasprintf("HOSTNAME=%s", c->request->id);
	AUTO_FREE char *home = xasprintf("HOME=%s", c->image ? c->user->home : HOST_SCRATCH);

	oci_config_set_env(env, DEFAULT_PATH);
	oci_config_set_env(env, host);
	oci_config_set_env(env, home);
	if (c->image)
		set_env_each(env, (strings)c->image->env);
	else
		oci_config_set_env(env, "TMPDIR=" HOST_SCRATCH);
	set_env_each(env, c->request->env);
	json_add(process, "env", env);
}

static void add_user(cJSON *process, const struct user *user)
{
	cJSON *obj = json_new_obj();
	cJSON *groups = json_new_arr();

	json_add_int(obj, "uid", user->uid);
	json_add_int(obj, "gid", user->gid);
	json_add_int(obj, "umask", JOB_UMASK);
	for (size_t i = 0; i < user->n_groups; i++)
		json_push(groups, cJSON_CreateNumber(user->groups[i]));
	json_add(obj, "additionalGids", groups);
	json_add(process, "user", obj);
}

/*
 * Docker's default set; but with a private network no raw sockets, which would not have to keep to
 * its routes.  A built-in step on the host's files gets none.
 */
static cJSON *usual_capabilities(const struct oci_config *c)
{
	static const char *const usual[] = { "CAP_CHOWN",       "CAP_DAC_OVERRIDE",
		                             "CAP_FSETID",      "CAP_FOWNER",
		                             "CAP_MKNOD",       "CAP_SETGID",
		                             "CAP_SETUID",      "CAP_SETPCAP",
		                             "CAP_SETFCAP",     "CAP_NET_BIND_SERVICE",
		                             "CAP_SYS_CHROOT",  "CAP_KILL",
		                             "CAP_AUDIT_WRITE", NULL };
	cJSON *list = c->image ? json_new_strs(usual) : json_new_arr();

	if (c->image && c->request->network != NETWORK_PRIVATE)
		json_push_str(list, "CAP_NET_RAW");
	return list;
}

static void add_capabilities(cJSON *process, const struct oci_config *c)
{
	static const char *const held[] = { "bounding", "effective", "permitted" };
	cJSON *obj = json_new_obj();

	for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
		/* Without root's uid an exec drops the effective ones; so do the runtimes. */
		bool drop = i > 0 && c->user->uid != 0;

		json_add(obj, held[i], drop ? json_new_arr() : usual_capabilities(c));
	}
	json_add(process, "capabilities", obj);
}

static int add_process(cJSON *config, const struct oci_config *c, struct error *err)
{
	cJSON *process = json_new_obj();
	const char *cwd = c->request->cwd;
	int rc;

	json_add(config, "process", process);
	json_add_bool(process, "terminal", false);
	add_user(process, c->user);
	rc = add_args(process, c, err);
	if (rc < 0)
		return rc;
	add_env(process, c);
	if (!cwd)
		cwd = c->image && c->image->workdir[0] ? c->image->workdir : "/";
	if (cwd[0] != '/')
		return error_set(err, SLUICE_INVALID,
		                 "the working directory '%s' is not an absolute path", cwd);
	json_add_str(process, "cwd", cwd);
	add_capabilities(process, c);
	json_add_bool(process, "noNewPrivileges", !c->image);
	return 0;
}

/* --- mounts ----------------------------------------------------------------------------------- */

struct mount_line {
	const char *target, *type, *source;
	const char *options[8];
};

static const struct mount_line usual_mounts[] = {
	{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" } },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
	{ "/dev/pts",
	  "devpts",
	  "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro" } },
};

/* What of these a user namespace refuses: a group that there is not, and to mount a sysfs that
 * shows another one's network. */
static const struct mount_line pts_of_one = { "/dev/pts",
	                                      "devpts",
	                                      "devpts",
	                                      { "nosuid", "noexec", "newinstance", "ptmxmode=0666",
	                                        "mode=0620" } };
static const struct mount_line sys_of_machine = {
	"/sys", "none", "/sys", { "rbind", "rprivate", "nosuid", "noexec", "nodev", "ro" }
};

static void add_mount(cJSON *mounts, const struct mount_line *m)
{
	cJSON *obj = json_new_obj();

	json_add_str(obj, "destination", m->target);
	json_add_str(obj, "type", m->type);
	json_add_str(obj, "source", m->source);
	json_add(obj, "options", json_new_strs(m->options));
	json_push(mounts, obj);
}

static void add_bind(cJSON *mounts, const char *source, const char *target, bool writable)
{
	add_mount(mounts, &(struct mount_line){ target,
	                                        "bind",
	                                        source,
	                                        { "bind", "rprivate", "nosuid", "nodev",
	                                          writable ? "rw" : "ro" } });
}

static void add_bundle_file(cJSON *mounts, const struct oci_config *c, const char *name,
                            const char *target, bool writable)
{
	AUTO_FREE char *source = xasprintf("%s/" BUNDLE_DIR "/%s", c->request->dir, name);

	add_bind(mounts, source, target, writable);
}

static void add_scratch(cJSON *mounts, const char *target)
{
	add_mount(mounts, &(struct mount_line){
				  target, "tmpfs", "tmpfs", { "nosuid", "nodev", "mode=1777" } });
}

/* Of what lies in the root itself an image of the machine must not show sockets and people's
 * scratch files; its jobs expect to write there.  These come last: they cover a home that lies in
 * one of them. */
static void add_host_mounts(cJSON *mounts, const struct oci_config *c)
{
	static const char *const scratch[] = { "/run", "/tmp", "/var/tmp" };

	for (size_t i = 0; c->host_mounts && c->host_mounts[i]; i++)
		add_bind(mounts, c->host_mounts[i], c->host_mounts[i], false);
	if (c->hide)
		add_mount(mounts, &(struct mount_line){ c->hide,
		                                        "tmpfs",
		                                        "tmpfs",
		                                        { "nosuid", "nodev", "ro", "mode=755" } });
	for (size_t i = 0; c->image && c->host_mounts && i < sizeof scratch / sizeof scratch[0];
	     i++)
		add_scratch(mounts, scratch[i]);
	if (!c->image)
		add_scratch(mounts, HOST_SCRATCH);
}

static int add_request_mounts(cJSON *mounts, const struct oci_config *c, struct error *err)
{
	size_t views = 0, texts = 0;

	for (size_t i = 0; i < c->request->n_mounts; i++) {
		const struct request_mount *m = &c->request->mounts[i];
		AUTO_FREE char *name = NULL;

		if (m->target[0] != '/')
			return error_set(err, SLUICE_INVALID,
			                 "the mount target '%s' is not an absolute path",
			                 m->target);
		switch (m->kind) {
		case MOUNT_VIEW:
			name = xasprintf(BUNDLE_VIEW_FMT, views++);
			add_bundle_file(mounts, c, name, m->target, true);
			break;
		case MOUNT_TEXT:
			name = xasprintf(BUNDLE_TEXT_FMT, texts++);
			add_bundle_file(mounts, c, name, m->target, true);
			break;
		case MOUNT_READONLY:
		case MOUNT_WRITE:
			add_bind(mounts, m->source, m->target, m->kind == MOUNT_WRITE);
			break;
		}
	}
	return 0;
}

/* Without a size it is half of the machine's memory, because data loaders fill it. */
static void add_shm(cJSON *mounts, const struct request_limits *limits)
{
	AUTO_FREE char *size = xasprintf("size=%" PRIu64, limits->shm_bytes);

	add_mount(mounts, &(struct mount_line){ "/dev/shm",
	                                        "tmpfs",
	                                        "shm",
	                                        { "nosuid", "noexec", "nodev", "mode=1777",
	                                          limits->shm_bytes > 0 ? size : NULL } });
}

/* An ordinary user has no cgroups to be shown. */
static void add_usual_mounts(cJSON *mounts, const struct oci_config *c)
{
	for (size_t i = 0; i < sizeof usual_mounts / sizeof usual_mounts[0]; i++) {
		const struct mount_line *m = &usual_mounts[i];

		if (c->ids == USERNS_ONE && strcmp(m->type, "devpts") == 0)
			m = &pts_of_one;
		if (c->ids != USERNS_ROOT && c->request->network == NETWORK_HOST &&
		    strcmp(m->type, "sysfs") == 0)
			m = &sys_of_machine;
		if (c->ids == USERNS_ROOT || strcmp(m->type, "cgroup") != 0)
			add_mount(mounts, m);
	}
}

static int add_mounts(cJSON *config, const struct oci_config *c, struct error *err)
{
	cJSON *mounts = json_new_arr();

	json_add(config, "mounts", mounts);
	add_host_mounts(mounts, c);
	add_usual_mounts(mounts, c);
	add_shm(mounts, &c->request->limits);
	add_bundle_file(mounts, c, BUNDLE_RESOLV_CONF, "/etc/resolv.conf", true);
	add_bundle_file(mounts, c, BUNDLE_HOSTS, "/etc/hosts", true);
	if (c->request->script)
		add_bundle_file(mounts, c, BUNDLE_SCRIPT, REQUEST_SCRIPT_PATH, false);
	return add_request_mounts(mounts, c, err);
}

/* --- linux ------------------------------------------------------------------------------------ */

static void add_namespace(cJSON *list, const char *type)
{
	cJSON *obj = json_new_obj();

	json_add_str(obj, "type", type);
	json_push(list, obj);
}

/* Of version 2 a runtime mounts the cgroup that its namespace shows, else every one there is; of
 * version 1 it is always the container's own. */
static void add_namespaces(cJSON *linux_obj, const struct oci_config *c)
{
	static const char *const always[] = { "pid", "mount", "ipc", "uts" };
	cJSON *list = json_new_arr();

	for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
		add_namespace(list, always[i]);
	if (c->request->network == NETWORK_NONE)
		add_namespace(list, "network");
	if (c->ids == USERNS_ROOT && cgroup_is_v2())
		add_namespace(list, "cgroup");
	json_add(linux_obj, "namespaces", list);
}

/* The runtime turns these into what the machine's version of cgroups has. */
static void add_limits(cJSON *resources, const struct request_limits *limits)
{
	cJSON *obj;

	if (limits->cpu_milli > 0) {
		obj = json_new_obj();
		json_add_int(obj, "period", CGROUP_PERIOD_US);
		json_add_int(obj, "quota", (int64_t)(limits->cpu_milli * CGROUP_PERIOD_US / 1000));
		json_add(resources, "cpu", obj);
	}
	if (limits->memory_bytes > 0) {
		obj = json_new_obj();
		json_add_int(obj, "limit", (int64_t)limits->memory_bytes);
		json_add_int(obj, "swap", (int64_t)limits->memory_bytes);
		json_add(resources, "memory", obj);
	}
}

/* Devices: none but those that the runtime makes by itself. */
static void add_resources(cJSON *linux_obj, const struct request_limits *limits)
{
	cJSON *resources = json_new_obj();
	cJSON *devices = json_new_arr();
	cJSON *deny = json_new_obj();

	json_add_bool(deny, "allow", false);
	json_add_str(deny, "access", "rwm");
	json_push(devices, deny);
	json_add(resources, "devices", devices);
	add_limits(resources, limits);
	json_add(linux_obj, "resources", resources);
}

/* All have the same, which is long: the first that wants it writes it down for the others.  Loop
 * thread. */
static cJSON *written_profile(void)
{
	static char *text;

	if (!text) {
		AUTO_JSON cJSON *profile = seccomp_profile();

		text = json_print(profile);
	}
	return cJSON_CreateRaw(text);
}

static void add_linux(cJSON *config, const struct oci_config *c)
{
	static const char *const masked[] = { "/proc/asound",
		                              "/proc/acpi",
		                              "/proc/kcore",
		                              "/proc/keys",
		                              "/proc/latency_stats",
		                              "/proc/timer_list",
		                              "/proc/timer_stats",
		                              "/proc/sched_debug",
		                              "/proc/scsi",
		                              "/sys/firmware",
		                              "/sys/devices/virtual/powercap",
		                              NULL };
	static const char *const readonly[] = { "/proc/bus",           "/proc/fs",
		                                "/proc/irq",           "/proc/sys",
		                                "/proc/sysrq-trigger", NULL };
	cJSON *obj = json_new_obj();
	AUTO_FREE char *cgroup = xasprintf(CGROUP_PARENT "/%s", c->request->id);

	json_add(config, "linux", obj);
	add_namespaces(obj, c);
	if (c->ids == USERNS_ROOT) {
		json_add_str(obj, "cgroupsPath", cgroup);
		add_resources(obj, &c->request->limits);
	}
	json_add(obj, "maskedPaths", json_new_strs(masked));
	json_add(obj, "readonlyPaths", json_new_strs(readonly));
	json_add(obj, "seccomp", written_profile());
}

/* crun takes the compiled program from here, and an eighth less time; for others the rules stand in
 * linux.seccomp. */
static void add_annotations(cJSON *config)
{
	cJSON *obj = json_new_obj();

	json_add(obj, "run.oci.seccomp_bpf_data", cJSON_CreateStringReference(seccomp_filter_text));
	json_add(config, "annotations", obj);
}

static void add_root(cJSON *config, const struct oci_config *c)
{
	cJSON *root = json_new_obj();
	AUTO_FREE char *path = xasprintf("%s/" BUNDLE_DIR "/" BUNDLE_ROOTFS, c->request->dir);

	json_add_str(root, "path", path);
	json_add_bool(root, "readonly", !c->image);
	json_add(config, "root", root);
}

/* Its targets are in the order in which the shim is told of their sources: see launch.c. */
static cJSON *hook_args(const struct oci_config *c)
{
	const struct request *r = c->request;
	AUTO_FREE char *bundle = xasprintf("%s/" BUNDLE_DIR, r->dir);
	const char *const first[] = { c->shim, SEAL_HOOK, bundle, NULL };
	cJSON *args = json_new_strs(first);

	for (size_t i = 0; i < r->n_mounts; i++)
		if (request_owns(r, &r->mounts[i]))
			json_push_str(args, r->mounts[i].target);
	return args;
}

static void add_hook(cJSON *config, const struct oci_config *c)
{
	cJSON *hooks = json_new_obj();
	cJSON *list = json_new_arr();
	cJSON *hook = json_new_obj();

	json_add_str(hook, "path", c->shim);
	json_add(hook, "args", hook_args(c));
	json_push(list, hook);
	json_add(hooks, "createContainer", list);
	json_add(config, "hooks", hooks);
}

/* What has nothing to be sealed does without, for it costs a process. */
static bool needs_hook(const struct request *r)
{
	for (size_t i = 0; i < r->n_mounts; i++)
		if (request_owns(r, &r->mounts[i]))
			return true;
	return false;
}

int oci_config_make(const struct oci_config *c, cJSON **ret_config, struct error *err)
{
	AUTO_JSON cJSON *config = json_new_obj();
	int rc;

	json_add_str(config, "ociVersion", "1.0.2");
	json_add_str(config, "hostname", c->request->id);
	add_root(config, c);
	add_linux(config, c);
	add_annotations(config);
	if (c->shim && needs_hook(c->request))
		add_hook(config, c);
	rc = add_process(config, c, err);
	if (rc == 0)
		rc = add_mounts(config, c, err);
	if (rc == 0 && c->gpus)
		oci_gpus_add(config, c->gpus, c->user, c->ids, c->shows_nodes);
	if (rc == 0)
		*ret_config = take_ptr(&config);
	return rc;
}
