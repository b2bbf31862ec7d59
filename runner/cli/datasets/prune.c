/* Retention of versions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "cli/text.h"

struct prune_cli {
	struct cli *cli;
	struct datasets *datasets;
	struct datasets_prune_how how;
	struct text_table table;
	cJSON *versions; /* with --json */
	uint64_t kept, gone;
	struct error *err;
};

static cJSON *version_json(const struct dataset_version *v, const char *why)
{
	cJSON *out = json_new_obj();
	char ref[DS_REF_LEN];

	json_add_str(out, "version", show_ref(v, ref));
	json_add_str(out, "dataset", v->dataset_name);
	show_json_add_time(out, "dtCommitted", v->committed_ms);
	json_add_int(out, "bytes", (int64_t)v->bytes);
	json_add_bool(out, "kept", why != NULL);
	json_add_str(out, "why", why);
	return out;
}

static void on_seen(void *arg, const struct dataset_version *v, const char *why)
{
	struct prune_cli *p = arg;
	char ref[DS_REF_LEN];
	char when[CLOCK_TEXT_SIZE];

	*(why ? &p->kept : &p->gone) += 1;
	if (p->versions) {
		json_push(p->versions, version_json(v, why));
		return;
	}
	(void)clock_format(v->committed_ms, when);
	text_table_row(&p->table, v->dataset_name, show_ref(v, ref), when,
	               why              ? "kept"
	               : p->how.dry_run ? "would go"
	                                : "deleted",
	               why);
}

/* The datasets first: what is walked must not change. */
struct chosen {
	struct dataset *dataset;
	size_t n, cap;
};

static int choose(void *arg, const struct dataset *dataset)
{
	struct chosen *c = arg;

	c->dataset = xgrow(c->dataset, c->n, &c->cap, sizeof *c->dataset);
	c->dataset[c->n++] = *dataset;
	return 0;
}

static int choose_all(struct datasets *datasets, const struct cli_args *args, struct chosen *chosen,
                      struct error *err)
{
	struct dataset dataset;
	int rc = 0;

	if (args_has(args, "all"))
		return datasets_each(datasets, choose, chosen, err);
	for (size_t i = 0; rc == 0 && i < args_n_rest(args); i++) {
		rc = datasets_find(datasets, args_rest(args, i), &dataset, err);
		if (rc == 0)
			rc = choose(chosen, &dataset);
	}
	return rc;
}

static int expect(void *arg, const struct dataset_version *v)
{
	(void)v;
	progress_expect(arg, 1);
	return 0;
}

static int prune_all(struct prune_cli *p, const struct chosen *chosen)
{
	struct meter_watch meter;
	int rc = 0;

	p->how.progress = meter_watch_begin_parts(&meter, p->cli, "versions");
	for (size_t i = 0; rc == 0 && p->how.progress && i < chosen->n; i++)
		rc = datasets_each_version(p->datasets, &chosen->dataset[i], true, expect,
		                           p->how.progress, p->err);
	for (size_t i = 0; rc == 0 && i < chosen->n; i++)
		rc = datasets_prune(p->datasets, &chosen->dataset[i], &p->how, p->err);
	meter_watch_end(&meter);
	return rc;
}

static int prune_chosen(struct prune_cli *p, const struct cli_args *args)
{
	struct chosen chosen = { 0 };
	int rc = cli_open_datasets(p->cli, &p->datasets, p->err);

	if (rc == 0)
		rc = choose_all(p->datasets, args, &chosen, p->err);
	if (rc == 0)
		rc = prune_all(p, &chosen);
	free(chosen.dataset);
	return rc;
}

static int read_rules(const struct cli_args *args, struct datasets_prune_how *how,
                      struct error *err)
{
	const char *last = args_get(args, "keep-last");
	const char *within = args_get(args, "keep-within");
	int64_t ms = 0;

