/* The versions of a dataset, as git log shows commits. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/text.h"

struct logging {
	struct show_tags tags;
	cJSON *array; /* NULL: text */
	bool oneline;
	bool any;
	uint64_t left; /* so many may still be shown */
};

enum { ENOUGH = 1 }; /* ends the walk */

/* --- text ------------------------------------------------------------------------------------- */

static void put_version(const struct dataset_version *v, size_t len)
{
	(void)printf("%s:%.*s", v->dataset_name, (int)len, v->id);
}

static void put_tags(const struct logging *l, const struct dataset_version *v)
{
	AUTO_FREE char *tags = show_tags_of(&l->tags, v->id);

	if (tags[0])
		(void)printf(" (%s)", tags);
}

static void put_field(const char *name, const char *value)
{
	(void)printf("%-8s", name);
	(void)text_put_safe(value, stdout);
	(void)putchar('\n');
}

static void put_maker(const struct dataset_version *v)
{
	if (v->run[0])
		(void)printf("Run:    %s, job %s, attempt %d\n", v->run, v->job, v->attempt);
}

/* A line as it is, indented; tabs and other control characters are escaped. */
static void put_message(const char *message)
{
	while (*message) {
		size_t len = strcspn(message, "\n");
		AUTO_STRBUF struct strbuf line = STRBUF_INIT(STRBUF_BIG);

		text_add_safe(&line, message, len);
		(void)printf("\n    %s", strbuf_str(&line));
		message += len + (message[len] == '\n');
	}
	(void)putchar('\n');
}

static void put_long(struct logging *l, const struct dataset_version *v)
{
	char when[CLOCK_TEXT_SIZE];
	char size[TEXT_SIZE_LEN];

	if (l->any)
		(void)putchar('\n');
	(void)printf("version ");
	put_version(v, sizeof v->id);
	put_tags(l, v);
	(void)putchar('\n');
	put_field("Date:", clock_format(v->committed_ms, when));
	put_maker(v);
	(void)printf("Files:  %" PRIu64 " (%s)\n", v->files, text_size(v->bytes, size));
	if (v->message[0])
		put_message(v->message);
}

static void put_oneline(const struct logging *l, const struct dataset_version *v)
{
	AUTO_STRBUF struct strbuf line = STRBUF_INIT(STRBUF_BIG);

	text_add_safe(&line, v->message, strcspn(v->message, "\n"));
	(void)printf("%s", v->id);
	put_tags(l, v);
	(void)printf("%s%s\n", line.len > 0 ? " " : "", strbuf_str(&line));
}

/* --- the command ------------------------------------------------------------------------------ */

static int take_version(void *arg, const struct dataset_version *v)
{
	struct logging *l = arg;

	if (l->left-- == 0)
		return ENOUGH;
	if (l->array)
		json_push(l->array, show_json_version(v, &l->tags));
	else if (l->oneline)
		put_oneline(l, v);
	else
		put_long(l, v);
	l->any = true;
	return 0;
}

static int put_log(struct cli *cli, const struct cli_args *args, struct logging *l,
                   struct error *err)
{
	struct datasets *datasets;
	struct dataset dataset;
	int rc;

	if (cli_open_datasets(cli, &datasets, err) < 0 ||
	    show_find_dataset(datasets, args, &dataset, err) < 0 ||
	    show_tags_load(datasets, &dataset, &l->tags, err) < 0)
		return err->class;
	rc = datasets_each_version(datasets, &dataset, true, take_version, l, err);
	return rc == ENOUGH ? 0 : rc;
}

static int run_log(struct cli *cli, const struct cli_args *args)
{
	const char *limit = args_get(args, "limit");
	AUTO_JSON cJSON *array = cli->json ? json_new_arr() : NULL;
	struct logging l = {
		.array = array,
		.oneline = args_has(args, "oneline"),
		.left = UINT64_MAX,
	};
	struct error err;
	int rc;

	if (limit && !parse_u64(limit, UINT64_MAX, &l.left))
		return cli_usage(args, "--limit is a whole number, not '%s'", limit);
	rc = put_log(cli, args, &l, &err);
	show_tags_release(&l.tags);
	if (rc == 0 && array)
		cli_print_json(take_ptr(&array));
	return rc < 0 ? cli_fail(&err) : CLI_OK;
}

static const struct cli_option log_options[] = {
	OPTION_DATASET,
	{ .name = "limit", .letter = 'n', .value = "N", .help = "Only the newest N." },
	{ .name = "oneline",
	  .help = "A line for each: its id, tags and what its message begins with." },
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_datasets_log = {
	.words = "datasets log",
	.arguments = "DATASET",
	.summary = "Show the committed versions, newest first: when, who made them, and why.",
	.help = "A version that a run made names the run, the job and its attempt.",
	.first = "id",
	.options = log_options,
	.spends = true,
	.run = run_log,
};
