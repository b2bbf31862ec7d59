/* Freeing what no version needs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "cli/store/bucket.h"
#include "cli/text.h"
#include "engine/owner.h"
#include "image/image.h"

/* --- gc --------------------------------------------------------------------------------------- */

struct gc_cli {
	struct cli *cli;
	struct datasets *datasets;
	const char *home;
	struct meter_watch meter;
};

static int see_unfinished(void *arg, const struct catalog_run *run)
{
	*(bool *)arg |= run_phase_is_unfinished(run->phase);
	return 0;
}

/* A run without an end whose runner died is not meant: who ends it drops its versions. */
static bool is_dead(void *arg, const char *run)
{
	const struct gc_cli *g = arg;
	bool unfinished = false;
	enum owner owner;
	struct error ignored;
	int pid;

	return run_owner(g->home, run, &owner, &pid, &ignored) == 0 && owner == OWNER_NONE &&
	       catalog_each_run(datasets_catalog(g->datasets), run, NULL, 1, see_unfinished,
	                        &unfinished, &ignored) == 0 &&
	       !unfinished;
}

static void say_waiting(void *arg)
{
	struct gc_cli *g = arg;

	meter_watch_clear(&g->meter);
	cli_note(g->cli, "waiting for commits that run now");
}

static void print_gc_json(const struct datasets_gc_result *r, const struct images_trimmed *layers,
                          bool dry_run)
{
	cJSON *out = json_new_obj();

	json_add_bool(out, "dryRun", dry_run);
	json_add_int(out, "objects", (int64_t)r->store.objects);
	json_add_int(out, "bytes", (int64_t)r->store.bytes);
	json_add_int(out, "trees", (int64_t)r->store.trees);
	json_add_int(out, "leftovers", (int64_t)r->store.leftovers);
	json_add_int(out, "cachedTrees", (int64_t)r->cache.trees);
	json_add_int(out, "cachedTreesBytes", (int64_t)r->cache.bytes);
	json_add_int(out, "cachedLayers", (int64_t)layers->layers);
	json_add_int(out, "cachedLayersBytes", (int64_t)layers->bytes);
	json_add_int(out, "openVersions", (int64_t)r->open_versions);
	cli_print_json(out);
}

static void print_count(uint64_t n, const char *what, const char *more)
{
	if (n > 0)
		(void)printf("  %" PRIu64 " %s%s%s\n", n, what, n == 1 ? "" : "s", more);
}

static void print_gc(const struct datasets_gc_result *r, const struct images_trimmed *layers,
                     bool dry_run)
{
	char size[TEXT_SIZE_LEN];

	(void)printf("%s %s: %" PRIu64 " object%s\n", dry_run ? "Would free" : "Freed",
	             text_size(r->store.bytes, size), r->store.objects,
	             r->store.objects == 1 ? "" : "s");
	print_count(r->store.trees, "tree", " of versions that are no more");
	print_count(r->store.leftovers, "half-made thing", " of processes that died");
	print_count(r->cache.trees, "tree", " over the configuration's cache.size");
	print_count(layers->layers, "unpacked layer", " over the configuration's cache.size");
	print_count(r->open_versions, "open version", " of runs that ended");
}

/* The containers of a run whose runner died go on. */
static int is_any_unfinished(void *arg, struct error *err)
{
	const struct gc_cli *g = arg;
	bool unfinished = false;
	int rc = catalog_each_unfinished(datasets_catalog(g->datasets), see_unfinished, &unfinished,
	                                 err);

	return rc < 0 ? rc : unfinished;
}

/* Layers may take what the trees leave of the limit. */
static int trim_layers(struct gc_cli *g, const struct datasets_gc_how *gc, uint64_t trees,
                       struct images_trimmed *ret_layers, struct error *err)
{
	const struct images_trim_how how = {
		.limit = *gc->cache_size > trees ? *gc->cache_size - trees : 0,
		.is_used = is_any_unfinished,
		.arg = g,
		.dry_run = gc->dry_run,
	};
	struct images *images;
	int rc = cli_open_images(g->cli, &images, err);

	if (rc == 0)
		rc = images_trim(images, &how, ret_layers, err);
	if (rc == 0 && ret_layers->in_use)
		cli_note(g->cli, "image layers are in use: all of them stay for now");
	return rc;
}

static int run_gc(struct cli *cli, const struct cli_args *args)
{
	struct gc_cli g = { .cli = cli };
	struct datasets_gc_how how = {
		.is_dead = is_dead,
		.waiting = say_waiting,
		.arg = &g,
		.dry_run = args_has(args, "dry-run"),
	};
	struct datasets_gc_result result;
	struct images_trimmed layers = { 0 };
	const struct config *config;
	struct error err;
	int rc;

	if (args_has(args, "provider"))
		return gc_bucket(cli, args);
	if (args_has(args, "grace"))
		return cli_usage(args, "--grace is of a bucket: give --provider, too");
	if (cli_config(cli, &config, &err) < 0)
		return cli_fail(&err);
	if (config->cache_size != UINT64_MAX)
		how.cache_size = &config->cache_size;
	if (cli_home(cli, &g.home, &err) < 0 || cli_open_datasets(cli, &g.datasets, &err) < 0)
		return cli_fail(&err);
	how.progress = meter_watch_begin_parts(&g.meter, cli, "store gc");
	rc = datasets_gc(g.datasets, &how, &result, &err);
	meter_watch_end(&g.meter);
	if (rc < 0)
		return cli_fail(&err);
	if (how.cache_size && trim_layers(&g, &how, result.cache.left, &layers, &err) < 0)
		return cli_fail(&err);
	if (cli->json)
		print_gc_json(&result, &layers, how.dry_run);
	else
		print_gc(&result, &layers, how.dry_run);
	return CLI_OK;
}

static const struct cli_option gc_options[] = {
	{ .name = "provider",
	  .value = "NAME|ID",
	  .help = "Collect in the bucket of this storage provider, and not in the home.",
	  .complete = COMPLETE_PROVIDER },
	{ .name = "grace",
	  .value = "TIME",
	  .help = "How long what no version needs stays in a bucket, such as 30d or 8w; else 14d." },
	{ .name = "dry-run", .help = "Say what would go, and change nothing." },
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_store_gc = {
	.words = "store gc",
	.summary = "Free the disk space that no version needs any more.",
	.help = "Removes files that only deleted versions had, the trees of those, and what processes "
		"that were killed left half made. It may run beside anything: what a version, an "
		"open version or a commit under way needs stays, and commits wait for it no longer "
		"than a moment. Killed, it leaves less to do.\n\n"
		"With cache.size in the configuration, trees that take more disk than that go too, "
		"those that no run has used for longest first, and never one that a run holds which "
		"has not ended; they are made again when a job needs them. What they leave of it "
		"is for the unpacked layers of images, which stay while any run has not ended.\n\n"
		"With --provider the bucket of that is collected instead, for all homes that are "
		"connected to it: what no version of any of them needs, and what has not been put for "
		"--grace.  All of them may commit meanwhile, and several may collect.  A commit to a "
		"bucket must take a day less than the grace; one of less than 2d is safe only while "
		"nobody commits.",
	.options = gc_options,
	.spends = true,
	.run = run_gc,
	.in_userns = true,
};
