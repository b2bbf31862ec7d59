#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"

static int run_delete(struct cli *cli, const struct cli_args *args)
{
	static const char *const everything[] = { "/" };
	struct datasets *datasets;
	struct dataset_version version;
	struct meter_watch meter;
	struct progress *progress;
	struct error err;
	size_t n;
	const char *const *path = args_all(args, "path", &n);
	int rc;

	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    show_find_version(datasets, args, true, &version, &err) < 0)
		return cli_fail(&err);
	progress = meter_watch_begin_parts(&meter, cli, version.dataset_name);
	rc = datasets_remove(datasets, &version, n > 0 ? path : everything, n > 0 ? n : 1, progress,
	                     &err);
	meter_watch_end(&meter);
	return rc < 0 ? cli_fail(&err) : CLI_OK;
}

static const struct cli_option delete_options[] = {
	OPTION_OPEN_VERSION,
	{ .name = "path",
	  .value = "PATH",
	  .repeatable = true,
	  .help = "A file, or a directory with all that is in it; without it, everything.",
	  .complete = COMPLETE_VERSION_PATH },
	{ .name = NULL },
};

const struct cli_command cmd_files_delete = {
	.words = "datasets files delete",
	.arguments = "DATASET:VERSION",
	.summary = "Take files out of an open version.",
	.help = "If one of the paths is not there, nothing is taken out.  A directory that gets empty "
		"goes, too.",
	.first = "id",
	.options = delete_options,
	.spends = true,
	.run = run_delete,
};
