#include "cli/workflow/machine.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parallel.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/userns.h"
#include "engine/instance.h"
#include "executor/gpus.h"

enum { CPUS_MAX = 65536 };

/* "2", "1.5" or "0.25" as thousandths. */
static bool parse_milli(const char *text, uint64_t *ret_milli)
{
	size_t whole = strspn(text, "0123456789");
	const char *digits = text[whole] == '.' ? text + whole + 1 : "";
	char number[16] = "";
	uint64_t unit = 100;

	if (whole == 0 || whole >= sizeof number || (text[whole] && text[whole] != '.') ||
	    strlen(digits) > 3)
		return false;
	memcpy(number, text, whole);
	if (!parse_u64(number, CPUS_MAX, ret_milli))
		return false;
	*ret_milli *= 1000;
	for (; *digits >= '0' && *digits <= '9'; digits++, unit /= 10)
		*ret_milli += unit * (uint64_t)(*digits - '0');
	return !*digits && *ret_milli >= 10;
}

int machine_caps(const struct cli_args *args, struct run_options *options, struct error *err)
{
	const char *cpus = args_get(args, "cpus");
	const char *memory = args_get(args, "memory");

	if (cpus && !parse_milli(cpus, &options->cpu_cap))
		return error_set(err, SLUICE_INVALID,
		                 "--cpus takes a number of cores such as 2 or 0.5, not '%s'", cpus);
	if (memory && (!parse_size(memory, &options->memory_cap) || options->memory_cap == 0))
		return error_set(err, SLUICE_INVALID,
		                 "--memory takes a size such as 16GiB or 500MB, not '%s'", memory);
	return 0;
}

unsigned machine_places(const struct run_options *options)
{
	uint64_t cores = (options->cpu_cap + 999) / 1000;

	return cores > 0 && cores < parallel_cores() ? (unsigned)cores : parallel_cores();
}

/* In a container it is less than what the machine has. */
static uint64_t limit_of_cgroup(const char *path)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(64);
	uint64_t limit;

	if (io_read_file(AT_FDCWD, path, &text) < 0 || text.len == 0)
		return UINT64_MAX;
	text.buf[strcspn(text.buf, "\n")] = '\0';
	return parse_u64(text.buf, UINT64_MAX, &limit) ? limit
	                                               : UINT64_MAX; /* "max" is no number */
}

static uint64_t memory_size(void)
{
	static const char *const limits[] = { "/sys/fs/cgroup/memory.max",
		                              "/sys/fs/cgroup/memory/memory.limit_in_bytes" };
	long pages = sysconf(_SC_PHYS_PAGES);
	uint64_t size = pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		uint64_t limit = limit_of_cgroup(limits[i]);

		size = limit < size ? limit : size;
	}
	return size;
}

static int take_instances(struct cli *cli, struct run_options *options, struct error *err)
{
	const struct config *config;
	const char *name;
	size_t pos = 0;
	void *text;

	if (cli_config(cli, &config, err) < 0)
		return err->class;
	while ((name = map_next(&config->instances, &pos, &text)) != NULL) {
		struct instance ignored;

		if (!instance_parse(text, &ignored))
			return error_set(err, SLUICE_INVALID,
			                 "the configuration's 'instances.%s' must be cores, memory "
			                 "and maybe GPUs, such as '8 30GiB 1', not '%.100s'",
			                 name, (const char *)text);
	}
	options->instances = &config->instances;
	return 0;
}

static int take_gpus(struct cli *cli, struct run_machine *machine, struct error *err)
{
	const struct gpus *gpus;
	int rc = cli_gpus(cli, &gpus, err);

	if (rc < 0)
		return rc;
	machine->gpus = (const char *const *)gpus->names;
	machine->n_gpus = gpus->n;
	machine->gpus_lack = gpus->lack;
	return 0;
}

static int check_caps(const struct run_options *options, uint64_t cpu, uint64_t memory,
                      struct error *err)
{
	if (cpu > 0 && options->cpu_cap > cpu)
		return error_set(err, SLUICE_MISSING,
		                 "--cpus is more than the %" PRIu64 " cores that jobs can have",
		                 cpu / 1000);
	if (memory > 0 && options->memory_cap > memory)
		return error_set(err, SLUICE_MISSING,
		                 "--memory is more than the %" PRIu64 " MiB that jobs can have",
		                 memory >> 20);
	return 0;
}

int machine_look(struct cli *cli, const struct executor *executor, struct run_options *options,
                 struct error *err)
{
	bool here = !executor->is_elsewhere;
	uint64_t cpu = here ? (uint64_t)parallel_cores() * 1000 : executor->cpu_milli;
	uint64_t memory = here ? memory_size() : executor->memory;
	int rc = check_caps(options, cpu, memory, err);

	if (rc < 0)
		return rc;
	options->machine = (struct run_machine){
		.cpu_milli = options->cpu_cap ? options->cpu_cap : cpu,
		.memory = options->memory_cap ? options->memory_cap : memory,
		.gpus_lack = here ? NULL : "those here are not Docker's to hand in",
		.has_no_limits = here && !userns_is_root(),
	};
	rc = here ? take_gpus(cli, &options->machine, err) : 0;
	return rc < 0 ? rc : take_instances(cli, options, err);
}
