/* Every command, each defined in the file of its noun. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct cli_command cmd_run, cmd_validate, cmd_graph, cmd_schema;
extern const struct cli_command cmd_datasets_create, cmd_datasets_list, cmd_datasets_details;
extern const struct cli_command cmd_datasets_put, cmd_datasets_export, cmd_datasets_du;
extern const struct cli_command cmd_datasets_update, cmd_versions_update;
extern const struct cli_command cmd_datasets_delete, cmd_datasets_prune, cmd_versions_delete;
extern const struct cli_command cmd_datasets_log, cmd_datasets_diff, cmd_datasets_cat;
extern const struct cli_command cmd_datasets_public, cmd_datasets_lineage, cmd_datasets_mount,
	cmd_datasets_unmount;
extern const struct cli_command cmd_versions_create, cmd_versions_list, cmd_versions_details;
extern const struct cli_command cmd_versions_commit;
extern const struct cli_command cmd_files_put, cmd_files_list, cmd_files_get;
extern const struct cli_command cmd_files_delete;
extern const struct cli_command cmd_tags_set, cmd_tags_list, cmd_tags_delete;
extern const struct cli_command cmd_providers_list, cmd_providers_details, cmd_providers_delete,
	cmd_providers_create_s3, cmd_providers_update_s3;
extern const struct cli_command cmd_images_pull, cmd_images_import, cmd_images_export,
	cmd_images_list, cmd_images_delete, cmd_images_inspect, cmd_images_prune;
extern const struct cli_command cmd_runs_list, cmd_runs_show, cmd_runs_logs;
extern const struct cli_command cmd_runs_resume, cmd_runs_cancel, cmd_runs_delete;
extern const struct cli_command cmd_store_gc, cmd_store_verify, cmd_store_recover, cmd_store_stats;
extern const struct cli_command cmd_doctor, cmd_completion;

#endif
