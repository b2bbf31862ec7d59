/* Reading everything again: what is damaged, and whose it is. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "cli/text.h"

struct verify_cli {
	struct datasets *datasets;
	struct meter_watch meter;
	cJSON *damage; /* with --json */
};

static cJSON *damage_json(const struct datasets_damage *damage)
{
	cJSON *out = json_new_obj();

	json_add_str(out, "dataset", damage->dataset);
	json_add_str(out, "version", damage->version);
	json_add_str(out, "path", damage->path);
	json_add_str(out, "problem", damage->problem);
	return out;
}

static void print_damage(struct datasets *datasets, const struct datasets_damage *damage)
{
	AUTO_STRBUF struct strbuf line = STRBUF_INIT(STRBUF_BIG);
	struct dataset dataset;
	struct error ignored;
	bool named = datasets_find(datasets, damage->dataset, &dataset, &ignored) == 0;

	strbuf_addf(&line, "%s", named ? dataset.name : damage->dataset);
	if (damage->version)
		strbuf_addf(&line, ":%s", damage->version);
	if (damage->path)
		strbuf_addf(&line, " %s", damage->path);
	strbuf_addf(&line, ": %s", damage->problem);
	(void)text_put_safe(strbuf_str(&line), stdout);
	(void)putchar('\n');
}

static void on_damage(void *arg, const struct datasets_damage *damage)
{
	struct verify_cli *v = arg;

	meter_watch_clear(&v->meter);
	if (v->damage)
		json_push(v->damage, damage_json(damage));
	else
		print_damage(v->datasets, damage);
}

static void print_result(const struct datasets_verify_result *r)
{
	char size[TEXT_SIZE_LEN];

	(void)printf("Verified %" PRIu64 " version%s: %" PRIu64 " object%s, %s; ", r->versions,
	             r->versions == 1 ? "" : "s", r->count.objects,
	             r->count.objects == 1 ? "" : "s", text_size(r->count.bytes, size));
	if (r->damage == 0)
		(void)puts("all are whole");
	else
		(void)printf("%" PRIu64 " damaged or missing\n",
		             r->count.damaged ? r->count.damaged : r->damage);
	if (r->elsewhere > 0)
		(void)printf("%" PRIu64
		             " more lie%s in buckets alone: their files are verified when "
		             "they come\n",
		             r->elsewhere, r->elsewhere == 1 ? "s" : "");
}

static void print_result_json(const struct datasets_verify_result *r, cJSON *damage)
{
	cJSON *out = json_new_obj();

	json_add_int(out, "versions", (int64_t)r->versions);
	json_add_int(out, "versionsElsewhere", (int64_t)r->elsewhere);
	json_add_int(out, "objects", (int64_t)r->count.objects);
	json_add_int(out, "bytes", (int64_t)r->count.bytes);
	json_add_int(out, "damagedObjects", (int64_t)r->count.damaged);
	json_add(out, "damage", damage);
	cli_print_json(out);
}

static int verify(struct cli *cli, const struct dataset_version *only, struct datasets *datasets)
{
	struct verify_cli v = { .datasets = datasets, .damage = cli->json ? json_new_arr() : NULL };
	struct datasets_verify_how how = { .only = only, .damage = on_damage, .arg = &v };
	struct datasets_verify_result result;
	struct error err;
	int rc;

	how.progress = meter_watch_begin(&v.meter, cli, only ? only->dataset_name : "the store", 0);
	rc = datasets_verify(datasets, &how, &result, &err);
	meter_watch_end(&v.meter);
	if (rc < 0) {
		cJSON_Delete(v.damage);
		return cli_fail(&err);
	}
	if (cli->json)
		print_result_json(&result, v.damage);
	else
		print_result(&result);
	return result.damage == 0 ? CLI_OK : CLI_BROKEN;
}

static int mend(struct cli *cli, const struct dataset_version *version, struct datasets *datasets,
                struct error *err)
{
	struct meter_watch meter;
	struct store_watch watch = { .warn = meter_watch_warn, .arg = &meter };
	int rc;

	watch.progress = meter_watch_begin(&meter, cli, version->dataset_name, 0);
	rc = datasets_mend(datasets, version, &watch, err);
	meter_watch_end(&meter);
	return rc;
}

static int run_verify(struct cli *cli, const struct cli_args *args)
{
	struct dataset_version version;
	struct datasets *datasets;
	struct error err;
	bool all = args_has(args, "all");

	if (all == args_has(args, "id"))
		return cli_usage(args, "give a DATASET:VERSION, or --all");
	if (all && args_has(args, "mend"))
		return cli_usage(args, "--mend is of one version");
	if (cli_open_datasets(cli, &datasets, &err) < 0)
		return cli_fail(&err);
	if (all)
		return verify(cli, NULL, datasets);
	if (show_find_version(datasets, args, false, &version, &err) < 0)
		return cli_fail(&err);
	if (!version.committed)
		return cli_usage(args, "version '%s:%s' is open: what is committed can be verified",
		                 version.dataset_name, version.id);
	if (args_has(args, "mend") && mend(cli, &version, datasets, &err) < 0)
		return cli_fail(&err);
	return verify(cli, &version, datasets);
}

static const struct cli_option verify_options[] = {
	{ .name = "id",
	  .value = "ID:VERSION",
	  .help = "The version, as DATASET, DATASET:VERSION or DATASET:TAG.",
	  .complete = COMPLETE_VERSION },
	{ .name = "all", .help = "Verify every version, and the records of all datasets." },
	{ .name = "mend", .help = "First send what its bucket lacks and this home has." },
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_store_verify = {
	.words = "store verify",
	.arguments = "[DATASET:VERSION]",
	.summary = "Read and hash again what versions consist of.",
	.help = "Names every file that is damaged or missing, with each version that has it, and "
		"every record that cannot be read.  The exit status is 0 when all are whole and 4 "
		"when something is damaged.  It uses all cores and may run beside anything.  Of one "
		"version in a bucket it also names what that lacks, and what is not here comes from "
		"there first.\n\n"
		"An object is mended by writing the right bytes over it; its name is their SHA-256, "
		"or that of the list of their chunks.",
	.first = "id",
	.options = verify_options,
	.run = run_verify,
};
