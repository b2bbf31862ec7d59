/* A version as an archive. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error_path.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "dataset/export.h"

static int find_format(const struct cli_args *args, const char *file, const char **ret_format,
                       struct error *err)
{
	const char *name = args_get(args, "format");

	*ret_format = file ? export_format_of(file) : NULL;
	for (const char *const *format = export_formats; name && *format; format++)
		if (strcmp(name, *format) == 0)
			*ret_format = *format;
	if (*ret_format)
		return 0;
	return error_set(err, SLUICE_INVALID,
	                 file ? "'%s' ends in no format that is known: give --format tar, tar.gz, "
	                        "tar.zst or zip"
	                      : "give --format tar, tar.gz, tar.zst or zip for standard output",
	                 file);
}

/* Beside its place until it is whole. */
static int to_file(struct datasets *datasets, const struct dataset_version *version,
                   const struct export_how *how, const char *file, struct error *err)
{
	AUTO_FREE char *half = xasprintf("%s.half-%ld", file, (long)getpid());
	AUTO_FD int fd = open(half, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int rc;

	if (fd < 0) {
		(void)error_sys(err, errno, "cannot write '%s'", half);
		return error_path(err);
	}
	rc = datasets_export(datasets, version, how, fd, err);
	if (rc == 0 && (fsync(fd) != 0 || rename(half, file) != 0)) {
		(void)error_sys(err, errno, "cannot write '%s'", file);
		rc = error_path(err);
	}
	if (rc < 0)
		(void)unlink(half);
	return rc;
}

static int run_export(struct cli *cli, const struct cli_args *args)
{
	const char *file = args_rest(args, 0);
	const char *path = args_get(args, "path");
	struct export_how how = { .prefix = path ? path : "" };
	struct datasets *datasets = NULL;
	struct dataset_version version = { .committed = false };
	struct meter_watch watch;
	struct error err;
	int rc;

	if (file && strcmp(file, "-") == 0)
		file = NULL;
	if (!file && cli->out_tty)
		return cli_usage(args, "An archive does not go to a terminal; name a file");
	rc = find_format(args, file, &how.format, &err);
	if (rc == 0)
		rc = cli_open_datasets(cli, &datasets, &err);
	if (rc == 0)
		rc = show_find_version(datasets, args, false, &version, &err);
	if (rc < 0)
		return cli_fail(&err);
	(void)setenv("TZ", "UTC0", 1); /* a zip says the time of day wherever it is made */
	tzset();
	how.progress =
		meter_watch_begin(&watch, cli, file ? file : version.dataset_name, version.bytes);
	rc = file ? to_file(datasets, &version, &how, file, &err)
	          : datasets_export(datasets, &version, &how, STDOUT_FILENO, &err);
	meter_watch_end(&watch);
	return rc < 0 ? cli_fail(&err) : CLI_OK;
}

static const struct cli_option export_options[] = {
	OPTION_VERSION,
	{ .name = "format",
	  .value = "tar|tar.gz|tar.zst|zip",
	  .help = "Without it, the one in which the file's name ends." },
	{ .name = "path",
	  .value = "PATH",
	  .help = "Only what lies at or below this path.",
	  .complete = COMPLETE_VERSION_PATH },
	{ .name = NULL },
};

const struct cli_command cmd_datasets_export = {
	.words = "datasets export",
	.arguments = "DATASET[:VERSION] [FILE]",
	.summary = "Write a version to an archive, or to standard output.",
	.help = "The same files make the same bytes, whoever makes it, when and where. "
		"The file gets its name when it is whole; what has this name is replaced.\n"
		"\n"
		"  sluice datasets export texts texts.tar.zst\n"
		"  sluice datasets export texts:golden --format tar | ssh host tar -x",
	.first = "id",
	.max_rest = 1,
	.complete = { COMPLETE_FILE },
	.options = export_options,
	.run = run_export,
};
