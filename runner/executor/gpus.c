#include "executor/gpus.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "executor/cdi.h"

#define DIRS_USUAL  "/etc/cdi:/var/run/cdi"
#define NVIDIA_KIND "nvidia.com/gpu"
#define NVIDIA_NODE "nvidia" /* and a number */
#define NVIDIA_ENV  "NVIDIA_VISIBLE_DEVICES"

struct gpu_spec {
	char *path;
	size_t dir; /* the how manieth of the directories */
	cJSON *doc;
};

struct gpu {
	const cJSON *device;
	size_t spec;
};

/* --- which there are -------------------------------------------------------------------------- */

static void lack(struct gpus *g, const char *text)
{
	if (!g->lack)
		g->lack = xstrdup(text);
}

static const cJSON *nodes_of(const cJSON *device)
{
	return json_arr(json_obj(device, "containerEdits"), "deviceNodes");
}

static const char *host_path(const cJSON *node)
{
	const char *path = json_str(node, "hostPath");

	return path ? path : json_str(node, "path");
}

static bool has_node(const cJSON *nodes, const char *path)
{
	const cJSON *node;

	cJSON_ArrayForEach(node, nodes)
	{
		if (strcmp(host_path(node), path) == 0)
			return true;
	}
	return false;
}

/* By its nodes a device is known that has several names, such as a number and a UUID. */
static bool is_same(const cJSON *a, const cJSON *b)
{
	const cJSON *node;

	if (cJSON_GetArraySize(nodes_of(a)) != cJSON_GetArraySize(nodes_of(b)))
		return false;
	cJSON_ArrayForEach(node, nodes_of(a))
	{
		if (!has_node(nodes_of(b), host_path(node)))
			return false;
	}
	return cJSON_GetArraySize(nodes_of(a)) > 0;
}

static bool is_known(const struct gpus *g, size_t spec, const cJSON *device)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->gpu[i].spec == spec && is_same(g->gpu[i].device, device))
			return true;
	return false;
}

static const struct gpu *find_gpu(const struct gpus *g, const char *name)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->names[i], name) == 0)
			return &g->gpu[i];
	return NULL;
}

static void say_twice(struct gpus *g, const char *name, const char *path, const char *other)
{
	AUTO_FREE char *text = xasprintf("%s: '%s' is in %s, too", path, name, other);

	lack(g, text);
}

static void add_device(struct gpus *g, size_t spec, const cJSON *device)
{
	const struct gpu_spec *s = &g->specs[spec];
	const char *base = json_str(device, "name");
	AUTO_FREE char *name = xasprintf("%s=%s", json_str(s->doc, "kind"), base);
	const struct gpu *other = find_gpu(g, name);

	if (other && g->specs[other->spec].dir == s->dir)
		say_twice(g, name, s->path, g->specs[other->spec].path);
	if (other || strcmp(base, "all") == 0 || is_known(g, spec, device))
		return;
	if (g->n + 1 >= g->cap) {
		g->cap = g->cap ? 2 * g->cap : 8;
		g->gpu = xreallocarray(g->gpu, g->cap, sizeof *g->gpu);
		g->names = xreallocarray(g->names, g->cap, sizeof *g->names);
	}
	g->gpu[g->n] = (struct gpu){ device, spec };
	g->names[g->n++] = take_ptr(&name);
	g->names[g->n] = NULL;
}

static void add_spec(struct gpus *g, const char *path, size_t dir, cJSON *doc /* takes */)
{
	size_t i = g->n_specs++;
	const cJSON *device;

	g->specs = xgrow(g->specs, i, &g->specs_cap, sizeof *g->specs);
	g->specs[i] = (struct gpu_spec){ xstrdup(path), dir, doc };
	cJSON_ArrayForEach(device, json_arr(doc, "devices")) add_device(g, i, device);
}

/* --- specifications --------------------------------------------------------------------------- */

static bool is_wanted(const cJSON *doc, const char *kind)
{
	const char *own = json_str(doc, "kind");

	return kind ? strcmp(own, kind) == 0 : strcmp(strchr(own, '/'), "/gpu") == 0;
}

static void read_spec(struct gpus *g, const char *path, size_t dir, const char *kind)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(CDI_TEXT_MAX);
	AUTO_JSON cJSON *doc = NULL;
	struct error err;
	int rc = io_read_file(AT_FDCWD, path, &text);

	if (rc == -EFBIG)
		rc = error_set(&err, SLUICE_LIMIT, "%s is larger than %d MiB", path,
		               CDI_TEXT_MAX >> 20);
	else if (rc < 0)
		rc = error_sys(&err, rc, "cannot read %s", path);
	else
		rc = cdi_parse(strbuf_str(&text), text.len, path, &doc, &err);
	if (rc < 0)
		lack(g, err.msg);
	else if (is_wanted(doc, kind))
		add_spec(g, path, dir, take_ptr(&doc));
}

