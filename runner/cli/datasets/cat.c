/* Files of a version on standard output. */
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "cli/commands.h"
#include "cli/show.h"

static int put_file(struct datasets *datasets, const struct dataset_version *version,
                    const char *path, struct error *err)
{
	AUTO_FD int fd = datasets_open_file(datasets, version, path, err);
	int rc = fd < 0 ? fd : io_pour(fd, STDOUT_FILENO);

	if (fd < 0)
		return fd;
	return rc < 0 ? error_sys(err, rc, "cannot print '%s'", path) : 0;
}

static int run_cat(struct cli *cli, const struct cli_args *args)
{
	struct datasets *datasets;
	struct dataset_version version;
	struct error err;

	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    show_find_version(datasets, args, false, &version, &err) < 0)
		return cli_fail(&err);
	for (size_t i = 0; i < args_n_rest(args); i++)
		if (put_file(datasets, &version, args_rest(args, i), &err) < 0)
			return cli_fail(&err);
	return CLI_OK;
}

static const struct cli_option cat_options[] = {
	OPTION_VERSION,
	{ .name = NULL },
};

const struct cli_command cmd_datasets_cat = {
	.words = "datasets cat",
	.arguments = "DATASET[:VERSION] PATH...",
	.summary = "Print files of a version, as they are.",
	.help = "One after the other, on standard output. The version may be open.\n"
		"\n"
		"  sluice datasets cat word-counts words.txt | sort -n",
	.first = "id",
	.min_rest = 1,
	.max_rest = CLI_MANY,
	.complete = { COMPLETE_VERSION_PATH, COMPLETE_VERSION_PATH },
	.options = cat_options,
	.run = run_cat,
};
