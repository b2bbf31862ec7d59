/*
 * Everything that another runner needs to go on with a run, in RUN/plan.json: what was given and
 * what it was resolved to.  Written before the first job starts, and durable, because a job that
 * outlived a power cut would be worth little without it.  The text of the spec lies in the run's
 * row; the values of secrets, and of the machine's proxies, lie nowhere.  Which run it is stands in
 * its row, too: here it is for who finds the directory and no row.
 *
 *	{"format": 1, "workflow": NAME, "number": N, "created_ms": N, "boot": ID,
 *	 "jobs": N, "cpu_cap": N, "memory_cap": N, "grace_ms": N,
 *	 "network": "host", "executor": "oci", "runtime": PATH, "fail_fast": BOOL,
 *	 "create_datasets": BOOL, "strict_inputs": BOOL, "verify_inputs": BOOL, "storage": PATH,
 *	 "event_url": TEXT, "event_ref": TEXT,
 *	 "inputs": {NAME: {"value": TEXT} or {"version": DS:VER} or {}},
 *	 "pins": {REFERENCE: DS:VER}, "images": {NAME: DIGEST}, "targets": {REFERENCE: DS}}
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "engine/internal.h"

enum { PLAN_FORMAT = 1, PLAN_MAX = 64 << 20 };

/* --- writing -------------------------------------------------------------------------------- */

static void add_version(cJSON *obj, const char *name, const struct dataset_version *v)
{
	AUTO_FREE char *ref = xasprintf("%s:%s", v->dataset, v->id);

	json_add_str(obj, name, ref);
}

static cJSON *inputs_json(const struct run *run)
{
	cJSON *inputs = json_new_obj();

	for (size_t i = 0; i < run->options->spec->n_inputs; i++) {
		const struct binding *b = &run->bindings[i];
		cJSON *input = json_new_obj();

		if (b->pin)
			add_version(input, "version", &b->pin->version);
		else if (b->value)
			json_add_str(input, "value", b->value);
		json_add(inputs, run->options->spec->inputs[i].name, input);
	}
	return inputs;
}

/* A directory that was given is bound to its input, and not found by a reference. */
static cJSON *pins_json(const struct run *run)
{
	cJSON *pins = json_new_obj();
	const char *ref;
	size_t pos = 0;
	void *value;

	while ((ref = map_next(&run->pins, &pos, &value)) != NULL) {
		const struct pin *pin = value;

		if (!pin->dir)
			add_version(pins, ref, &pin->version);
	}
	return pins;
}

static cJSON *images_json(const struct run *run)
{
	cJSON *images = json_new_obj();
	const char *name;
	size_t pos = 0;
	void *value;

	while ((name = map_next(&run->images, &pos, &value)) != NULL)
		json_add_str(images, name, ((const struct image_pin *)value)->digest);
	return images;
}

static cJSON *targets_json(const struct run *run)
{
	cJSON *targets = json_new_obj();
	const char *ref;
	size_t pos = 0;
	void *value;

	while ((ref = map_next(&run->targets, &pos, &value)) != NULL)
		json_add_str(targets, ref, ((const struct target *)value)->dataset.id);
	return targets;
}

static int put(int dirfd, const cJSON *doc)
{
	AUTO_FREE char *text = json_print(doc);

	return io_put_file(dirfd, PLAN_NAME, text, strlen(text), 0600, true);
}

int plan_write(const struct run *run, int dirfd)
{
	const struct run_options *o = run->options;
	AUTO_JSON cJSON *doc = json_new_obj();
	char boot[37];

	clock_boot_id(boot);
	json_add_int(doc, "format", PLAN_FORMAT);
	json_add_str(doc, "workflow", o->workflow);
	json_add_int(doc, "number", run->number);
	json_add_int(doc, "created_ms", run->created_ms);
	json_add_str(doc, "boot", boot);
	json_add_int(doc, "jobs", o->jobs);
	json_add_int(doc, "cpu_cap", (int64_t)o->cpu_cap);
	json_add_int(doc, "memory_cap", (int64_t)o->memory_cap);
	json_add_int(doc, "grace_ms", (int64_t)o->grace_ms);
	json_add_str(doc, "network", request_network_name(o->network));
	json_add_str(doc, "executor", o->executor);
	json_add_str(doc, "runtime", o->runtime);
	json_add_bool(doc, "fail_fast", o->fail_fast);
	json_add_bool(doc, "create_datasets", o->create_datasets);
	json_add_bool(doc, "strict_inputs", o->strict_inputs);
	json_add_bool(doc, "verify_inputs", o->verify_inputs);
	json_add_str(doc, "storage", o->storage);
	json_add_str(doc, "event_url", o->context.event_url);
	json_add_str(doc, "event_ref", o->context.event_ref);
	json_add(doc, "inputs", inputs_json(run));
	json_add(doc, "pins", pins_json(run));
	json_add(doc, "images", images_json(run));
	json_add(doc, "targets", targets_json(run));
	return put(dirfd, doc);
}

/* --- reading -------------------------------------------------------------------------------- */