static int is_spec_name(const struct dirent *e)
{
	const char *end = strrchr(e->d_name, '.');

	return end && end > e->d_name && (strcmp(end, ".json") == 0 || strcmp(end, ".yaml") == 0);
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_dir(struct gpus *g, const char *dir, size_t number, const char *kind)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, is_spec_name, compare_entries);

	if (n < 0 && errno != ENOENT && errno != ENOTDIR) {
		struct error err;

		(void)error_sys(&err, errno, "cannot read '%s'", dir);
		lack(g, err.msg);
	}
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, list[i]->d_name);

		read_spec(g, path, number, kind);
		free(list[i]);
	}
	free(list);
}

/* The last one first, whose devices hide those of the others. */
static void read_dirs(struct gpus *g, const char *dirs, const char *kind)
{
	AUTO_FREE char *rest = xstrdup(dirs);

	for (size_t number = 0; rest[0]; number++) {
		char *colon = strrchr(rest, ':');
		char *dir = colon ? colon + 1 : rest;

		if (dir[0])
			read_dir(g, dir, number, kind);
		*(colon ? colon : rest) = '\0';
	}
}

/* --- nodes of NVIDIA's driver ----------------------------------------------------------------- */

static bool is_node(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISCHR(st.st_mode);
}

static void add_node(cJSON *nodes, const char *dev, const char *name)
{
	AUTO_FREE char *source = xasprintf("%s/%s", dev, name);
	AUTO_FREE char *target = xasprintf("/dev/%s", name);
	cJSON *node;

	if (!is_node(source))
		return;
	node = json_new_obj();
	json_add_str(node, "path", target);
	json_add_str(node, "hostPath", source);
	json_push(nodes, node);
}

static cJSON *nodes_to(cJSON *obj)
{
	cJSON *edits = json_new_obj();
	cJSON *nodes = json_new_arr();

	json_add(edits, "deviceNodes", nodes);
	json_add(obj, "containerEdits", edits);
	return nodes;
}

static void add_card(cJSON *devices, const char *dev, const char *name)
{
	cJSON *device = json_new_obj(), *nodes = nodes_to(device);

	json_add_str(device, "name", name + strlen(NVIDIA_NODE));
	add_node(nodes, dev, name);
	if (cJSON_GetArraySize(nodes) > 0)
		json_push(devices, device);
	else
		cJSON_Delete(device);
}

static int is_card_name(const struct dirent *e)
{
	const char *number = e->d_name + strlen(NVIDIA_NODE);

	return strncmp(e->d_name, NVIDIA_NODE, strlen(NVIDIA_NODE)) == 0 && number[0] &&
	       !number[strspn(number, "0123456789")];
}

