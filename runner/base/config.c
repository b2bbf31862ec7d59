#include "base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/env.h"
#include "base/io.h"
#include "base/near.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/userns.h"
#include "base/xalloc.h"

enum { CONFIG_MAX = 64 * 1024, KEY_SIZE = 64 };

/* --- values ----------------------------------------------------------------------------------- */

static const char *set_cache_size(struct config *c, const char *value)
{
	return parse_size(value, &c->cache_size) ? NULL : "a size such as 20GiB or 500MB";
}

static const char *set_bool(bool *ret_value, const char *value)
{
	*ret_value = strcasecmp(value, "true") == 0;
	return *ret_value || strcasecmp(value, "false") == 0 ? NULL : "true or false";
}

static const char *set_verify_inputs(struct config *c, const char *value)
{
	return set_bool(&c->verify_inputs, value);
}

static const char *set_text(char **text, const char *value)
{
	free(*text);
	*text = xstrdup(value);
	return NULL;
}

/* One of three words; `what` names them. */
static const char *set_choice(char **text, const char *value, const char *const choices[3],
                              const char *what)
{
	for (size_t i = 0; i < 3; i++)
		if (strcmp(value, choices[i]) == 0)
			return set_text(text, value);
	return what;
}

static const char *set_network(struct config *c, const char *value)
{
	static const char *const choices[] = { "private", "host", "none" };

	return set_choice(&c->network, value, choices, "private, host or none");
}

/* Which there are is not known here. */
static const char *set_executor(struct config *c, const char *value)
{
	return set_text(&c->executor, value);
}

static const char *set_image_host(struct config *c, const char *value)
{
	return set_bool(&c->image_host, value);
}

static const char *set_path(char **path, const char *value)
{
	return value[0] == '/' ? set_text(path, value) : "an absolute path";
}

static const char *set_docker_host(struct config *c, const char *value)
{
	if (strncmp(value, "unix:///", 8) != 0 && strncmp(value, "tcp://", 6) != 0)
		return "unix:///PATH or tcp://HOST:PORT";
	return set_text(&c->docker_host, value);
}

static const char *set_docker_ca(struct config *c, const char *value)
{
	return set_path(&c->docker_ca, value);
}

static const char *set_docker_cert(struct config *c, const char *value)
{
	return set_path(&c->docker_cert, value);
}

static const char *set_docker_key(struct config *c, const char *value)
{
	return set_path(&c->docker_key, value);
}

static const char *set_docker_transfer(struct config *c, const char *value)
{
	static const char *const choices[] = { "auto", "mounts", "copies" };

	return set_choice(&c->docker_transfer, value, choices, "auto, mounts or copies");
}

static const char *set_gpus_kind(struct config *c, const char *value)
{
	const char *slash = strchr(value, '/');

	if (!slash || slash == value || !slash[1] || strchr(slash + 1, '/'))
		return "VENDOR/CLASS such as nvidia.com/gpu";
	return set_text(&c->gpus_kind, value);
}

static const char *set_gpus_specs(struct config *c, const char *value)
{
	return set_path(&c->gpus_specs, value);
}

static const char *set_public_catalog(struct config *c, const char *value)
{
	return set_path(&c->public_catalog, value);
}

static const char *set_storage_path(struct config *c, const char *value)
{
	return set_path(&c->storage_path, value);
}

static const char *set_image_pull(struct config *c, const char *value)
{
	static const char *const choices[] = { "missing", "always", "never" };

	return set_choice(&c->image_pull, value, choices, "missing, always or never");
}

static const char *set_rootfs(struct config *c, const char *value)
{
	static const char *const choices[] = { "overlay", "fuse-overlayfs", "copy" };

	return set_choice(&c->rootfs, value, choices, "overlay, fuse-overlayfs or copy");
}

