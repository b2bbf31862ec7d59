/* All that is known of one version: what it holds, and who made it of what. */
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/text.h"

static void add_count(struct text_table *table, const char *name, uint64_t n)
{
	char text[TEXT_SIZE_LEN];

	(void)snprintf(text, sizeof text, "%" PRIu64, n);
	text_table_row(table, name, text);
}

static void add_content(struct text_table *table, const struct dataset_version *version)
{
	char size[TEXT_SIZE_LEN];
	char hex[DIGEST_HEX_LEN + 1];

	if (!version->committed)
		return;
	add_count(table, "Files", version->files);
	text_table_row(table, "Size", text_size(version->bytes, size));
	text_table_row(table, "Digest", digest_hex(&version->manifest, hex));
}

static void add_times(struct text_table *table, const struct dataset_version *version)
{
	char text[CLOCK_TEXT_SIZE];

	text_table_row(table, "Created", clock_format(version->created_ms, text));
	if (version->committed)
		text_table_row(table, "Committed at", clock_format(version->committed_ms, text));
}

static void add_maker(struct text_table *table, const struct dataset_version *version,
                      const cJSON *inputs)
{
	const cJSON *input;

	if (version->run[0]) {
		text_table_row(table, "Run", version->run);
		text_table_row(table, "Job", version->job);
		add_count(table, "Attempt", (uint64_t)version->attempt);
	}
	cJSON_ArrayForEach(input, inputs) text_table_row(table, "Input", input->valuestring);
}

static void print_details(const struct cli *cli, const struct dataset_version *version,
                          const struct show_tags *tags, const cJSON *inputs)
{
	struct text_table table = TEXT_TABLE_INIT(2);
	AUTO_FREE char *names = show_tags_of(tags, version->id);
	char ref[DS_REF_LEN];

	table.may_wrap = 1U << 1;
	text_table_row(&table, "ID", show_ref(version, ref));
	text_table_row(&table, "Message", version->message);
	text_table_row(&table, "Committed", version->committed ? "true" : "false");
	text_table_row(&table, "Tags", names);
	add_content(&table, version);
	add_times(&table, version);
	add_maker(&table, version, inputs);
	text_details_print(cli, &table);
}

static int push_input(void *arg, const char *ref)
{
	json_push_str(arg, ref);
	return 0;
}

static int load(struct cli *cli, const struct cli_args *args, struct dataset_version *ret_version,
                struct show_tags *ret_tags, cJSON *inputs, struct error *err)
{
	struct datasets *datasets;
	struct dataset dataset;
	int rc = cli_open_datasets(cli, &datasets, err);

	if (rc == 0)
		rc = show_find_version(datasets, args, false, ret_version, err);
	if (rc == 0)
		rc = datasets_each_input(datasets, ret_version, push_input, inputs, err);
	if (rc == 0)
		rc = datasets_find(datasets, ret_version->dataset, &dataset, err);
	return rc < 0 ? rc : show_tags_load(datasets, &dataset, ret_tags, err);
}

static int run_details(struct cli *cli, const struct cli_args *args)
{
	struct dataset_version version;
	struct show_tags tags = { 0 };
	AUTO_JSON cJSON *inputs = json_new_arr();
	struct error err;
	int rc = load(cli, args, &version, &tags, inputs, &err);

	if (rc == 0 && cli->json) {
		cJSON *out = show_json_version(&version, &tags);

		json_add(out, "inputs", take_ptr(&inputs));
		cli_print_json(out);
	} else if (rc == 0) {
		print_details(cli, &version, &tags, inputs);
	}
	show_tags_release(&tags);
	return rc < 0 ? cli_fail(&err) : CLI_OK;
}

static const struct cli_option details_options[] = {
	OPTION_VERSION,
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_versions_details = {
	.words = "datasets versions details",
	.arguments = "DATASET:VERSION",
	.summary = "Show what a version holds, and who made it of what.",
	.first = "id",
	.options = details_options,
	.spends = true,
	.run = run_details,
};
