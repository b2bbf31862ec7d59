/* What a job runs on: `resources` of a job, and of `defaults`, where jobs have none of their own.
 */
#include <math.h>
#include <string.h>

#include "spec/read.h"

enum { GPUS_MOST = 1024, CPUS_MOST = 65536 };

static void on_instance_type(struct reader *r, const struct node *key, const struct node *value,
                             void *target)
{
	const char *text = read_string(r, value, key->text);

	if (text)
		((struct spec_resources *)target)->instance_type = text;
}

static void on_registries(struct reader *r, const struct node *key, const struct node *value,
                          void *target)
{
	(void)target;
	if (!node_is_null(value))
		(void)read_strings(r, value, key->text, &r->spec->registries,
		                   &r->spec->n_registries);
}

static double number_of(const struct node *value)
{
	bool plain = value->kind == NODE_SCALAR && value->style == NODE_PLAIN;

	return plain ? read_decimal(value->text) : (double)NAN;
}

static void on_cpus(struct reader *r, const struct node *key, const struct node *value,
                    void *target)
{
	struct spec_resources *res = target;
	double cpus = number_of(value);

	(void)key;
	res->cpus_at = value->at;
	if (cpus >= 0.01 && cpus <= CPUS_MOST)
		res->cpu_milli = (uint64_t)(cpus * 1000 + 0.5);
	else
		diag_error(r->diags, node_place(value), "write it like this: cpus: 2, or cpus: 0.5",
		           "cpus must be a number of cores, at least 0.01");
}

static void on_gpus(struct reader *r, const struct node *key, const struct node *value,
                    void *target)
{
	struct spec_resources *res = target;
	double gpus = number_of(value);

	(void)key;
	res->gpus_at = value->at;
	res->has_gpus = gpus >= 0 && gpus <= GPUS_MOST && gpus <= (double)(uint64_t)gpus;
	if (res->has_gpus)
		res->gpus = (uint64_t)gpus;
	else
		diag_error(r->diags, node_place(value), "write it like this: gpus: 1",
		           "gpus must be a whole number up to %d", GPUS_MOST);
}

/* The factor that a unit stands for; 0: it is none. */
static uint64_t unit_of(const char *text)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} units[] = {
		{ "Ki", UINT64_C(1) << 10 }, { "KiB", UINT64_C(1) << 10 },
		{ "K", UINT64_C(1) << 10 },  { "kB", 1000 },
		{ "Mi", UINT64_C(1) << 20 }, { "MiB", UINT64_C(1) << 20 },
		{ "M", UINT64_C(1) << 20 },  { "MB", 1000000 },
		{ "Gi", UINT64_C(1) << 30 }, { "GiB", UINT64_C(1) << 30 },
		{ "G", UINT64_C(1) << 30 },  { "GB", 1000000000 },
		{ "Ti", UINT64_C(1) << 40 }, { "TiB", UINT64_C(1) << 40 },
		{ "T", UINT64_C(1) << 40 },  { "TB", UINT64_C(1000000000000) },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strcmp(text, units[i].name) == 0)
			return units[i].bytes;
	return 0;
}

/* [1-9][0-9]{0,8} UNIT; 0: it is no size.  What is beyond any machine is as large as can be. */
static uint64_t size_of(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t unit = unit_of(text + digits);
	uint64_t number = 0;
	uint64_t bytes;

	if (digits == 0 || digits > 9 || text[0] == '0' || unit == 0)
		return 0;
	for (; *text >= '0' && *text <= '9'; text++)
		number = number * 10 + (uint64_t)(*text - '0');
	return __builtin_mul_overflow(number, unit, &bytes) || bytes > INT64_MAX ? INT64_MAX
	                                                                         : bytes;
}

static uint64_t read_size(struct reader *r, const struct node *key, const struct node *value)
{
	uint64_t bytes = value->kind == NODE_SCALAR ? size_of(value->text) : 0;

	if (bytes == 0)
		diag_error(
			r->diags, node_place(value),
			diag_text(r->diags, "write it like this: %s: 16GiB, or 500MB", key->text),
			"%s must be a whole number with a unit", key->text);
	return bytes;
}

static void on_memory(struct reader *r, const struct node *key, const struct node *value,
                      void *target)
{
	struct spec_resources *res = target;

	res->memory_at = value->at;
	res->memory = read_size(r, key, value);
}

static void on_shm_size(struct reader *r, const struct node *key, const struct node *value,
                        void *target)
{
	struct spec_resources *res = target;

	res->shm_size_at = value->at;
	res->shm_size = read_size(r, key, value);
}

/* clang-format off */
#define RESOURCE_KEYS                                                                              \
	{ "instance-type", "The machine, by a name of the hosted service: its processors, memory " \
	  "and GPUs, as far as there are so many.", "string", NULL, on_instance_type },            \
	{ "cpus", "Cores that the job may use at most, and waits for.", "cpus", NULL, on_cpus },   \
	{ "memory", "Memory that the job may use at most, and waits for.", "size", NULL,           \
	  on_memory },                                                                             \
	{ "gpus", "GPUs that the job is given, and waits for.", "gpus", NULL, on_gpus },           \
	{ "shm-size", "The size of /dev/shm.", "size", NULL, on_shm_size }
/* clang-format on */

static const struct key job_keys[] = { RESOURCE_KEYS };

static const struct stray job_strays[] = {
	{ "container-registries", "registries are named once, in defaults.resources" },
	{ "containerRegistry", "registries are named in defaults.resources.container-registries" },
};

const struct shape job_resources_shape = {
	.what = "resources",
	.keys = job_keys,
	.n_keys = sizeof(job_keys) / sizeof(*job_keys),
	.strays = job_strays,
	.n_strays = sizeof(job_strays) / sizeof(*job_strays),
	.rule = "'minProperties': 1",
};

static const struct key default_keys[] = {
	RESOURCE_KEYS,
	{ "container-registries", "Names of the registries that images come from.",
	  "strings-or-nothing", NULL, on_registries },
};

const struct shape default_resources_shape = {
	.what = "defaults.resources",
	.keys = default_keys,
	.n_keys = sizeof(default_keys) / sizeof(*default_keys),
};

void read_job_resources(struct reader *r, const struct node *key, const struct node *value,
                        struct spec_resources *ret)
{
	read_shape(r, value, &job_resources_shape, ret);
	if (value->kind == NODE_MAP && value->n == 0)
		diag_error(r->diags, node_place(key),
		           "add instance-type: NAME, or remove resources",
		           "resources names nothing");
}
