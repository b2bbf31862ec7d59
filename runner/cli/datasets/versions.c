#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/datasets/put.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "cli/text.h"

/* --- create -------------------------------------------------------------------------------- */

static int run_create(struct cli *cli, const struct cli_args *args)
{
	struct put_sources s = { .path = args_all(args, "source-path", &s.n) };

	return put_new_version(cli, args, &s);
}

static const struct cli_option create_options[] = {
	OPTION_DATASET,
	OPTION_MESSAGE,
	{ .name = "source-path",
	  .other = "sourcePath",
	  .value = "PATH",
	  .repeatable = true,
	  .help = PUT_SOURCE_HELP " The version is committed then.",
	  .complete = COMPLETE_FILE },
	OPTION_TARGET_PATH,
	OPTION_UNPACK,
	OPTION_SHA256,
	{ .name = NULL },
};

const struct cli_command cmd_versions_create = {
	.words = "datasets versions create",
	.arguments = "DATASET",
	.summary = "Open a new version; with --source-path, fill and commit it.",
	.first = "id",
	.options = create_options,
	.run = run_create,
};

/* --- list ---------------------------------------------------------------------------------- */

struct listing {
	struct text_table table;
	struct show_tags tags;
	cJSON *array;
};

static int list_row(void *arg, const struct dataset_version *version)
{
	struct listing *l = arg;
	char ref[DS_REF_LEN];
	char time[TEXT_TIME_LEN];
	char files[24];
	char size[TEXT_SIZE_LEN];
	AUTO_FREE char *tags = show_tags_of(&l->tags, version->id);

	(void)snprintf(files, sizeof files, "%" PRIu64, version->files);
	text_table_row(
		&l->table, show_ref(version, ref), version->message, tags,
		text_time(version->committed ? version->committed_ms : version->created_ms, time),
		version->committed ? files : "",
		version->committed ? text_size(version->bytes, size) : "");
	return 0;
}

static int list_json(void *arg, const struct dataset_version *version)
{
	struct listing *l = arg;

	json_push(l->array, show_json_version(version, &l->tags));
	return 0;
}

/* Who looks for what was not committed would not find it here. */
static int note_open(struct cli *cli, const struct dataset *dataset, struct error *err)
{
	size_t n = 0;
	int rc = show_count_open(cli->datasets, dataset, &n, err);

	if (rc == 0 && n > 0)
		cli_note(cli,
		         "%zu version%s not committed: 'sluice datasets versions list %s "
		         "--is-committed false' shows %s",
		         n, n == 1 ? " is" : "s are", dataset->name, n == 1 ? "it" : "them");
	return rc;
}

static int list_versions(struct cli *cli, const struct cli_args *args, struct listing *l,
                         struct error *err)
{
	struct datasets *datasets;
	struct dataset dataset;
	bool committed;

	if (args_bool(args, "is-committed", true, &committed, err) < 0 ||
	    cli_open_datasets(cli, &datasets, err) < 0 ||
	    show_find_dataset(datasets, args, &dataset, err) < 0 ||
	    show_tags_load(datasets, &dataset, &l->tags, err) < 0)
		return err->class;
	text_table_row(&l->table, "ID", "Message", "Tags", committed ? "Committed" : "Created",
	               "Files", "Size");
	if (committed && !cli->json && note_open(cli, &dataset, err) < 0)
		return err->class;
	return datasets_each_version(datasets, &dataset, committed,
	                             cli->json ? list_json : list_row, l, err);
}

static int run_list(struct cli *cli, const struct cli_args *args)
{
	struct listing l = { .table = TEXT_TABLE_INIT(6), .array = json_new_arr() };
	struct error err;
	int rc;

	l.table.may_cut = 1U << 1 | 1U << 2;
	l.table.may_go = "4532";
	rc = list_versions(cli, args, &l, &err);
	show_tags_release(&l.tags);
	return text_end_list(cli, rc, &l.table, l.array, &err);
}

static const struct cli_option list_options[] = {
	OPTION_DATASET,
	{ .name = "is-committed",
	  .other = "isCommitted",
	  .value = "BOOL",
	  .help = "true (the default): committed versions; false: open ones.",
	  .complete = COMPLETE_BOOL },
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_versions_list = {
	.words = "datasets versions list",
	.arguments = "DATASET",
	.summary = "List the versions of a dataset, newest first.",
	.first = "id",
	.options = list_options,
	.spends = true,
	.run = run_list,
};

/* --- commit -------------------------------------------------------------------------------- */

static int run_commit(struct cli *cli, const struct cli_args *args)
{
	char ref[DS_REF_LEN];
	struct datasets *datasets;
	struct dataset_version version = { 0 };
	struct error err;
	struct meter_watch meter;
	struct store_watch watch = { .warn = meter_watch_warn, .arg = &meter };
	int rc = cli_open_datasets(cli, &datasets, &err);

	if (rc == 0)
		rc = show_find_version(datasets, args, true, &version, &err);
	if (rc < 0)
		return cli_fail(&err);
	watch.progress = meter_watch_begin(&meter, cli, version.dataset_name, 0);
	rc = version.committed ? SLUICE_EXISTS
	                       : datasets_commit(datasets, &version, NULL, &watch, &err);
	meter_watch_end(&meter);
	if (rc == SLUICE_EXISTS) {
		(void)puts("Dataset version already committed");
		return CLI_OK;
	}
	if (rc < 0)
		return cli_fail(&err);
	(void)printf("Committed dataset version: %s\n", show_ref(&version, ref));
	return CLI_OK;
}

static const struct cli_option commit_options[] = {
	OPTION_OPEN_VERSION,
	{ .name = NULL },
};

const struct cli_command cmd_versions_commit = {
	.words = "datasets versions commit",
	.arguments = "DATASET:VERSION",
	.summary = "Commit an open version: from then on it never changes.",
	.first = "id",
	.options = commit_options,
	.run = run_commit,
};
