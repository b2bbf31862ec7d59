/* What the home holds, and how much disk it takes. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/usage.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "cli/text.h"
#include "executor/works.h"

/* --- names ------------------------------------------------------------------------------------ */

struct tally {
	struct datasets *datasets;
	uint64_t n_datasets, committed, open;
	uint64_t files, bytes; /* of the committed ones */
	struct error *err;
};

static int add_committed(void *arg, const struct dataset_version *v)
{
	struct tally *t = arg;

	t->committed++;
	t->files += v->files;
	t->bytes += v->bytes;
	return 0;
}

static int add_open(void *arg, const struct dataset_version *v)
{
	struct tally *t = arg;

	(void)v;
	t->open++;
	return 0;
}

static int add_dataset(void *arg, const struct dataset *dataset)
{
	struct tally *t = arg;
	int rc = datasets_each_version(t->datasets, dataset, true, add_committed, t, t->err);

	t->n_datasets++;
	return rc != 0 ? rc
	               : datasets_each_version(t->datasets, dataset, false, add_open, t, t->err);
}

/* --- disk ------------------------------------------------------------------------------------- */

enum counted {
	FILES,   /* at any depth */
	ENTRIES, /* directly in it */
};

/* How much there is to look at can be told beforehand of ... */
enum expected {
	NOTHING,
	FANS,  /* as many files in each directory, named by digests, as in the first */
	TREES, /* as many as the manifest says that names it */
};

static const struct part {
	const char *name, *json, *folder;
	enum counted counted;
	bool links; /* files that have other names are counted there */
	enum expected expected;
} parts[] = {
	{ "Objects", "objects", "store/objects", FILES, false, FANS },
	{ "Large objects", "largeObjects", "store/large", FILES, false, FANS },
	{ "Manifests", "manifests", "store/manifests", FILES, false, FANS },
	{ "Trees", "trees", "store/trees", ENTRIES, true, TREES },
	{ "Image blobs", "imageBlobs", "images/blobs/sha256", FILES, false, NOTHING },
	{ "Unpacked layers", "layers", "layers", ENTRIES, false, NOTHING },
	{ "Runs", "runs", "runs", ENTRIES, true, NOTHING },
	{ "Being made", "temporary", "tmp", ENTRIES, true, NOTHING },
};

enum { N_PARTS = sizeof parts / sizeof parts[0] };

struct measured {
	uint64_t n, bytes;
};

static uint64_t files_of_fan(const char *folder, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", folder, name);
	struct usage usage = { 0 };

	return usage_add(path, &usage) == 0 ? usage.all + 1 : 1;
}

static uint64_t files_of_tree(struct datasets *datasets, const char *name)
{
	struct store_tree_info info;
	struct digest manifest;
	struct error ignored;

	return digest_parse(name, &manifest) && store_tree_stat(datasets_store(datasets), &manifest,
	                                                        &info, &ignored) == 0
	               ? info.files
	               : 0;
}

static void expect(struct datasets *datasets, const char *home, const struct part *part,
                   struct progress *progress)
{
	AUTO_FREE char *path = xasprintf("%s/%s", home, part->folder);
	AUTO_DIR DIR *dir = opendir(path);
	const struct dirent *e;
	uint64_t in_fan = 0;

	while (part->expected != NOTHING && dir && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (part->expected == FANS && in_fan == 0)
			in_fan = files_of_fan(path, e->d_name);
		progress_expect(progress, part->expected == FANS
		                                  ? in_fan
		                                  : files_of_tree(datasets, e->d_name));
	}
}

static int measure(const char *home, const struct part *part, struct progress *progress,
                   struct measured *ret_measured, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", home, part->folder);
	struct usage usage = {
		.progress = part->expected != NOTHING ? progress : NULL,
		.without = WORKS_SUFFIX, /* notes among what is being made */
	};
	int rc = usage_add(path, &usage);

	if (rc < 0)
		return error_sys(err, rc, "cannot measure '%s'", path);
	ret_measured->n = part->counted == FILES ? usage.files : usage.entries;
	ret_measured->bytes = usage.bytes - (part->links ? usage.linked : 0);
	return 0;
}

/* --- the command ------------------------------------------------------------------------------ */

static void print_json(const struct tally *t, const struct measured m[N_PARTS])
{
	cJSON *out = json_new_obj();

	json_add_int(out, "datasets", (int64_t)t->n_datasets);
	json_add_int(out, "versions", (int64_t)t->committed);
	json_add_int(out, "openVersions", (int64_t)t->open);
	json_add_int(out, "files", (int64_t)t->files);
	json_add_int(out, "bytes", (int64_t)t->bytes);
	for (size_t i = 0; i < N_PARTS; i++) {
		cJSON *part = json_new_obj();

		json_add_int(part, "count", (int64_t)m[i].n);
		json_add_int(part, "diskBytes", (int64_t)m[i].bytes);
		json_add(out, parts[i].json, part);
	}
	cli_print_json(out);
}

static void add_row(struct text_table *table, const char *name, uint64_t n, const char *size)
{
	AUTO_FREE char *count = xasprintf("%" PRIu64, n);

	text_table_row(table, name, count, size);
}

static void print(const struct cli *cli, const struct tally *t, const struct measured m[N_PARTS])
{
	struct text_table table = TEXT_TABLE_INIT(3);
	char size[TEXT_SIZE_LEN];
	uint64_t total = 0;

	text_table_row(&table, "", "Count", "Size");
	add_row(&table, "Datasets", t->n_datasets, "");
	add_row(&table, "Versions", t->committed, text_size(t->bytes, size));
	add_row(&table, "Open versions", t->open, "");
	for (size_t i = 0; i < N_PARTS; i++) {
		add_row(&table, parts[i].name, m[i].n, text_size(m[i].bytes, size));
		total += m[i].bytes;
	}
	text_table_print(cli, &table);
	(void)printf("%s on the disk\n", text_size(total, size));
}

static int measure_all(struct cli *cli, struct datasets *datasets, const char *home,
                       struct measured m[N_PARTS], struct error *err)
{
	struct meter_watch meter;
	struct progress *progress = meter_watch_begin_parts(&meter, cli, "the home");
	int rc = 0;

	for (size_t i = 0; progress && i < N_PARTS; i++)
		expect(datasets, home, &parts[i], progress);
	for (size_t i = 0; rc == 0 && i < N_PARTS; i++)
		rc = measure(home, &parts[i], progress, &m[i], err);
	meter_watch_end(&meter);
	return rc;
}

static int run_stats(struct cli *cli, const struct cli_args *args)
{
	struct measured m[N_PARTS];
	struct error err;
	struct tally t = { .err = &err };
	const char *home;

	(void)args;
	if (cli_home(cli, &home, &err) < 0 || cli_open_datasets(cli, &t.datasets, &err) < 0 ||
	    datasets_each(t.datasets, add_dataset, &t, &err) < 0 ||
	    measure_all(cli, t.datasets, home, m, &err) < 0)
		return cli_fail(&err);
	if (cli->json)
		print_json(&t, m);
	else
		print(cli, &t, m);
	return CLI_OK;
}

static const struct cli_option stats_options[] = {
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_store_stats = {
	.words = "store stats",
	.summary = "Show what the home holds, and how much disk it takes.",
	.help = "The size of versions is what their files have in bytes, each counted as often as a "
		"version has it; all other sizes are disk space.  Trees take only their "
		"directories: their files are the objects.",
	.options = stats_options,
	.spends = true,
	.run = run_stats,
};
