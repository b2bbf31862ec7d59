/* Making a home usable again whose catalog or records are damaged. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "engine/left.h"
#include "engine/owner.h"

/* A runner writes to the catalog that it has open. */
static int check_no_runner(const char *home, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/runs", home);
	AUTO_DIR DIR *dir = opendir(path);
	const struct dirent *e;
	enum owner owner;
	int rc = 0;
	int pid;

	while (rc == 0 && dir && (e = readdir(dir))) {
		if (!id_is_uuid(e->d_name))
			continue;
		rc = run_owner(home, e->d_name, &owner, &pid, err);
		if (rc == 0 && owner == OWNER_ALIVE)
			rc = error_set(err, SLUICE_INVALID,
			               "process %d carries out run %s: wait for its end, or stop "
			               "it, before the catalog is made anew",
			               pid, e->d_name);
	}
	return rc;
}

struct recover_cli {
	struct meter_watch meter;
	cJSON *aside, *named; /* with --json */
};

static void on_aside(void *arg, const char *record)
{
	struct recover_cli *r = arg;

	meter_watch_clear(&r->meter);
	if (r->aside)
		json_push_str(r->aside, record);
	else
		(void)printf("Moved aside, because it is damaged: record %s\n", record);
}

static void on_named(void *arg, const char *ds)
{
	struct recover_cli *r = arg;

	meter_watch_clear(&r->meter);
	if (r->named)
		json_push_str(r->named, ds);
	else
		(void)printf("The record with the name of a dataset is lost; it is called %s now\n",
		             ds);
}

static int count_run(void *arg, const struct catalog_run *run)
{
	(void)run;
	++*(uint64_t *)arg;
	return 0;
}

/* Where the catalog was whole, only those that it never knew. */
static int recover_runs(struct cli *cli, const char *home, struct datasets_recovered *result,
                        struct error *err)
{
	struct datasets *datasets;
	struct catalog *catalog;
	uint64_t restored;
	int rc = cli_open_datasets(cli, &datasets, err);

	if (rc < 0)
		return rc;
	catalog = datasets_catalog(datasets);
	rc = left_sweep(catalog, home, !result->catalog.whole, &restored, err);
	result->catalog.runs = 0;
	return rc < 0 ? rc
	              : catalog_each_run(catalog, NULL, NULL, 0, count_run, &result->catalog.runs,
	                                 err);
}

static void print_json(const struct datasets_recovered *result, const struct recover_cli *r)
{
	cJSON *out = json_new_obj();

	json_add_int(out, "datasets", (int64_t)result->datasets);
	json_add_int(out, "runs", (int64_t)result->catalog.runs);
	json_add_bool(out, "historyIsWhole", result->catalog.whole);
	json_add_str(out, "oldCatalog", result->catalog.kept[0] ? result->catalog.kept : NULL);
	json_add(out, "recordsMovedAside", r->aside);
	json_add(out, "datasetsNamedById", r->named);
	cli_print_json(out);
}

static void print(const struct datasets_recovered *result)
{
	(void)printf("Made the catalog anew: %" PRIu64 " dataset%s, %" PRIu64 " run%s\n",
	             result->datasets, result->datasets == 1 ? "" : "s", result->catalog.runs,
	             result->catalog.runs == 1 ? "" : "s");
	if (result->catalog.kept[0])
		(void)printf("The old one is kept as %s in the home\n", result->catalog.kept);
	if (!result->catalog.whole)
		(void)puts("Of the history of runs there is what could be read, and what their "
		           "directories say");
}

static int run_recover(struct cli *cli, const struct cli_args *args)
{
	struct recover_cli r = { .aside = NULL };
	struct datasets_recover_how how = { .aside = on_aside, .named = on_named, .arg = &r };
	struct datasets_recovered result;
	struct error err;
	const char *home;
	int rc;

	(void)args;
	if (cli_home(cli, &home, &err) < 0 || check_no_runner(home, &err) < 0)
		return cli_fail(&err);
	r.aside = cli->json ? json_new_arr() : NULL;
	r.named = cli->json ? json_new_arr() : NULL;
	how.progress = meter_watch_begin_parts(&r.meter, cli, "store recover");
	rc = datasets_recover(home, &how, &result, &err);
	meter_watch_end(&r.meter);
	if (rc == 0)
		rc = recover_runs(cli, home, &result, &err);
	if (rc < 0) {
		cJSON_Delete(r.aside);
		cJSON_Delete(r.named);
		return cli_fail(&err);
	}
	if (cli->json)
		print_json(&result, &r);
	else
		print(&result);
	return CLI_OK;
}

static const struct cli_option recover_options[] = {
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_store_recover = {
	.words = "store recover",
	.summary = "Make the catalog anew from the records in the store.",
	.help = "For a home whose catalog is damaged or missing.  Datasets, versions and tags come "
		"from their records; of the history of runs all that can be read is kept, and what "
		"is missing comes from the directories of the runs.  The old catalog stays beside "
		"the new one.  Records that are damaged are moved aside and "
		"named.  No run may be under way.",
	.options = recover_options,
	.run = run_recover,
};
