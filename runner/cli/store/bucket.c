#include "cli/store/bucket.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/text.h"
#include "dataset/provider.h"

#define GRACE_DEFAULT "14d"
#define DAY_MS        ((int64_t)24 * 3600 * 1000)

static void print_json(const struct provider *p, const struct bucket_gc_result *r, bool dry_run)
{
	cJSON *out = json_new_obj();

	json_add_str(out, "storageProviderId", p->id);
	json_add_bool(out, "dryRun", dry_run);
	json_add_int(out, "objects", (int64_t)r->objects);
	json_add_int(out, "bytes", (int64_t)r->bytes);
	json_add_int(out, "youngObjects", (int64_t)r->young);
	json_add_int(out, "youngBytes", (int64_t)r->young_bytes);
	cli_print_json(out);
}

static void print(const struct provider *p, const struct bucket_gc_result *r, const char *grace,
                  bool dry_run)
{
	char size[TEXT_SIZE_LEN];

	(void)printf("%s %s in bucket '%s': %" PRIu64 " object%s\n",
	             dry_run ? "Would free" : "Freed", text_size(r->bytes, size), p->bucket,
	             r->objects, r->objects == 1 ? "" : "s");
	if (r->young > 0)
		(void)printf(
			"  %s more in %" PRIu64 " object%s that no version needs, for less than "
			"%s\n",
			text_size(r->young_bytes, size), r->young, r->young == 1 ? "" : "s", grace);
}

int gc_bucket(struct cli *cli, const struct cli_args *args)
{
	const char *grace = args_has(args, "grace") ? args_get(args, "grace") : GRACE_DEFAULT;
	struct providers_gc_how how = { .dry_run = args_has(args, "dry-run") };
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	struct bucket_gc_result result;
	struct datasets *datasets;
	struct meter_watch meter;
	struct error err;
	int rc;

	if (!parse_duration(grace, &how.grace_ms))
		return cli_usage(args, "--grace takes a time such as 12h, 30d or 8w, not '%s'",
		                 grace);
	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    providers_find(datasets_store(datasets), args_get(args, "provider"), &p, &err) < 0)
		return cli_fail(&err);
	if (how.grace_ms < 2 * DAY_MS && !how.dry_run)
		cli_note(cli, "a grace of less than 2d is safe only while nobody commits to the "
		              "bucket");
	how.progress = meter_watch_begin_parts(&meter, cli, "store gc");
	rc = providers_gc(datasets, p.id, &how, &result, &err);
	meter_watch_end(&meter);
	if (rc < 0)
		return cli_fail(&err);
	if (cli->json)
		print_json(&p, &result, how.dry_run);
	else
		print(&p, &result, grace, how.dry_run);
	return CLI_OK;
}
