/* What the home holds, and how much disk it takes. */
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/usage.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/text.h"

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

static const struct part {
	const char *name, *json, *folder;
	enum counted counted;
	bool links; /* files that have other names are counted there */
} parts[] = {
	{ "Objects", "objects", "store/objects", FILES, false },
	{ "Large objects", "largeObjects", "store/large", FILES, false },
	{ "Manifests", "manifests", "store/manifests", FILES, false },
	{ "Trees", "trees", "store/trees", ENTRIES, true },
	{ "Image blobs", "imageBlobs", "images/blobs/sha256", FILES, false },
	{ "Unpacked layers", "layers", "layers", ENTRIES, false },
	{ "Runs", "runs", "runs", ENTRIES, true },
	{ "Being made", "temporary", "tmp", ENTRIES, true },
};

enum { N_PARTS = sizeof parts / sizeof parts[0] };

struct measured {
	uint64_t n, bytes;
};

static int measure(const char *home, const struct part *part, struct measured *ret_measured,
                   struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", home, part->folder);
	struct usage usage = { 0 };
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

static int run_stats(struct cli *cli, const struct cli_args *args)
{
	struct measured m[N_PARTS];
	struct error err;
	struct tally t = { .err = &err };
	const char *home;

	(void)args;
	if (cli_home(cli, &home, &err) < 0 || cli_open_datasets(cli, &t.datasets, &err) < 0 ||
	    datasets_each(t.datasets, add_dataset, &t, &err) < 0)
		return cli_fail(&err);
	for (size_t i = 0; i < N_PARTS; i++)
		if (measure(home, &parts[i], &m[i], &err) < 0)
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
