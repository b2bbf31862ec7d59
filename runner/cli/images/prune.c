/* Getting rid of images that are not used any more. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/text.h"
#include "engine/left.h"
#include "image/image.h"

/* A run that starts has its images before it is recorded. */
enum { KEEP_AT_LEAST_MS = 3600 * 1000 };
#define KEEP_DEFAULT "30d"

struct pruning {
	const struct cli *cli;
	const char *home;
	struct catalog *catalog;
	struct map needed; /* digests, by runs that have not ended */
	struct error *err;
	cJSON *images; /* with --json */
	bool dry_run;
};

static int need_images_of(void *arg, const struct catalog_run *run)
{
	struct pruning *p = arg;
	AUTO_JSON cJSON *plan = NULL;
	const cJSON *image;
	int rc = left_read_plan(p->home, run->uuid, &plan, p->err);

	cJSON_ArrayForEach(image, json_obj(plan, "images"))
	{
		if (cJSON_IsString(image))
			(void)map_set(&p->needed, image->valuestring, p);
	}
	return rc;
}

/* While it is asked no run can get hold of an image, so the runs are looked at once. */
static int is_needed(void *arg, const char *digest, struct error *err)
{
	struct pruning *p = arg;
	int rc = 0;

	p->err = err;
	if (p->needed.len == 0)
		rc = catalog_each_unfinished(p->catalog, need_images_of, p, err);
	return rc < 0 ? rc : map_find(&p->needed, digest) != NULL;
}

static int on_gone(void *arg, const char *name, const char *digest)
{
	struct pruning *p = arg;

	if (p->images) {
		cJSON *out = json_new_obj();

		json_add_str(out, "name", name);
		json_add_str(out, "digest", digest);
		json_push(p->images, out);
		return 0;
	}
	(void)fputs(p->dry_run ? "Would delete image: " : "Deleted image: ", stdout);
	(void)text_put_safe(name, stdout);
	(void)putchar('\n');
	return 0;
}

static void print_result(struct pruning *p, const struct images_pruned *r)
{
	char size[TEXT_SIZE_LEN];
	char parts[TEXT_SIZE_LEN];

	if (p->images) {
		cJSON *out = json_new_obj();

		json_add_bool(out, "dryRun", p->dry_run);
		json_add(out, "images", take_ptr(&p->images));
		json_add_int(out, "bytes", (int64_t)r->bytes);
		json_add_int(out, "partBytes", (int64_t)r->part_bytes);
		json_add_bool(out, "layersInUse", r->in_use);
		cli_print_json(out);
		return;
	}
	(void)printf("%s %s of images, %s of unfinished pulls\n",
	             p->dry_run ? "Would free" : "Freed", text_size(r->bytes, size),
	             text_size(r->part_bytes, parts));
	if (r->in_use)
		cli_note(p->cli, "image layers are in use: unpacked ones stay for now");
}

static int read_keep(const struct cli_args *args, int64_t *ret_since_ms, struct error *err)
{
	const char *text = args_get(args, "keep-within");
	int64_t ms = 0;

	if (!parse_duration(text ? text : KEEP_DEFAULT, &ms))
		return error_set(err, SLUICE_INVALID,
		                 "--keep-within takes a time such as 12h, 30d or 8w, not '%s'",
		                 text);
	if (ms < KEEP_AT_LEAST_MS)
		ms = KEEP_AT_LEAST_MS;
	*ret_since_ms = ms < clock_wall_ms() ? clock_wall_ms() - ms : 0;
	return 0;
}

static int run_prune(struct cli *cli, const struct cli_args *args)
{
	struct pruning p = { .cli = cli, .dry_run = args_has(args, "dry-run") };
	struct images_prune_how how = {
		.is_needed = is_needed,
		.gone = on_gone,
		.arg = &p,
		.dry_run = p.dry_run,
	};
	struct datasets *datasets = NULL;
	struct images *images = NULL;
	struct images_pruned result;
	struct error err;
	int rc = cli_home(cli, &p.home, &err);

	if (rc == 0 && read_keep(args, &how.used_since_ms, &err) < 0)
		return cli_usage(args, "%s", err.msg);
	if (rc == 0)
		rc = cli_open_datasets(cli, &datasets, &err);
	if (rc == 0)
		rc = cli_open_images(cli, &images, &err);
	if (rc == 0) {
		p.catalog = datasets_catalog(datasets);
		p.images = cli->json ? json_new_arr() : NULL;
		rc = images_prune(images, &how, &result, &err);
	}
	if (rc == 0)
		print_result(&p, &result);
	map_release(&p.needed, NULL);
	cJSON_Delete(p.images);
	return rc < 0 ? cli_fail(&err) : CLI_OK;
}

static const struct cli_option prune_options[] = {
	{ .name = "keep-within",
	  .value = "TIME",
	  .help = "Keep images pulled, imported or used within this time: 12h, 8w.  Without it, "
	          "30d; never less than an hour." },
	{ .name = "dry-run", .help = "Say what would go, and change nothing." },
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_images_prune = {
	.words = "images prune",
	.summary = "Delete images that were not used for long, and what broken pulls left.",
	.help = "What a run that has not ended needs stays, and what is not named by any image goes: "
		"also an image whose name another one has got by a pull or an import.  "
		"It may run beside anything; it waits for pulls that are under way.",
	.options = prune_options,
	.spends = true,
	.run = run_prune,
	.in_userns = true,
};
