#include "executor/docker/config.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "executor/docker/copies.h"
#include "executor/docker/gpus.h"

/* Podman gives root less than Docker by default, and another user what is added here; the jobs
 * shall not see a difference. */
static const char *const usual_capabilities[] = {
	"CHOWN",   "DAC_OVERRIDE", "FSETID",           "FOWNER",
	"MKNOD",   "NET_RAW",      "SETGID",           "SETUID",
	"SETFCAP", "SETPCAP",      "NET_BIND_SERVICE", "SYS_CHROOT",
	"KILL",    "AUDIT_WRITE",
};

enum {
	N_CAPABILITIES = sizeof usual_capabilities / sizeof usual_capabilities[0],
	NANO_PER_MILLI = 1000 * 1000,
};

static bool has_any(const cJSON *image, const char *name)
{
	return cJSON_GetArraySize(json_arr(image, name)) > 0;
}

/* Docker's own rules are ours: an entrypoint of the request drops the image's cmd, too. */
static int add_command(cJSON *body, const struct docker_config *c, struct error *err)
{
	const struct request *r = c->request;
	bool given = (r->entrypoint && r->entrypoint[0]) || (r->args && r->args[0]);
	bool has = !r->entrypoint &&
	           (has_any(c->image, "Entrypoint") || (!r->args && has_any(c->image, "Cmd")));

	if (!given && !has)
		return error_set(err, SLUICE_INVALID,
		                 "there is no command to run: the job gives none, and its image "
		                 "has neither an entrypoint nor a cmd");
	if (r->entrypoint)
		json_add(body, "Entrypoint", json_new_strs(r->entrypoint));
	if (r->args)
		json_add(body, "Cmd", json_new_strs(r->args));
	return 0;
}

static bool sets_home(const cJSON *image)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(image, "Env")) if (cJSON_IsString(item) &&
	                                                     strncmp(item->valuestring,
	                                                             "HOME=", 5) == 0) return true;
	return false;
}

/* For a user without an entry Podman takes the working directory for its home.  Of two variables
 * with one name the last one counts. */
static void add_env(cJSON *body, const struct docker_config *c)
{
	cJSON *env = json_new_strs(c->request->env);
	AUTO_FREE char *home = xasprintf("HOME=%s", c->user->home);

	if (c->user->uid != 0 && !sets_home(c->image))
		(void)cJSON_InsertItemInArray(env, 0, cJSON_CreateString(home));
	json_add(body, "Env", env);
}

static bool is_secret(const struct request *r, const char *value)
{
	for (size_t i = 0; value[0] && r->secrets && r->secrets[i]; i++)
		if (strcmp(r->secrets[i], value) == 0)
			return true;
	return false;
}

static void add_labels(cJSON *body, const struct docker_config *c)
{
	const struct request *r = c->request;
	AUTO_STRBUF struct strbuf masked = STRBUF_INIT(STRBUF_BIG);
	AUTO_FREE char *grace = xasprintf("%" PRIu64, r->grace_ms);
	cJSON *labels = json_new_obj();

	for (size_t i = 0; r->env && r->env[i]; i++) {
		size_t len = strcspn(r->env[i], "=");

		if (r->env[i][len] && is_secret(r, r->env[i] + len + 1)) {
			strbuf_add(&masked, r->env[i], len);
			strbuf_addch(&masked, '\n');
		}
	}
	json_add_str(labels, DOCKER_LABEL_ATTEMPT, r->dir);
	json_add_str(labels, DOCKER_LABEL_HOME, c->home);
	json_add_str(labels, DOCKER_LABEL_GRACE, grace);
	json_add_str(labels, DOCKER_LABEL_MASKED, strbuf_str(&masked));
	if (!c->sources) {
		AUTO_FREE char *list = docker_fetch_list(r);

		json_add_str(labels, DOCKER_LABEL_FETCH, list);
	}
	json_add(body, "Labels", labels);
}

static void add_bind(cJSON *mounts, const char *source, const char *target, bool writable)
{
	cJSON *m = json_new_obj();
	cJSON *how = json_new_obj();

	json_add_str(m, "Type", "bind");
	json_add_str(m, "Source", source);
	json_add_str(m, "Target", target);
	json_add_bool(m, "ReadOnly", !writable);
	json_add_str(how, "Propagation", "rprivate");
	json_add(m, "BindOptions", how);
	json_push(mounts, m);
}

