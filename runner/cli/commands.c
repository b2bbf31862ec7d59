#include "cli/commands.h"
#include "cli/cli.h"

const struct cli_command *const cli_commands[] = {
	&cmd_run,
	&cmd_validate,
	&cmd_graph,
	&cmd_schema,
	&cmd_datasets_create,
	&cmd_datasets_list,
	&cmd_datasets_details,
	&cmd_versions_create,
	&cmd_versions_list,
	&cmd_versions_details,
	&cmd_versions_commit,
	&cmd_files_put,
	&cmd_files_list,
	&cmd_files_get,
	&cmd_tags_set,
	&cmd_tags_list,
	&cmd_tags_delete,
	&cmd_images_import,
	&cmd_images_list,
	&cmd_images_delete,
	&cmd_runs_list,
	&cmd_runs_show,
	&cmd_runs_logs,
	&cmd_runs_cancel,
	&cmd_runs_delete,
	&cmd_doctor,
	&cmd_completion,
	NULL,
};

const struct cli_group cli_groups[] = {
	{ "", "Runs Gradient workflows: YAML in, containers and versioned datasets out." },
	{ "datasets", "Versioned datasets: what workflows read and write." },
	{ "datasets versions", "The versions of a dataset: open until committed, then immutable." },
	{ "datasets files", "The files of a dataset version." },
	{ "datasets tags", "Names that stand for a version, and can be moved." },
	{ "images", "Container images that are kept on this machine." },
	{ "runs", "What was run: states, logs, results." },
	{ NULL, NULL },
};
