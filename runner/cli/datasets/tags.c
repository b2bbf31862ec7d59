#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/text.h"

/* --- set ----------------------------------------------------------------------------------- */

static int run_set(struct cli *cli, const struct cli_args *args)
{
	const char *name = args_get(args, "name");
	struct datasets *datasets;
	struct dataset_version version;
	struct error err;

	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    show_find_version(datasets, args, true, &version, &err) < 0 ||
	    datasets_set_tag(datasets, &version, name, &err) < 0)
		return cli_fail(&err);
	(void)printf("Set dataset tag: %s:", version.dataset);
	(void)text_put_safe(name, stdout);
	(void)putchar('\n');
	return CLI_OK;
}

static const struct cli_option set_options[] = {
	{ .name = "id",
	  .value = "ID:VERSION",
	  .required = true,
	  .help = "The committed version, as DATASET:VERSION or DATASET:TAG.",
	  .complete = COMPLETE_VERSION },
	{ .name = "name", .value = "NAME", .required = true, .help = "The tag." },
	{ .name = NULL },
};

const struct cli_command cmd_tags_set = {
	.words = "datasets tags set",
	.arguments = "DATASET:VERSION --name NAME",
	.summary = "Give a version a name, or move a name to it.",
	.first = "id",
	.options = set_options,
	.run = run_set,
};

/* --- list ---------------------------------------------------------------------------------- */

struct listing {
	struct text_table table;
	cJSON *array;
};

static int list_row(void *arg, const char *tag, const struct dataset_version *version)
{
	struct listing *l = arg;
	char ref[DS_REF_LEN];

	text_table_row(&l->table, show_ref(version, ref), tag);
	return 0;
}

static int list_json(void *arg, const char *tag, const struct dataset_version *version)
{
	struct listing *l = arg;
	cJSON *out = json_new_obj();
	cJSON *points_to = json_new_obj();

	json_add_str(out, "name", tag);
	json_add_str(out, "datasetId", version->dataset);
	json_add_str(points_to, "version", version->id);
	json_add_str(points_to, "message", version->message[0] ? version->message : NULL);
	json_add(out, "version", points_to);
	json_push(l->array, out);
	return 0;
}

static int run_list(struct cli *cli, const struct cli_args *args)
{
	struct listing l = { .table = TEXT_TABLE_INIT(2), .array = json_new_arr() };
	struct datasets *datasets;
	struct dataset dataset;
	struct error err;
	int rc = cli_open_datasets(cli, &datasets, &err);

	l.table.may_cut = 1U << 1;
	text_table_row(&l.table, "ID", "Name");
	if (rc == 0)
		rc = show_find_dataset(datasets, args, &dataset, &err);
	if (rc == 0)
		rc = datasets_each_tag(datasets, &dataset, cli->json ? list_json : list_row, &l,
		                       &err);
	return text_end_list(cli, rc, &l.table, l.array, &err);
}

static const struct cli_option list_options[] = {
	OPTION_DATASET,
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_tags_list = {
	.words = "datasets tags list",
	.arguments = "DATASET",
	.summary = "List the tags of a dataset.",
	.first = "id",
	.options = list_options,
	.spends = true,
	.run = run_list,
};

/* --- delete -------------------------------------------------------------------------------- */

static int run_delete(struct cli *cli, const struct cli_args *args)
{
	const char *id = args_get(args, "id");
	const char *colon = strchr(id, ':');
	const char *tag = colon ? colon + 1 : args_get(args, "name");
	AUTO_FREE char *name = xstrndup(id, strcspn(id, ":"));
	struct datasets *datasets;
	struct dataset dataset;
	struct error err;

	if (colon && args_has(args, "name"))
		return cli_usage(args, "the tag is named twice: by --name and in '%s'", id);
	if (!tag)
		return cli_usage(args, "The '--id' option is missing the tag (ex: %s:NAME)", id);
	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    datasets_find(datasets, name, &dataset, &err) < 0 ||
	    datasets_delete_tag(datasets, &dataset, tag, &err) < 0)
		return cli_fail(&err);
	(void)printf("Deleted dataset tag: %s:", dataset.id);
	(void)text_put_safe(tag, stdout);
	(void)putchar('\n');
	return CLI_OK;
}

static const struct cli_option delete_options[] = {
	{ .name = "id",
	  .value = "ID:TAG",
	  .required = true,
	  .help = "The tag, as DATASET:TAG; or the dataset, with --name.",
	  .complete = COMPLETE_TAG },
	{ .name = "name", .value = "NAME", .help = "The tag." },
	{ .name = NULL },
};

const struct cli_command cmd_tags_delete = {
	.words = "datasets tags delete",
	.arguments = "DATASET:TAG",
	.summary = "Take a name away; the version stays.",
	.first = "id",
	.options = delete_options,
	.spends = true,
	.run = run_delete,
};