/* As if a specification had named them. */
static void find_nodes(struct gpus *g, const char *dev)
{
	static const char *const shared[] = { "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools",
		                              "nvidia-modeset" };
	cJSON *doc = json_new_obj(), *devices = json_new_arr(), *nodes = nodes_to(doc);
	struct dirent **list = NULL;
	int n = scandir(dev, &list, is_card_name, versionsort);

	json_add_str(doc, "kind", NVIDIA_KIND);
	json_add(doc, "devices", devices);
	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
		add_node(nodes, dev, shared[i]);
	for (int i = 0; i < n; i++) {
		add_card(devices, dev, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	g->by_nodes = true;
	add_spec(g, dev, 0, doc);
}

/* --- all of them ------------------------------------------------------------------------------ */

struct gpus *gpus_find(const struct gpus_settings *s)
{
	struct gpus *g = xcalloc(1, sizeof *g);

	g->names = xcalloc(1, sizeof *g->names);
	read_dirs(g, s->dirs ? s->dirs : DIRS_USUAL, s->kind);
	if (g->n == 0 && !g->lack && (!s->kind || strcmp(s->kind, NVIDIA_KIND) == 0))
		find_nodes(g, s->dev ? s->dev : "/dev");
	return g;
}

void gpus_free(struct gpus *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++)
		free(g->names[i]);
	for (size_t i = 0; i < g->n_specs; i++) {
		free(g->specs[i].path);
		cJSON_Delete(g->specs[i].doc);
	}
	free(g->names);
	free(g->gpu);
	free(g->specs);
	free(g->lack);
	free(g);
}

/* --- handing them in -------------------------------------------------------------------------- */

static int fill_numbers(cJSON *node, const char *path, struct error *err)
{
	const char *type = json_str(node, "type");
	struct stat st;
	char found;

	if (stat(path, &st) != 0)
		return error_set(err, SLUICE_MISSING, "there is no device '%s'", path);
	found = S_ISCHR(st.st_mode)    ? 'c'
	        : S_ISBLK(st.st_mode)  ? 'b'
	        : S_ISFIFO(st.st_mode) ? 'p'
	                               : 0;
	if (!found || (type && type[0] && type[0] != found && !(type[0] == 'u' && found == 'c')))
		return error_set(err, SLUICE_MISSING, "'%s' is no device of type '%s'", path,
		                 type && type[0] ? type : "b, c or p");
	cJSON_DeleteItemFromObjectCaseSensitive(node, "type");
	json_add_str(node, "type", (const char[]){ found, '\0' });
	if (found != 'p') {
		json_add_int(node, "major", major(st.st_rdev));
		json_add_int(node, "minor", minor(st.st_rdev));
	}
	return 0;
}

static int fill_node(cJSON *node, struct error *err)
{
	AUTO_FREE char *path = xstrdup(host_path(node));
	const char *type = json_str(node, "type");
	bool is_whole = type && type[0] && (type[0] == 'p' || json_int(node, "major", -1) >= 0);

	cJSON_DeleteItemFromObjectCaseSensitive(node, "hostPath");
	json_add_str(node, "hostPath", path);
	if (is_whole && type[0] != 'p' && json_int(node, "minor", -1) < 0)
		json_add_int(node, "minor", 0);
	if (is_whole)
		return 0;
	cJSON_DeleteItemFromObjectCaseSensitive(node, "major");
	cJSON_DeleteItemFromObjectCaseSensitive(node, "minor");
	return fill_numbers(node, path, err);
}

/* What several devices share stands in each of them. */
static int add_node_edit(cJSON *nodes, cJSON *node /* takes */, struct error *err)
{
	const char *path = json_str(node, "path");
	const cJSON *other;
	int i = 0;

	cJSON_ArrayForEach(other, nodes)
	{
		if (strcmp(json_str(other, "path"), path) == 0)
			break;
		i++;
	}
	cJSON_DeleteItemFromArray(nodes, i);
	json_push(nodes, node);
	return fill_node(node, err);
}

static int add_list(cJSON *all, const cJSON *list, struct error *err)
{
	cJSON *to = cJSON_GetObjectItemCaseSensitive(all, list->string);
	const cJSON *item;
	int rc = 0;

	if (!to && cJSON_GetArraySize(list) > 0) {
		to = json_new_arr();
		json_add(all, list->string, to);
	}
	cJSON_ArrayForEach(item, list)
	{
		cJSON *copy = cJSON_Duplicate(item, true);

		if (strcmp(list->string, "deviceNodes") == 0)
			rc = add_node_edit(to, copy, err);
		else
			json_push(to, copy);
		if (rc < 0)
			break;
	}
	return rc;
}

static int add_edits(cJSON *all, const cJSON *edits, struct error *err)
{
	const cJSON *list;
	int rc = 0;

	cJSON_ArrayForEach(list, edits)
	{
		rc = add_list(all, list, err);
		if (rc < 0)
			break;
	}
	return rc;
}

static void add_visible(cJSON *all, const char *const *names)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	cJSON *env = json_new_arr();

	strbuf_addstr(&text, NVIDIA_ENV "=");
	for (size_t i = 0; names[i]; i++)
		strbuf_addf(&text, "%s%s", i > 0 ? "," : "", strchr(names[i], '=') + 1);
	json_push_str(env, strbuf_str(&text));
	json_add(all, "env", env);
}

/* Of the specifications first what goes with all of their devices, once each. */
int gpus_edits(const struct gpus *g, const char *const *names, cJSON **ret_edits, struct error *err)
{
	AUTO_FREE bool *used = xcalloc(g->n_specs + 1, sizeof *used);
	AUTO_JSON cJSON *all = json_new_obj();
	int rc = 0;

	for (size_t i = 0; rc == 0 && names[i]; i++) {
		const struct gpu *gpu = find_gpu(g, names[i]);

		if (!gpu)
			return error_set(err, SLUICE_MISSING, "there is no GPU '%s' any more",
			                 names[i]);
		if (!used[gpu->spec])
			rc = add_edits(all, json_obj(g->specs[gpu->spec].doc, "containerEdits"),
			               err);
		used[gpu->spec] = true;
		if (rc == 0)
			rc = add_edits(all, json_obj(gpu->device, "containerEdits"), err);
		if (rc < 0)
			return error_wrap(err, "GPU '%s' of %s", names[i],
			                  g->specs[gpu->spec].path);
	}
	if (g->by_nodes)
		add_visible(all, names);
	*ret_edits = take_ptr(&all);
	return 0;
}