int plan_read(int dirfd, cJSON **ret_plan, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(PLAN_MAX);
	int rc = io_read_file(dirfd, PLAN_NAME, &text);

	if (rc < 0)
		return error_sys(err, rc, "cannot read its '%s'", PLAN_NAME);
	rc = json_parse(strbuf_str(&text), text.len, "its '" PLAN_NAME "'", ret_plan, err);
	if (rc == 0 && json_int(*ret_plan, "format", 0) != PLAN_FORMAT) {
		cJSON_Delete(*ret_plan);
		rc = error_set(err, SLUICE_INVALID, "another version of sluice has started it");
	}
	return rc;
}

bool plan_is_of_this_boot(const cJSON *plan)
{
	const char *then = json_str(plan, "boot");
	char now[37];

	clock_boot_id(now);
	return then && strcmp(then, now) == 0;
}

int plan_renew(int dirfd, cJSON *plan)
{
	char boot[37];

	if (plan_is_of_this_boot(plan))
		return 0;
	clock_boot_id(boot);
	cJSON_DeleteItemFromObjectCaseSensitive(plan, "boot");
	json_add_str(plan, "boot", boot);
	return put(dirfd, plan);
}

void plan_options(const cJSON *plan, struct run_options *o)
{
	const char *network = json_str(plan, "network");

	o->jobs = (unsigned)json_int(plan, "jobs", 1);
	o->cpu_cap = (uint64_t)json_int(plan, "cpu_cap", 0);
	o->memory_cap = (uint64_t)json_int(plan, "memory_cap", 0);
	o->grace_ms = (uint64_t)json_int(plan, "grace_ms", 0);
	if (!network || !request_network_find(network, &o->network))
		o->network = NETWORK_HOST;
	o->executor = json_str(plan, "executor");
	o->runtime = json_str(plan, "runtime");
	o->fail_fast = json_bool(plan, "fail_fast", false);
	o->create_datasets = json_bool(plan, "create_datasets", false);
	o->strict_inputs = json_bool(plan, "strict_inputs", false);
	o->verify_inputs = json_bool(plan, "verify_inputs", false);
	o->storage = json_str(plan, "storage");
	o->context.event_url = json_str(plan, "event_url");
	o->context.event_ref = json_str(plan, "event_ref");
}

/* --- resolving anew, to the same ------------------------------------------------------------- */

static int pin_version(struct run *run, const char *key, const char *version, struct pin **ret_pin,
                       struct error *err)
{
	struct pin *pin = map_find(&run->pins, key);
	int rc;

	if (!pin) {
		pin = xcalloc(1, sizeof *pin);
		rc = datasets_resolve(run->datasets, version, &pin->version, err);
		if (rc < 0) {
			free(pin);
			return rc;
		}
		(void)map_set(&run->pins, key, pin);
	}
	*ret_pin = pin;
	return 0;
}

static int restore_inputs(struct run *run, const cJSON *inputs, struct error *err)
{
	const struct spec *spec = run->options->spec;

	run->bindings = xcalloc(spec->n_inputs, sizeof *run->bindings);
	for (size_t i = 0; i < spec->n_inputs; i++) {
		const cJSON *input = json_obj(inputs, spec->inputs[i].name);
		const char *version = json_str(input, "version");

		run->bindings[i].value = json_str(input, "value");
		if (version && pin_version(run, version, version, &run->bindings[i].pin, err) < 0)
			return error_wrap(err, "input '%s'", spec->inputs[i].name);
	}
	return 0;
}

static int restore_image(struct run *run, const char *name, const char *digest, struct error *err)
{
	struct image_pin *pin = xcalloc(1, sizeof *pin);

	(void)map_set(&run->images, name, pin);
	if (strlen(digest) >= sizeof pin->digest)
		return error_set(err, SLUICE_CORRUPT, "'%.100s' is no digest", digest);
	memcpy(pin->digest, digest, strlen(digest) + 1);
	return 0;
}

static int restore_target(struct run *run, const char *ref, const char *id, struct error *err)
{
	struct target *target = xcalloc(1, sizeof *target);

	(void)map_set(&run->targets, ref, target);
	return datasets_find(run->datasets, id, &target->dataset, err);
}

static int restore_pin(struct run *run, const char *ref, const char *version, struct error *err)
{
	struct pin *pin;

	return pin_version(run, ref, version, &pin, err);
}

int plan_restore(struct run *run, const cJSON *plan, struct error *err)
{
	static const struct {
		const char *name;
		int (*restore)(struct run *run, const char *key, const char *value,
		               struct error *err);
	} maps[] = {
		{ "pins", restore_pin },
		{ "images", restore_image },
		{ "targets", restore_target },
	};
	int rc = restore_inputs(run, json_obj(plan, "inputs"), err);

	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
		const cJSON *item;

		cJSON_ArrayForEach(item, json_obj(plan, maps[i].name)) if (rc == 0 &&
		                                                           cJSON_IsString(item))
			rc = maps[i].restore(run, item->string, item->valuestring, err);
	}
	return rc;
}
