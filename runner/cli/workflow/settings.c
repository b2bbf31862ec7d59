#include "cli/workflow/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/xalloc.h"
#include "cli/workflow/machine.h"

enum {
	MAX_AT_ONCE = 4096,
	DEFAULT_GRACE_S = 10,
};

static int number(struct session *s, const char *option, uint64_t most, uint64_t otherwise,
                  uint64_t *ret_value)
{
	const char *text = args_get(s->args, option);

	*ret_value = otherwise;
	if (text && !parse_u64(text, most, ret_value))
		return session_fail_with(s, SLUICE_INVALID,
		                         "--%s takes a number up to %llu, not '%s'", option,
		                         (unsigned long long)most, text);
	return 0;
}

static char *name_of_file(const char *file)
{
	const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	const char *dot = strrchr(base, '.');

	if (strcmp(file, "-") == 0)
		return xstrdup("stdin");
	return dot && dot > base ? xstrndup(base, (size_t)(dot - base)) : xstrdup(base);
}

/* By name; NULL: the first that works.  A runtime that is asked for goes before the configuration,
 * since it has its own executor. */
static const char *choose_executor(const struct cli_args *args, const struct config *config)
{
	const char *told = args_get(args, "executor");

	return told || args_has(args, "runtime") ? told : config->executor;
}

/* By the rules for the names in a workflow.  A file may be called as it likes. */
static int check_workflow_name(struct session *s)
{
	const char *fault = NULL;
	bool has_control = false;

	for (char *p = s->workflow; *p; p++) {
		bool is_control = (unsigned char)*p < 0x20 || *p == 0x7f;

		has_control |= is_control;
		if (is_control && !args_has(s->args, "name"))
			*p = '_';
	}
	if (!args_has(s->args, "name"))
		return 0;
	if (!s->workflow[0])
		fault = "is empty";
	else if (strchr(s->workflow, '/'))
		fault = "holds a '/'";
	else if (has_control)
		fault = "holds a control character";
	else if (strlen(s->workflow) > NAME_MAX_LEN)
		fault = "is longer than 128 bytes";
	return fault ? session_fail_with(s, SLUICE_INVALID,
	                                 "the workflow's name %s: use letters, digits, '-' and '_'",
	                                 fault)
	             : 0;
}

int settings_read(struct session *s)
{
	const char *name = args_get(s->args, "name");
	enum request_network network;
	const struct config *config;
	uint64_t jobs;
	uint64_t grace;
	struct run_options caps = { .jobs = 0 };

	if (machine_caps(s->args, &caps, &s->err) < 0)
		return session_fail(s);
	if (number(s, "jobs", MAX_AT_ONCE, machine_places(&caps), &jobs) < 0 ||
	    number(s, "grace", UINT64_C(24) * 3600, DEFAULT_GRACE_S, &grace) < 0)
		return s->err.class;
	if (cli_config(s->cli, &config, &s->err) < 0)
		return session_fail(s);
	if (jobs == 0)
		return session_fail_with(s, SLUICE_INVALID,
		                         "--jobs 0 would run nothing: it is 1 or more");
	s->network = args_get(s->args, "network");
	if (s->network && !request_network_find(s->network, &network))
		return session_fail_with(s, SLUICE_INVALID,
		                         "--network takes private, host or none, not '%s'",
		                         s->network);
	if (!s->network)
		s->network = config->network;
	s->workflow = name ? xstrdup(name) : name_of_file(s->file);
	if (check_workflow_name(s) < 0)
		return s->err.class;
	s->options = (struct run_options){
		.workflow = s->workflow,
		.jobs = (unsigned)jobs,
		.cpu_cap = caps.cpu_cap,
		.memory_cap = caps.memory_cap,
		.grace_ms = grace * 1000,
		.fail_fast = args_has(s->args, "fail-fast"),
		.create_datasets = !args_has(s->args, "no-create-datasets"),
		.strict_inputs = args_has(s->args, "strict-inputs"),
		.verify_inputs = args_has(s->args, "verify-inputs") || config->verify_inputs,
		.executor = choose_executor(s->args, config),
		.storage = config->storage_path,
		.secrets = &s->secrets,
	};
	return 0;
}
