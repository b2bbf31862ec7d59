/* What differs between two versions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "cli/text.h"
#include "store/diff.h"

enum { DIFFER = 1 }; /* the exit status, as diff(1) has it */

static const struct {
	char letter;
	const char *name; /* in JSON */
	const char *title;
} words[DIFF_WHATS] = {
	[DIFF_ADDED] = { 'A', "added", "Added" },
	[DIFF_REMOVED] = { 'D', "removed", "Removed" },
	[DIFF_CHANGED] = { 'M', "changed", "Changed" },
	[DIFF_RENAMED] = { 'R', "renamed", "Renamed" },
};

struct comparison {
	const struct cli *cli;
	struct dataset_version from, to;
	uint64_t n[DIFF_WHATS], bytes[DIFF_WHATS]; /* bytes of what is there afterwards */
	uint64_t changes;
	diff_fn *put;
	struct meter_watch meter; /* until the first line */
};

/* A link has no content of its own. */
static uint64_t size_of(const struct store_entry *e)
{
	return e->kind == 'l' ? 0 : e->size;
}

static const struct store_entry *subject_of(const struct diff_change *c)
{
	return c->to ? c->to : c->from;
}

static const char *kind_of(const struct store_entry *e)
{
	switch (e->kind) {
	case 'l':
		return "link";
	case 'd':
		return "directory";
	case 'x':
	case 'C':
		return "executable";
	default:
		return "file";
	}
}

/* --- text ------------------------------------------------------------------------------------- */

static void put_path(const struct store_entry *e)
{
	(void)text_put_safe(e->path, stdout);
	if (e->kind == 'd')
		(void)putchar('/');
}

static int put_name(void *arg, const struct diff_change *change)
{
	(void)arg;
	put_path(subject_of(change));
	(void)putchar('\n');
	return 0;
}

/* In brackets: what it was and is, or how large. */
static void put_amount(const struct diff_change *change)
{
	char size[2][TEXT_SIZE_LEN];
	const struct store_entry *a = change->from;
	const struct store_entry *b = change->to;
	const struct store_entry *subject = subject_of(change);

	if (a && b && strcmp(kind_of(a), kind_of(b)) != 0)
		(void)printf(" (%s -> %s)", kind_of(a), kind_of(b));
	else if (subject->kind == 'l')
		(void)printf(" (link)");
	else if (a && b && change->what == DIFF_CHANGED)
		(void)printf(" (%s -> %s)", text_size(size_of(a), size[0]),
		             text_size(size_of(b), size[1]));
	else if (subject->kind != 'd')
		(void)printf(" (%s)", text_size(size_of(subject), size[0]));
}

static int put_line(void *arg, const struct diff_change *change)
{
	(void)arg;
	(void)printf("%c ", words[change->what].letter);
	if (change->what == DIFF_RENAMED) {
		put_path(change->from);
		(void)printf(" -> ");
	}
	put_path(subject_of(change));
	put_amount(change);
	(void)putchar('\n');
	return 0;
}

static int put_nothing(void *arg, const struct diff_change *change)
{
	(void)arg;
	(void)change;
	return 0;
}

static void put_stat(const struct comparison *c)
{
	struct text_table table = TEXT_TABLE_INIT(2);
	char size[TEXT_SIZE_LEN];

	for (size_t i = 0; i < DIFF_WHATS; i++) {
		AUTO_FREE char *text =
			xasprintf("%" PRIu64 " (%s)", c->n[i], text_size(c->bytes[i], size));

		text_table_row(&table, words[i].title, text);
	}
	text_details_print(c->cli, &table);
}

/* --- JSON, written as it comes: there may be a million changes -------------------------------- */

static void put_json(const char *before, cJSON *value /* takes */)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);
	AUTO_FREE char *text = json_print(value);

	text_add_utf8(&sb, text, strlen(text));
	(void)printf("%s%s", before, strbuf_str(&sb));
	cJSON_Delete(value);
}

static cJSON *json_entry(const struct store_entry *e)
{
	cJSON *out = json_new_obj();

	json_add_str(out, "path", e->path);
	json_add_str(out, "kind", kind_of(e));
	json_add_int(out, "size", (int64_t)size_of(e));
	if (e->target)
		json_add_str(out, "target", e->target);
	return out;
}

static int put_json_change(void *arg, const struct diff_change *change)
{
	struct comparison *c = arg;
	cJSON *out = json_new_obj();

	json_add_str(out, "change", words[change->what].name);
	if (change->from)
		json_add(out, "from", json_entry(change->from));
	if (change->to)
		json_add(out, "to", json_entry(change->to));
	put_json(c->changes > 0 ? ",\n    " : "\n    ", out);
	return 0;
}

static cJSON *json_version(const struct dataset_version *v)
{
	cJSON *out = json_new_obj();

	json_add_str(out, "datasetId", v->dataset);
	json_add_str(out, "version", v->id);
	return out;
}