/* What stands for a directory of this machine, with the daemon. */
static void add_volume(cJSON *mounts, const char *source, const char *target)
{
	enum { SHORT = 12 };
	struct digest digest = digest_of(source, strlen(source));
	char hex[DIGEST_HEX_LEN + 1];
	AUTO_FREE char *name = xasprintf("sluice-%.*s", SHORT, digest_hex(&digest, hex));
	cJSON *m = json_new_obj();

	json_add_str(m, "Type", "volume");
	json_add_str(m, "Source", name);
	json_add_str(m, "Target", target);
	json_push(mounts, m);
}

static int add_mounts(cJSON *host, const struct docker_config *c, struct error *err)
{
	cJSON *mounts = json_new_arr();

	json_add(host, "Mounts", mounts);
	if (c->script)
		add_bind(mounts, c->script, REQUEST_SCRIPT_PATH, false);
	for (size_t i = 0; i < c->request->n_mounts; i++) {
		const struct request_mount *m = &c->request->mounts[i];

		if (m->target[0] != '/')
			return error_set(err, SLUICE_INVALID,
			                 "the mount target '%s' is not an absolute path",
			                 m->target);
		if (!c->sources && m->kind == MOUNT_READONLY)
			return error_set(err, SLUICE_MISSING,
			                 "a Docker that gets copies cannot show '%s' read-only: "
			                 "run without --strict-inputs",
			                 m->target);
		if (!c->sources && m->kind == MOUNT_WRITE && !request_owns(c->request, m))
			add_volume(mounts, m->source, m->target);
		else if (c->sources)
			add_bind(mounts, c->sources[i], m->target, m->kind != MOUNT_READONLY);
	}
	return 0;
}

/* Without a size /dev/shm is half of the machine's memory, because data loaders fill it. */
static void add_limits(cJSON *host, const struct docker_config *c)
{
	const struct request_limits *limits = &c->request->limits;

	if (limits->cpu_milli > 0)
		json_add_int(host, "NanoCpus", (int64_t)(limits->cpu_milli * NANO_PER_MILLI));
	if (limits->memory_bytes > 0) {
		json_add_int(host, "Memory", (int64_t)limits->memory_bytes);
		json_add_int(host, "MemorySwap", (int64_t)limits->memory_bytes);
	}
	json_add_int(host, "ShmSize",
	             (int64_t)(limits->shm_bytes > 0 ? limits->shm_bytes : c->memory_total / 2));
	if (c->cgroup_parent)
		json_add_str(host, "CgroupParent", c->cgroup_parent);
}

static void add_network(cJSON *body, cJSON *host, const struct request *r)
{
	static const char *const modes[] = {
		[NETWORK_HOST] = "host",
		[NETWORK_PRIVATE] = "bridge", /* the daemon's own private network */
		[NETWORK_NONE] = "none",
	};
	AUTO_FREE char *self = xasprintf("%s:127.0.1.1", r->id);
	cJSON *hosts = json_new_arr();

	json_add_str(body, "Hostname", r->id);
	json_add_str(host, "NetworkMode", modes[r->network]);
	if (r->network != NETWORK_PRIVATE) /* there the daemon adds it */
		json_push_str(hosts, self);
	json_add(host, "ExtraHosts", hosts);
}

/* What is logged is kept by the daemon until the container goes: a runner that comes after one
 * that died reads it again. */
static cJSON *host_config(const struct user *user)
{
	cJSON *host = json_new_obj();
	cJSON *log = json_new_obj();
	cJSON *caps = json_new_arr();

	for (size_t i = 0; user->uid == 0 && i < N_CAPABILITIES; i++)
		json_push_str(caps, usual_capabilities[i]);
	json_add(host, "CapAdd", caps);
	json_add_str(log, "Type", "json-file");
	json_add(host, "LogConfig", log);
	json_add_str(host, "IpcMode", "private");
	json_add_bool(host, "Init", false);
	return host;
}

char *docker_config_format(const struct docker_config *c, struct error *err)
{
	const struct request *r = c->request;
	AUTO_JSON cJSON *body = json_new_obj();
	cJSON *host = host_config(c->user);

	json_add(body, "HostConfig", host);
	json_add_str(body, "Image", r->image);
	add_env(body, c);
	if (r->cwd && r->cwd[0] != '/') {
		(void)error_set(err, SLUICE_INVALID,
		                "the working directory '%s' is not an absolute path", r->cwd);
		return NULL;
	}
	if (r->cwd)
		json_add_str(body, "WorkingDir", r->cwd);
	json_add_bool(body, "AttachStdout", true);
	json_add_bool(body, "AttachStderr", true);
	add_labels(body, c);
	add_network(body, host, r);
	add_limits(host, c);
	if (add_command(body, c, err) < 0 || add_mounts(host, c, err) < 0 ||
	    (r->gpus && docker_gpus_add(body, c->gpus, r->gpus, c->knows_cdi, err) < 0))
		return NULL;
	return json_print(body);
}
