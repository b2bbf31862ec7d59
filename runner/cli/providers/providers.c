/* Storage providers as they are shown, and their end. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/show.h"
#include "cli/text.h"
#include "dataset/provider.h"

/* --- what is told of one --------------------------------------------------------------------- */

static const char *type_of(const struct provider *p)
{
	return p->bucket ? "s3" : "managed";
}

struct config_line {
	const char *key, *value;
};
enum { CONFIG_MOST = 6, CONFIG_SHOWN = 5 };

/* What there is, by its key; *ret_n lines of it. */
static void config_of(const struct provider *p, struct config_line line[CONFIG_MOST], size_t *ret_n)
{
	const struct config_line all[CONFIG_MOST] = {
		{ "accessKey", p->key_id },
		{ "bucket", p->bucket },
		{ "endpoint", p->endpoint },
		{ "prefix", p->prefix && p->prefix[0] ? p->prefix : NULL },
		{ "region", p->region },
		{ "secretAccessKey", p->secret ? "********" : NULL },
	};
	size_t n = 0;

	for (size_t i = 0; i < CONFIG_MOST; i++)
		if (all[i].value)
			line[n++] = all[i];
	*ret_n = n;
}

static cJSON *json_provider(const struct provider *p)
{
	cJSON *out = json_new_obj();
	cJSON *config = json_new_obj();
	struct config_line line[CONFIG_MOST];
	size_t n;

	json_add_str(out, "id", p->id);
	json_add_str(out, "type", type_of(p));
	json_add_str(out, "name", p->name);
	config_of(p, line, &n);
	for (size_t i = 0; i < n; i++)
		json_add_str(config, line[i].key, line[i].value);
	json_add(out, "config", config);
	show_json_add_time(out, "dtCreated", p->created_ms);
	show_json_add_time(out, "dtModified", p->modified_ms);
	json_add_bool(out, "isTeamDefault", !p->bucket);
	json_add_bool(out, "isGradientManaged", !p->bucket);
	return out;
}

/* --- list ------------------------------------------------------------------------------------ */

struct listing {
	struct text_table table;
	cJSON *array;
};

/* A line of the configuration is a row, the first one with what it is of. */
static int list_rows(void *arg, const struct provider *p)
{
	struct listing *l = arg;
	struct config_line line[CONFIG_MOST];
	size_t n;

	config_of(p, line, &n);
	for (size_t i = 0; i == 0 || (i < n && i <= CONFIG_SHOWN); i++) {
		char text[128] = "";

		if (i == CONFIG_SHOWN)
			(void)snprintf(text, sizeof text, "...");
		else if (i < n)
			(void)snprintf(text, sizeof text, "%s: %s", line[i].key, line[i].value);
		if (i == 0)
			text_table_row(&l->table, p->name, p->id, type_of(p), text);
		else
			text_table_row(&l->table, "", "", "", text);
	}
	return 0;
}

static int list_json(void *arg, const struct provider *p)
{
	struct listing *l = arg;

	json_push(l->array, json_provider(p));
	return 0;
}

static int run_list(struct cli *cli, const struct cli_args *args)
{
	struct listing l = { .table = TEXT_TABLE_INIT(4), .array = json_new_arr() };
	struct datasets *datasets;
	struct error err;
	int rc = cli_open_datasets(cli, &datasets, &err);

	(void)args;
	l.table.may_cut = 1U << 0 | 1U << 3;
	text_table_row(&l.table, "Name", "ID", "Type", "Config");
	if (rc == 0)
		rc = providers_each(datasets_store(datasets), cli->json ? list_json : list_rows, &l,
		                    &err);
	return text_end_list(cli, rc, &l.table, l.array, &err);
}

static const struct cli_option list_options[] = {
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_providers_list = {
	.words = "storageProviders list",
	.summary = "List the storage providers.",
	.help = "'" PROVIDER_MANAGED_NAME
		"' is this home's own store and always there; the others are "
		"buckets that were connected with 'sluice storageProviders create s3'.",
	.options = list_options,
	.spends = true,
	.run = run_list,
};

/* --- details --------------------------------------------------------------------------------- */

static void print_details(const struct cli *cli, const struct provider *p)
{
	struct text_table table = TEXT_TABLE_INIT(2);
	struct config_line line[CONFIG_MOST];
	size_t n;

	table.may_wrap = 1U << 1;
	text_table_row(&table, "Name", p->name);
	text_table_row(&table, "ID", p->id);
	text_table_row(&table, "Type", type_of(p));
	config_of(p, line, &n);
	for (size_t i = 0; i == 0 || i < n; i++) {
		struct strbuf text = STRBUF_INIT(STRBUF_BIG);

		if (i < n)
			strbuf_addf(&text, "%s: %s", line[i].key, line[i].value);
		text_table_row(&table, i == 0 ? "Config" : "", strbuf_str(&text));
		strbuf_release(&text);
	}
	text_details_print(cli, &table);
}

static int run_details(struct cli *cli, const struct cli_args *args)
{
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	struct datasets *datasets;
	struct error err;

	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    providers_find(datasets_store(datasets), args_get(args, "id"), &p, &err) < 0)
		return cli_fail(&err);
	if (cli->json)
		cli_print_json(json_provider(&p));
	else
		print_details(cli, &p);
	return CLI_OK;
}

static const struct cli_option details_options[] = {
	{ .name = "id",
	  .value = "ID",
	  .required = true,
	  .help = "The storage provider: its id or name.",
	  .complete = COMPLETE_PROVIDER },
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_providers_details = {
	.words = "storageProviders details",
	.arguments = "PROVIDER",
	.summary = "Show one storage provider.",
	.help = "The secret access key is never shown.",
	.first = "id",
	.options = details_options,
	.spends = true,
	.run = run_details,
};

/* --- delete ---------------------------------------------------------------------------------- */

static int run_delete(struct cli *cli, const struct cli_args *args)
{
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	struct datasets *datasets;
	struct error err;

	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    providers_find(datasets_store(datasets), args_get(args, "id"), &p, &err) < 0 ||
	    (args_has(args, "forget-datasets") &&
	     providers_forget_datasets(datasets, p.id, &err) < 0) ||
	    providers_delete(datasets, p.id, &err) < 0)
		return cli_fail(&err);
	(void)printf("Deleted storage provider: %s\n", p.id);
	return CLI_OK;
}

static const struct cli_option delete_options[] = {
	{ .name = "id",
	  .value = "ID",
	  .required = true,
	  .help = "The storage provider: its id or name.",
	  .complete = COMPLETE_PROVIDER },
	{ .name = "forget-datasets",
	  .other = "forgetDatasets",
	  .help = "Forget its datasets here as well; whoever connects the bucket again has them." },
	{ .name = NULL },
};

const struct cli_command cmd_providers_delete = {
	.words = "storageProviders delete",
	.arguments = "PROVIDER",
	.summary = "Forget a storage provider.",
	.help = "Refused while datasets are on it, unless they are to be forgotten here.  Nothing in the "
		"bucket is touched.",
	.first = "id",
	.options = delete_options,
	.run = run_delete,
};
