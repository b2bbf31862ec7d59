#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "spec/spec.h"

static int run_schema(struct cli *cli, const struct cli_args *args)
{
	char *schema = spec_schema();
	struct error err;
	int status = CLI_OK;

	(void)cli;
	(void)args;
	if (schema) {
		(void)fputs(schema, stdout);
	} else {
		(void)error_set(&err, SLUICE_SYSTEM, "out of memory");
		status = cli_fail(&err);
	}
	free(schema);
	return status;
}

const struct cli_command cmd_schema = {
	.words = "schema",
	.summary = "Print the JSON Schema of workflows, for editors.",
	.help = "Whoever edits a workflow with it gets names completed, explained and checked while "
		"typing. It knows less than 'sluice validate': not what names refer to.",
	.run = run_schema,
};