static void put_json_head(const struct comparison *c)
{
	put_json("{\n  \"from\": ", json_version(&c->from));
	put_json(",\n  \"to\": ", json_version(&c->to));
	(void)printf(",\n  \"changes\": [");
}

static void put_json_tail(const struct comparison *c)
{
	cJSON *totals = json_new_obj();

	for (size_t i = 0; i < DIFF_WHATS; i++) {
		cJSON *total = json_new_obj();

		json_add_int(total, "files", (int64_t)c->n[i]);
		json_add_int(total, "bytes", (int64_t)c->bytes[i]);
		json_add(totals, words[i].name, total);
	}
	put_json("],\n  \"totals\": ", totals);
	(void)printf("\n}\n");
}

/* --- the command ------------------------------------------------------------------------------ */

static void begin_output(struct comparison *c)
{
	if (c->put != put_nothing)
		meter_watch_end(&c->meter);
	if (c->put == put_json_change)
		put_json_head(c);
}

static int take_change(void *arg, const struct diff_change *change)
{
	struct comparison *c = arg;
	int rc;

	if (c->changes == 0)
		begin_output(c);
	rc = c->put(c, change);
	c->n[change->what]++;
	c->bytes[change->what] += size_of(subject_of(change));
	c->changes++;
	return rc;
}

static int find_committed(struct datasets *datasets, const char *ref,
                          struct dataset_version *ret_version, struct error *err)
{
	int rc = datasets_resolve(datasets, ref, ret_version, err);

	if (rc == 0 && !ret_version->committed)
		rc = error_set(err, SLUICE_INVALID,
		               "'%s' is not committed yet and can still change: 'sluice datasets "
		               "versions commit %s' commits it",
		               ref, ref);
	return rc < 0 ? rc : datasets_fetch(datasets, ret_version, DATASET_LIST, NULL, err);
}

static int compare(struct cli *cli, const struct cli_args *args, struct comparison *c,
                   struct error *err)
{
	struct diff_how how = { .flags = args_has(args, "no-renames") ? 0 : DIFF_RENAMES };
	struct datasets *datasets;
	int rc;

	if (cli_open_datasets(cli, &datasets, err) < 0 ||
	    find_committed(datasets, args_rest(args, 0), &c->from, err) < 0 ||
	    find_committed(datasets, args_rest(args, 1), &c->to, err) < 0)
		return err->class;
	how.progress = meter_watch_begin_parts(&c->meter, cli, c->to.dataset_name);
	rc = store_diff(datasets_store(datasets), &c->from.manifest, &c->to.manifest, &how,
	                take_change, c, err);
	meter_watch_end(&c->meter);
	return rc < 0 ? error_wrap(err, "cannot compare '%s' with '%s'", args_rest(args, 0),
	                           args_rest(args, 1))
	              : 0;
}

static diff_fn *choose_form(const struct cli *cli, const struct cli_args *args)
{
	if (cli->json)
		return put_json_change;
	if (args_has(args, "stat"))
		return put_nothing;
	return args_has(args, "name-only") ? put_name : put_line;
}

static int run_diff(struct cli *cli, const struct cli_args *args)
{
	struct comparison c = { .cli = cli, .put = choose_form(cli, args) };
	struct error err;

	if (args_has(args, "stat") + args_has(args, "name-only") + cli->json > 1)
		return cli_usage(args, "only one of --stat, --name-only and --json can be given");
	if (compare(cli, args, &c, &err) < 0)
		return cli_fail(&err);
	if (cli->json && c.changes == 0)
		begin_output(&c);
	if (cli->json)
		put_json_tail(&c);
	else if (args_has(args, "stat"))
		put_stat(&c);
	return c.changes > 0 ? DIFFER : CLI_OK;
}

static const struct cli_option diff_options[] = {
	{ .name = "stat",
	  .help = "Print only how many files were added, removed, changed, renamed "
	          "and how large they are." },
	{ .name = "name-only",
	  .help = "Print only the paths of what differs; of what was renamed, the new one." },
	{ .name = "no-renames",
	  .help = "Call what has another path removed and added. This needs no memory for the "
	          "changes." },
	{ .name = "json", .help = "Print JSON, not lines." },
	{ .name = NULL },
};

const struct cli_command cmd_datasets_diff = {
	.words = "datasets diff",
	.arguments = "DATASET[:VERSION] DATASET[:VERSION]",
	.summary = "Show what differs between two committed versions.",
	.help = "Each line begins with A (added), D (removed), M (changed) or R (renamed: the same "
		"content under another path). A directory is listed only where it is empty. "
		"Without a version, the latest is meant. The exit "
		"status is 0 if nothing differs, 1 if something does, 2 or more for trouble.\n"
		"\n"
		"  sluice datasets diff texts:golden texts\n"
		"  sluice datasets diff texts:golden texts --stat",
	.min_rest = 2,
	.max_rest = 2,
	.complete = { COMPLETE_VERSION, COMPLETE_VERSION },
	.options = diff_options,
	.run = run_diff,
};
