#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/show.h"
#include "cli/text.h"
#include "dataset/provider.h"

/* --- create -------------------------------------------------------------------------------- */

static int run_create(struct cli *cli, const struct cli_args *args)
{
	const char *provider = args_get(args, "storage-provider-id");
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	struct datasets *datasets;
	struct dataset dataset;
	struct error err;

	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    providers_find(datasets_store(datasets), provider ? provider : "", &p, &err) < 0 ||
	    datasets_create_on(datasets, args_get(args, "name"), args_get(args, "description"),
	                       p.bucket ? p.id : "", &dataset, &err) < 0)
		return cli_fail(&err);
	(void)printf("Created dataset: %s\n", dataset.id);
	return CLI_OK;
}

static const struct cli_option create_options[] = {
	{ .name = "name", .value = "NAME", .required = true, .help = "The new dataset's name." },
	{ .name = "description", .value = "TEXT", .help = "What it holds." },
	{ .name = "storage-provider-id",
	  .other = "storageProviderId",
	  .value = "ID",
	  .help = "Where its bytes live: the id or name of a storage provider; without it, in this "
	          "home (" PROVIDER_MANAGED_ID ").",
	  .complete = COMPLETE_PROVIDER },
	{ .name = NULL },
};

const struct cli_command cmd_datasets_create = {
	.words = "datasets create",
	.arguments = "NAME",
	.summary = "Make a dataset.",
	.help = "The name may also be given by --name. It may hold letters, digits, '.', '_', '-' "
		"and blanks inside, and must not look like an id.",
	.first = "name",
	.options = create_options,
	.run = run_create,
};

/* --- list ---------------------------------------------------------------------------------- */

struct listing {
	struct datasets *datasets;
	struct text_table table;
	struct show_provider provider;
	cJSON *array;
	struct error *err;
};

enum { ENOUGH = 1 };

static int take_newest(void *arg, const struct dataset_version *version)
{
	struct dataset_version *newest = arg;

	*newest = *version;
	return ENOUGH;
}

static int list_row(void *arg, const struct dataset *dataset)
{
	struct listing *l = arg;
	struct dataset_version newest = { .committed = false };
	size_t n_open = 0;
	char size[TEXT_SIZE_LEN] = "";
	char open[24] = "";
	char provider[SHOW_PROVIDER_SIZE];
	char created[TEXT_TIME_LEN];
	int rc = datasets_each_version(l->datasets, dataset, true, take_newest, &newest, l->err);

	if (rc >= 0)
		rc = show_count_open(l->datasets, dataset, &n_open, l->err);
	if (rc < 0)
		return rc;
	if (newest.committed)
		(void)text_size(newest.bytes, size);
	if (n_open > 0)
		(void)snprintf(open, sizeof open, "%zu", n_open);
	show_provider_find(l->datasets, dataset, &l->provider);
	text_table_row(&l->table, dataset->name, dataset->id,
	               show_provider_text(&l->provider, provider), newest.id, size, open,
	               text_time(dataset->created_ms, created));
	return 0;
}

static int list_json(void *arg, const struct dataset *dataset)
{
	struct listing *l = arg;

	show_provider_find(l->datasets, dataset, &l->provider);
	json_push(l->array, show_json_dataset(dataset, &l->provider));
	return 0;
}

static int run_list(struct cli *cli, const struct cli_args *args)
{
	struct error err;
	struct listing l = { .table = TEXT_TABLE_INIT(7), .array = json_new_arr(), .err = &err };
	int rc = cli_open_datasets(cli, &l.datasets, &err);

	(void)args;
	l.table.may_cut = 1U << 0;
	l.table.may_go = "26543";
	text_table_row(&l.table, "Name", "ID", "Storage Provider", "Latest", "Size", "Open",
	               "Created");
	if (rc == 0)
		rc = datasets_each(l.datasets, cli->json ? list_json : list_row, &l, &err);
	return text_end_list(cli, rc, &l.table, l.array, &err);
}

static const struct cli_option list_options[] = {
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_datasets_list = {
	.words = "datasets list",
	.summary = "List the datasets.",
	.help = "Latest and Size are those of the newest committed version, Open counts the versions "
		"that are not committed yet.",
	.options = list_options,
	.spends = true,
	.run = run_list,
};

/* --- details ------------------------------------------------------------------------------- */

static int run_details(struct cli *cli, const struct cli_args *args)
{
	struct text_table table = TEXT_TABLE_INIT(2);
	struct show_provider p = { .id = "" };
	char provider[SHOW_PROVIDER_SIZE];
	struct datasets *datasets;
	struct dataset dataset;
	struct error err;

	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    show_find_dataset(datasets, args, &dataset, &err) < 0)
		return cli_fail(&err);
	show_provider_find(datasets, &dataset, &p);
	if (cli->json) {
		cli_print_json(show_json_dataset(&dataset, &p));
		return CLI_OK;
	}
	table.may_wrap = 1U << 1;
	text_table_row(&table, "Name", dataset.name);
	text_table_row(&table, "ID", dataset.id);
	text_table_row(&table, "Description", dataset.description);
	text_table_row(&table, "StorageProvider", show_provider_text(&p, provider));
	text_details_print(cli, &table);
	return CLI_OK;
}

static const struct cli_option details_options[] = {
	OPTION_DATASET,
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_datasets_details = {
	.words = "datasets details",
	.arguments = "DATASET",
	.summary = "Show one dataset.",
	.first = "id",
	.options = details_options,
	.spends = true,
	.run = run_details,
};
