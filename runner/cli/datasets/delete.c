/* Deleting versions and datasets: what is lost is said before it is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "cli/text.h"

static const char force_help[] =
	"Delete it although tags name it; the tags are deleted too.  What a run reads or makes "
	"stays until the run's end, whatever is given.";

static unsigned flags_of(const struct cli_args *args)
{
	return args_has(args, "force") ? DATASET_DELETE_TAGS : 0;
}

/* --- versions delete -------------------------------------------------------------------------- */

static void say_lost(const struct cli *cli, const struct dataset_version *v, const char *tags)
{
	char size[TEXT_SIZE_LEN];

	if (!v->committed)
		cli_note(cli, "lost: the files of an open version");
	else
		cli_note(cli, "lost: %" PRIu64 " file%s, %s%s%s", v->files,
		         v->files == 1 ? "" : "s", text_size(v->bytes, size),
		         tags[0] ? ", and its tags: " : "", tags);
}

static int delete_version(struct cli *cli, const struct cli_args *args,
                          struct dataset_version *ret_version, struct error *err)
{
	struct show_tags tags = { 0 };
	struct datasets *datasets;
	struct dataset dataset;
	int rc = cli_open_datasets(cli, &datasets, err);

	if (rc == 0)
		rc = show_find_version(datasets, args, true, ret_version, err);
	if (rc == 0)
		rc = datasets_find(datasets, ret_version->dataset, &dataset, err);
	if (rc == 0)
		rc = show_tags_load(datasets, &dataset, &tags, err);
	if (rc == 0)
		rc = datasets_delete_version(datasets, ret_version, flags_of(args), err);
	if (rc == 0 && args_has(args, "force")) {
		AUTO_FREE char *names = show_tags_of(&tags, ret_version->id);

		say_lost(cli, ret_version, names);
	}
	show_tags_release(&tags);
	return rc;
}

static int run_version(struct cli *cli, const struct cli_args *args)
{
	struct dataset_version version;
	struct error err;
	char ref[DS_REF_LEN];

	if (delete_version(cli, args, &version, &err) < 0)
		return cli_fail(&err);
	(void)printf("Deleted dataset version: %s\n", show_ref(&version, ref));
	return CLI_OK;
}

static const struct cli_option version_options[] = {
	OPTION_EXACT_VERSION,
	{ .name = "force", .help = force_help },
	{ .name = NULL },
};

const struct cli_command cmd_versions_delete = {
	.words = "datasets versions delete",
	.arguments = "DATASET:VERSION",
	.summary = "Delete a version, committed or open.",
	.help = "A version that a tag names, or that a run which has not ended reads or makes, is not "
		"deleted.  Its disk space comes back with 'sluice store gc', as far as no other "
		"version has the same files.",
	.first = "id",
	.options = version_options,
	.spends = true,
	.run = run_version,
};

/* --- datasets delete -------------------------------------------------------------------------- */

struct total {
	uint64_t versions, bytes;
};

static int add_version(void *arg, const struct dataset_version *v)
{
	struct total *t = arg;

	t->versions++;
	t->bytes += v->bytes;
	return 0;
}

static int delete_dataset(struct cli *cli, const struct cli_args *args, struct dataset *ret_dataset,
                          struct error *err)
{
	struct total total = { 0 };
	struct datasets *datasets;
	char size[TEXT_SIZE_LEN];
	struct meter_watch meter;
	struct progress *progress;
	int rc = cli_open_datasets(cli, &datasets, err);

	if (rc == 0)
		rc = show_find_dataset(datasets, args, ret_dataset, err);
	if (rc == 0)
		rc = datasets_each_version(datasets, ret_dataset, true, add_version, &total, err);
	if (rc < 0)
		return rc;
	progress = meter_watch_begin_parts(&meter, cli, ret_dataset->name);
	rc = datasets_delete_watched(datasets, ret_dataset, flags_of(args), progress, err);
	meter_watch_end(&meter);
	if (rc == 0 && args_has(args, "force"))
		cli_note(cli, "lost: %" PRIu64 " version%s, %s", total.versions,
		         total.versions == 1 ? "" : "s", text_size(total.bytes, size));
	return rc;
}

static int run_dataset(struct cli *cli, const struct cli_args *args)
{
	struct dataset dataset;
	struct error err;

	if (delete_dataset(cli, args, &dataset, &err) < 0)
		return cli_fail(&err);
	(void)printf("Deleted dataset: %s\n", dataset.id);
	return CLI_OK;
}

static const struct cli_option dataset_options[] = {
	OPTION_DATASET,
	{ .name = "force", .help = force_help },
	{ .name = NULL },
};

const struct cli_command cmd_datasets_delete = {
	.words = "datasets delete",
	.arguments = "DATASET",
	.summary = "Delete a dataset with all its versions.",
	.help = "A dataset is not deleted while a tag names one of its versions, or a run which has "
		"not ended reads or makes one.  Its disk space comes back with 'sluice store gc'.",
	.first = "id",
	.options = dataset_options,
	.spends = true,
	.run = run_dataset,
};
