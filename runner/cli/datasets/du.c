/* What a dataset or one of its versions takes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "cli/text.h"

static int measure_one(struct cli *cli, struct datasets *datasets, const struct dataset *dataset,
                       const struct dataset_version *only, struct datasets_usage *ret_usage,
                       struct error *err)
{
	struct meter_watch meter;
	struct progress *progress = meter_watch_begin_parts(&meter, cli, dataset->name);
	int rc = datasets_measure(datasets, dataset, only, progress, ret_usage, err);

	meter_watch_end(&meter);
	return rc;
}

static int measure(struct cli *cli, const struct cli_args *args, struct datasets_usage *ret_usage,
                   struct error *err)
{
	const char *id = args_get(args, "id");
	struct datasets *datasets;
	struct dataset dataset;
	struct dataset_version version;
	int rc = cli_open_datasets(cli, &datasets, err);

	if (rc == 0 && !strchr(id, ':')) {
		rc = datasets_find(datasets, id, &dataset, err);
		return rc < 0 ? rc : measure_one(cli, datasets, &dataset, NULL, ret_usage, err);
	}
	if (rc == 0)
		rc = show_find_version(datasets, args, true, &version, err);
	if (rc == 0)
		rc = datasets_find(datasets, version.dataset, &dataset, err);
	if (rc == 0 && !version.committed)
		rc = error_set(err, SLUICE_INVALID, "version '%s:%s' is not committed",
		               version.dataset_name, version.id);
	return rc < 0 ? rc : measure_one(cli, datasets, &dataset, &version, ret_usage, err);
}

static void print_json(const struct datasets_usage *u)
{
	cJSON *out = json_new_obj();

	json_add_int(out, "versions", (int64_t)u->versions);
	json_add_int(out, "files", (int64_t)u->files);
	json_add_int(out, "bytes", (int64_t)u->bytes);
	json_add_int(out, "ownBytes", (int64_t)u->own);
	json_add_int(out, "sharedBytes", (int64_t)u->shared);
	cli_print_json(out);
}

static int run_du(struct cli *cli, const struct cli_args *args)
{
	struct text_table table = TEXT_TABLE_INIT(2);
	struct datasets_usage usage;
	struct error err;
	char size[TEXT_SIZE_LEN];
	char number[24];

	if (measure(cli, args, &usage, &err) < 0)
		return cli_fail(&err);
	if (cli->json) {
		print_json(&usage);
		return CLI_OK;
	}
	(void)snprintf(number, sizeof number, "%" PRIu64, usage.versions);
	text_table_row(&table, "Versions", number);
	(void)snprintf(number, sizeof number, "%" PRIu64, usage.files);
	text_table_row(&table, "Files", number);
	text_table_row(&table, "Size", text_size(usage.bytes, size));
	text_table_row(&table, "Own", text_size(usage.own, size));
	text_table_row(&table, "Shared", text_size(usage.shared, size));
	text_details_print(cli, &table);
	return CLI_OK;
}

static const struct cli_option du_options[] = {
	{ .name = "id",
	  .value = "ID[:VERSION]",
	  .required = true,
	  .help = "The dataset with all its committed versions, or one version as "
	          "DATASET:VERSION or DATASET:TAG.",
	  .complete = COMPLETE_VERSION },
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_datasets_du = {
	.words = "datasets du",
	.arguments = "DATASET[:VERSION]",
	.summary = "Show what a dataset or a version takes, and how much of it others share.",
	.help = "Size is that of all files. Of equal files the store has one: Own is what no other "
		"version in the home needs, and 'store gc' would free after a deletion; Shared is "
		"what others need, too.",
	.first = "id",
	.options = du_options,
	.spends = true,
	.run = run_du,
};