	if (!last && !within && !args_has(args, "keep-tagged"))
		return error_set(err, SLUICE_INVALID,
		                 "say what to keep: --keep-last, --keep-within or --keep-tagged");
	if (last && (!parse_u64(last, INT64_MAX, &how->keep_last) || how->keep_last == 0))
		return error_set(err, SLUICE_INVALID,
		                 "--keep-last takes a number from 1 on, not '%s'", last);
	if (within && !parse_duration(within, &ms))
		return error_set(err, SLUICE_INVALID,
		                 "--keep-within takes a time such as 12h, 30d or 8w, not '%s'",
		                 within);
	if (within)
		how->keep_since_ms = ms < clock_wall_ms() ? clock_wall_ms() - ms : 1;
	how->dry_run = args_has(args, "dry-run");
	how->tagged_too = args_has(args, "force") && !args_has(args, "keep-tagged");
	return 0;
}

static void print_json(struct prune_cli *p)
{
	cJSON *out = json_new_obj();

	json_add_bool(out, "dryRun", p->how.dry_run);
	json_add_int(out, "kept", (int64_t)p->kept);
	json_add_int(out, "deleted", (int64_t)p->gone);
	json_add(out, "versions", p->versions);
	cli_print_json(out);
}

static void print(struct prune_cli *p)
{
	text_table_print(p->cli, &p->table);
	(void)printf("%s %" PRIu64 " version%s, kept %" PRIu64 "\n",
	             p->how.dry_run ? "Would delete" : "Deleted", p->gone, p->gone == 1 ? "" : "s",
	             p->kept);
	if (p->gone > 0 && !p->how.dry_run)
		cli_note(p->cli, "'sluice store gc' brings their disk space back");
}

static int run_prune(struct cli *cli, const struct cli_args *args)
{
	struct error err;
	struct prune_cli p = {
		.cli = cli,
		.how = { .seen = on_seen, .arg = &p },
		.table = TEXT_TABLE_INIT(5),
		.err = &err,
	};

	if (args_has(args, "all") == (args_n_rest(args) > 0))
		return cli_usage(args, "name datasets, or give --all");
	if (read_rules(args, &p.how, &err) < 0)
		return cli_usage(args, "%s", err.msg);
	p.versions = cli->json ? json_new_arr() : NULL;
	p.table.may_cut = 1U << 0;
	p.table.may_wrap = 1U << 4;
	p.table.may_go = "204";
	text_table_row(&p.table, "Dataset", "Version", "Committed", "", "Because of");
	if (prune_chosen(&p, args) < 0) {
		cJSON_Delete(p.versions);
		text_table_release(&p.table);
		return cli_fail(&err);
	}
	if (cli->json) {
		print_json(&p);
		text_table_release(&p.table);
	} else {
		print(&p);
	}
	return CLI_OK;
}

static const struct cli_option prune_options[] = {
	{ .name = "all", .help = "Prune every dataset." },
	{ .name = "keep-last", .value = "N", .help = "Keep the N newest versions." },
	{ .name = "keep-within",
	  .value = "TIME",
	  .help = "Keep versions committed within this time: 12h, 30d, 8w." },
	{ .name = "keep-tagged",
	  .help = "Keep versions that a tag names.  They stay without it, too, unless --force is "
	          "given." },
	{ .name = "force", .help = "Delete versions although tags name them, with the tags." },
	{ .name = "dry-run", .help = "Say what would go and what stays, and change nothing." },
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_datasets_prune = {
	.words = "datasets prune",
	.arguments = "DATASET...",
	.summary = "Delete old versions by rules, and say what stays and why.",
	.help = "A version stays if any rule keeps it.  The newest version of a dataset always stays, "
		"and so does what a run that has not ended reads or makes.  Open versions are left "
		"alone.  The disk space comes back with 'sluice store gc'.",
	.max_rest = CLI_MANY,
	.complete = { COMPLETE_DATASET, COMPLETE_DATASET },
	.options = prune_options,
	.spends = true,
	.run = run_prune,
};