/* Each returns NULL, or what the key takes. */
static const struct key {
	const char *name;
	const char *(*set)(struct config *c, const char *value);
} keys[] = {
	{ "cache.size", set_cache_size },   { "docker.ca", set_docker_ca },
	{ "docker.cert", set_docker_cert }, { "docker.host", set_docker_host },
	{ "docker.key", set_docker_key },   { "docker.transfer", set_docker_transfer },
	{ "executor", set_executor },       { "gpus.kind", set_gpus_kind },
	{ "gpus.specs", set_gpus_specs },   { "images.host", set_image_host },
	{ "images.pull", set_image_pull },  { "inputs.verify", set_verify_inputs },
	{ "network", set_network },         { "public.catalog", set_public_catalog },
	{ "rootfs", set_rootfs },           { "storage.path", set_storage_path },
};

#define INSTANCES "instances."

enum { N_KEYS = sizeof keys / sizeof keys[0] };

/* --- reading ---------------------------------------------------------------------------------- */

/* A mapping of mappings of scalars, and one list. */
struct reading {
	yaml_parser_t parser;
	const char *path;
	struct config *config;
	bool seen[N_KEYS];
	struct error *err;
};

static int invalid(struct reading *r, yaml_mark_t at, const char *what)
{
	return error_set(r->err, SLUICE_INVALID, "%s:%zu: %s", r->path, at.line + 1, what);
}

static int next_event(struct reading *r, yaml_event_t *event)
{
	if (yaml_parser_parse(&r->parser, event))
		return 0;
	return invalid(r, r->parser.problem_mark,
	               r->parser.problem ? r->parser.problem : "this is no YAML");
}

static const char *nearest_key(const char *name)
{
	size_t best = near_limit(name);
	const char *near = NULL;

	for (size_t i = 0; i < N_KEYS; i++) {
		size_t d = near_distance(name, keys[i].name, best);

		if (d <= best && (!near || d < best)) {
			near = keys[i].name;
			best = d;
		}
	}
	return near;
}

static int unknown_key(struct reading *r, const char *name, yaml_mark_t at)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	const char *near = nearest_key(name);

	strbuf_addf(&text, "there is no key '");
	strbuf_addprintable(&text, name, KEY_SIZE);
	strbuf_addf(&text, "'");
	if (near)
		strbuf_addf(&text, ": did you mean '%s'?", near);
	for (size_t i = 0; !near && i < N_KEYS; i++)
		strbuf_addf(&text, "%s%s", i == 0 ? "; the keys are " : ", ", keys[i].name);
	return invalid(r, at, strbuf_str(&text));
}

/* Its names are anyone's. */
static int set_instance(struct reading *r, const char *name, const char *value, yaml_mark_t at)
{
	AUTO_FREE char *what = NULL;

	if (!map_find(&r->config->instances, name)) {
		(void)map_set(&r->config->instances, name, xstrdup(value));
		return 0;
	}
	what = xasprintf("'instances.%s' is given twice", name);
	return invalid(r, at, what);
}

static int set(struct reading *r, const char *name, const char *value, yaml_mark_t at)
{
	AUTO_FREE char *what = NULL;
	const char *takes;
	size_t i = 0;

	if (strncmp(name, INSTANCES, strlen(INSTANCES)) == 0)
		return set_instance(r, name + strlen(INSTANCES), value, at);
	while (i < N_KEYS && strcmp(keys[i].name, name) != 0)
		i++;
	if (i == N_KEYS)
		return unknown_key(r, name, at);
	if (r->seen[i])
		what = xasprintf("'%s' is given twice", name);
	r->seen[i] = true;
	takes = what ? NULL : keys[i].set(r->config, value);
	if (takes)
		what = xasprintf("'%s' must be %s", name, takes);
	return what ? invalid(r, at, what) : 0;
}

/* `name` is the path of keys so far, "" or "cache"; `depth` how many mappings are open. */
static int read_scalar(struct reading *r, const yaml_event_t *event, char name[KEY_SIZE],
                       bool *is_value, int depth)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = strlen(name);
	int rc = 0;

	if (depth == 0)
		return text[0] == '\0' ? 0
		                       : invalid(r, event->start_mark, "keys are expected here");
	if (!*is_value) {
		(void)snprintf(name + len, KEY_SIZE - len, "%s%s", len > 0 ? "." : "", text);
		*is_value = true;
		return 0;
	}
	/* "cache:" with nothing below it says nothing. */
	if (depth > 1 || text[0] != '\0')
		rc = set(r, name, text, event->start_mark);
	*is_value = false;
	name[depth > 1 ? strcspn(name, ".") : 0] = '\0';
	return rc;
}

