/* What is said of a dataset or a version, changed: never what a version holds. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/show.h"

/* --- datasets update -------------------------------------------------------------------------- */

static int run_dataset(struct cli *cli, const struct cli_args *args)
{
	const char *name = args_get(args, "name");
	const char *description = args_get(args, "description");
	struct datasets *datasets;
	struct dataset dataset;
	struct error err;

	if (!name && !description)
		return cli_usage(args, "there is nothing to change: give --name or --description");
	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    show_find_dataset(datasets, args, &dataset, &err) < 0 ||
	    datasets_update(datasets, &dataset, name, description, &err) < 0)
		return cli_fail(&err);
	(void)printf("Updated dataset: %s\n", dataset.id);
	return CLI_OK;
}

static const struct cli_option dataset_options[] = {
	OPTION_DATASET,
	{ .name = "name", .value = "NAME", .help = "Its new name." },
	{ .name = "description", .value = "TEXT", .help = "What it holds." },
	{ .name = NULL },
};

const struct cli_command cmd_datasets_update = {
	.words = "datasets update",
	.arguments = "DATASET",
	.summary = "Rename a dataset, or describe it anew.",
	.help = "Its id, its versions and its tags stay.  Workflows find it by its new name from then "
		"on; a run that has started keeps the dataset it found.",
	.first = "id",
	.options = dataset_options,
	.run = run_dataset,
};

/* --- versions update -------------------------------------------------------------------------- */

static int run_version(struct cli *cli, const struct cli_args *args)
{
	const char *message = args_get(args, "message");
	struct datasets *datasets;
	struct dataset_version version;
	struct error err;
	char ref[DS_REF_LEN];

	if (!message)
		return cli_usage(args, "there is nothing to change: give --message");
	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    show_find_version(datasets, args, true, &version, &err) < 0 ||
	    datasets_set_message(datasets, &version, message, &err) < 0)
		return cli_fail(&err);
	(void)printf("Updated dataset version: %s\n", show_ref(&version, ref));
	return CLI_OK;
}

static const struct cli_option version_options[] = {
	OPTION_EXACT_VERSION,
	OPTION_MESSAGE,
	{ .name = NULL },
};

const struct cli_command cmd_versions_update = {
	.words = "datasets versions update",
	.arguments = "DATASET:VERSION --message TEXT",
	.summary = "Give a version another message.",
	.help = "The message is a note about a version and no part of it: the files of a committed one "
		"never change.",
	.first = "id",
	.options = version_options,
	.run = run_version,
};
