/* Versions as directories of this machine, without a job. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "dataset/mount.h"

/* --- mount ------------------------------------------------------------------------------------ */

static const char *directory_of(const struct cli_args *args)
{
	return args_rest(args, 0);
}

static bool has_command(const struct cli_args *args)
{
	return args_n_rest(args) > 1;
}

static int copy_version(struct cli *cli, const struct dataset_version *version, const char *to,
                        struct error *err)
{
	struct meter_watch meter;
	struct progress *progress = meter_watch_begin(&meter, cli, version->dataset_name, 0);
	int rc = datasets_get(cli->datasets, version, "/", to, progress, err);

	meter_watch_end(&meter);
	return rc;
}

static int mount_version(struct cli *cli, const struct cli_args *args,
                         struct dataset_version *ret_version, struct error *err)
{
	struct datasets *datasets;

	if ((has_command(args) && datasets_mount_apart(err) < 0) ||
	    cli_open_datasets(cli, &datasets, err) < 0 ||
	    show_find_version(datasets, args, false, ret_version, err) < 0)
		return err->class;
	if (args_has(args, "copy"))
		return copy_version(cli, ret_version, directory_of(args), err);
	return datasets_mount(datasets, ret_version, directory_of(args), err);
}

/* Nobody stands over the command: it ends as if it had been called without us. */
static int run_in_place(struct cli *cli, const struct cli_args *args)
{
	size_t n = args_n_rest(args) - 1;
	char **argv = xcalloc(n + 1, sizeof *argv);
	struct error err;
	int sys;

	for (size_t i = 0; i < n; i++)
		argv[i] = xstrdup(args_rest(args, i + 1));
	datasets_close(cli->datasets);
	cli->datasets = NULL;
	(void)signal(SIGPIPE, SIG_DFL); /* ignored signals stay so */
	(void)execvp(argv[0], argv);
	sys = errno;
	if (sys == ENOENT)
		(void)error_set(&err, SLUICE_INVALID, "there is no command '%s'", argv[0]);
	else
		(void)error_sys(&err, sys, "cannot run '%s'", argv[0]);
	for (size_t i = 0; i < n; i++)
		free(argv[i]);
	free(argv);
	return cli_fail(&err);
}

static int run_mount(struct cli *cli, const struct cli_args *args)
{
	struct dataset_version version;
	struct error err;
	char ref[DS_REF_LEN];

	if (args_has(args, "copy") && has_command(args))
		return cli_usage(args, "a copy stays where it is: --copy goes with no command");
	if (mount_version(cli, args, &version, &err) < 0)
		return cli_fail(&err);
	if (has_command(args))
		return run_in_place(cli, args);
	(void)printf("%s dataset version: %s\n", args_has(args, "copy") ? "Copied" : "Mounted",
	             show_ref(&version, ref));
	return CLI_OK;
}

static const struct cli_option mount_options[] = {
	OPTION_VERSION,
	{ .name = "copy",
	  .help = "Copy the files to the directory, as 'datasets files get' does; where the file "
	          "system can, the copies share their blocks with the store. They are yours to "
	          "change and to remove." },
	{ .name = NULL },
};

const struct cli_command cmd_datasets_mount = {
	.words = "datasets mount",
	.arguments = "DATASET[:VERSION] DIR [-- COMMAND...]",
	.summary = "Show a version at a directory of this machine, read-only.",
	.help = "The directory must be there and be empty. Whatever the number of files, it is one "
		"mount; it lasts until 'sluice datasets unmount' or the machine's restart, and "
		"holds the version: it cannot be deleted so long.\n"
		"\n"
		"With a command the version is mounted for that alone, and goes with it; this "
		"needs no right to mount, where users may make user namespaces. Its exit status "
		"is the command's.\n"
		"\n"
		"  sluice datasets mount word-counts:golden /mnt\n"
		"  sluice datasets mount word-counts ./view -- bash\n"
		"  sluice datasets mount word-counts ./mine --copy",
	.first = "id",
	.min_rest = 1,
	.max_rest = CLI_MANY,
	.complete = { COMPLETE_DIR, COMPLETE_FILE },
	.options = mount_options,
	.run = run_mount,
};

/* --- unmount ---------------------------------------------------------------------------------- */

static int run_unmount(struct cli *cli, const struct cli_args *args)
{
	struct datasets *datasets;
	struct dataset_mount mount;
	struct error err;

	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    datasets_unmount(datasets, args_rest(args, 0), &mount, &err) < 0)
		return cli_fail(&err);
	(void)printf("Unmounted dataset version: %s:%s\n", mount.dataset, mount.version);
	dataset_mount_release(&mount);
	return CLI_OK;
}

const struct cli_command cmd_datasets_unmount = {
	.words = "datasets unmount",
	.arguments = "DIR",
	.summary = "Take a version away that 'datasets mount' has put at a directory.",
	.help = "Nothing may use it any more. The directory itself stays. umount(8) does as well.",
	.min_rest = 1,
	.max_rest = 1,
	.complete = { COMPLETE_DIR },
	.run = run_unmount,
};