static int read_event(struct reading *r, const yaml_event_t *event, char name[KEY_SIZE],
                      bool *is_value, int *depth)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(r, event, name, is_value, *depth);
	case YAML_MAPPING_START_EVENT:
		if (*depth == 2 || (*depth == 1 && !*is_value))
			return invalid(r, event->start_mark, "a plain value is expected here");
		++*depth;
		*is_value = false;
		return 0;
	case YAML_MAPPING_END_EVENT:
		--*depth;
		*is_value = false;
		name[0] = '\0';
		return 0;
	case YAML_SEQUENCE_START_EVENT:
		if (*depth != 1 || !*is_value || strcmp(name, "registries") != 0)
			return invalid(r, event->start_mark, "a list has no place here");
		*is_value = false;
		name[0] = '\0';
		return config_registries_read(&r->parser, r->path, &r->config->registries, r->err);
	case YAML_ALIAS_EVENT:
		return invalid(r, event->start_mark, "an alias has no place here");
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		break;
	}
	return 0;
}

static int read_document(struct reading *r)
{
	char name[KEY_SIZE] = "";
	bool is_value = false;
	bool end = false;
	int depth = 0;
	int rc = 0;

	while (rc == 0 && !end) {
		yaml_event_t event;

		rc = next_event(r, &event);
		if (rc < 0)
			break;
		rc = read_event(r, &event, name, &is_value, &depth);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return rc;
}

int config_parse(const char *text, size_t len, const char *path, struct config *ret_config,
                 struct error *err)
{
	struct reading r = { .path = path, .config = ret_config, .err = err };
	int rc;

	*ret_config = (struct config){ .cache_size = UINT64_MAX };
	if (!yaml_parser_initialize(&r.parser))
		return error_sys(err, ENOMEM, "cannot read '%s'", path);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	rc = read_document(&r);
	yaml_parser_delete(&r.parser);
	return rc;
}

/* --- where it lies ---------------------------------------------------------------------------- */

/* NULL: there is no place for one. */
static char *default_path(void)
{
	const char *config = env_get("XDG_CONFIG_HOME");
	const char *user = env_get("HOME");

	if (userns_is_root())
		return xstrdup("/etc/sluice/config.yaml");
	if (config && config[0] == '/') /* the XDG rules say to ignore a relative one */
		return xasprintf("%s/sluice/config.yaml", config);
	return user ? xasprintf("%s/.config/sluice/config.yaml", user) : NULL;
}

int config_load(struct config *ret_config, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(CONFIG_MAX);
	const char *chosen = env_get("SLUICE_CONFIG");
	AUTO_FREE char *path = chosen ? xstrdup(chosen) : default_path();
	int rc = path ? io_read_file(AT_FDCWD, path, &text) : -ENOENT;

	*ret_config = (struct config){ .cache_size = UINT64_MAX };
	if (!chosen && (rc == -ENOENT || rc == -ENOTDIR))
		return 0;
	if (rc < 0) {
		(void)error_sys(err, rc, "cannot read the configuration '%s'", path);
		return err->class = SLUICE_INVALID;
	}
	return config_parse(strbuf_str(&text), text.len, path, ret_config, err);
}

void config_release(struct config *config)
{
	map_release(&config->instances, free);
	free(config->docker_host);
	free(config->docker_ca);
	free(config->docker_cert);
	free(config->docker_key);
	free(config->docker_transfer);
	free(config->executor);
	free(config->gpus_kind);
	free(config->gpus_specs);
	free(config->network);
	free(config->public_catalog);
	free(config->storage_path);
	free(config->image_pull);
	free(config->rootfs);
	config->docker_host = config->docker_ca = config->docker_cert = config->docker_key = NULL;
	config->executor = config->network = config->public_catalog = config->storage_path = NULL;
	config->image_pull = config->gpus_kind = config->gpus_specs = NULL;
	config->docker_transfer = config->rootfs = NULL;
	config_registries_release(&config->registries);
}
