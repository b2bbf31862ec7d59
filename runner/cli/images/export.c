/* An image as a file or directory that other programs can read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "image/image.h"

static bool is_tar_name(const char *path)
{
	size_t len = strlen(path);

	return len > 4 && strcmp(path + len - 4, ".tar") == 0;
}

static int make_half(const char *half, bool dir, struct error *err)
{
	int fd = -1;

	if (!dir)
		fd = open(half, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	else if (mkdir(half, 0777) == 0)
		fd = open(half, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "cannot write '%s'", half) : fd;
}

/* Beside its place until it is whole. */
static int to_path(struct images *images, const char *ref, struct images_export_how *how,
                   const char *path, struct error *err)
{
	size_t len = strlen(path);
	AUTO_FREE char *half = NULL;
	AUTO_FD int fd = -1;
	int rc;

	while (len > 1 && path[len - 1] == '/')
		len--;
	half = xasprintf("%.*s.half-%ld", (int)len, path, (long)getpid());
	how->fd = fd = make_half(half, how->form == IMAGES_OCI_DIR, err);
	if (fd < 0)
		return fd;
	rc = images_export(images, ref, how, err);
	if (rc == 0 && fsync(fd) != 0)
		rc = error_sys(err, errno, "cannot write '%s'", path);
	if (rc == 0 && rename(half, path) != 0)
		rc = errno == ENOTEMPTY || errno == ENOTDIR || errno == EEXIST
		             ? error_set(err, SLUICE_EXISTS,
		                         "'%s' is there already; an image gets a directory of its "
		                         "own, or a file whose name ends in .tar",
		                         path)
		             : error_sys(err, errno, "cannot write '%s'", path);
	if (rc < 0)
		(void)!io_remove_tree(AT_FDCWD, half);
	return rc;
}

static int run_export(struct cli *cli, const struct cli_args *args)
{
	const char *ref = args_rest(args, 0);
	const char *path = args_rest(args, 1);
	bool to_stdout = strcmp(path, "-") == 0;
	struct images_export_how how = { .form = IMAGES_OCI_DIR, .fd = STDOUT_FILENO };
	struct images *images;
	struct meter_watch watch;
	struct error err;
	int rc = cli_open_images(cli, &images, &err);

	if (rc < 0)
		return cli_fail(&err);
	if (args_has(args, "docker-archive"))
		how.form = IMAGES_DOCKER_ARCHIVE;
	else if (to_stdout || is_tar_name(path))
		how.form = IMAGES_OCI_TAR;
	if (to_stdout && cli->out_tty)
		return cli_usage(args, "An archive does not go to a terminal; name a file");
	meter_watch_begin(&watch, cli, ref, 0);
	how.progress = &watch.progress;
	rc = to_stdout ? images_export(images, ref, &how, &err)
	               : to_path(images, ref, &how, path, &err);
	meter_watch_end(&watch);
	return rc < 0 ? cli_fail(&err) : CLI_OK;
}

static const struct cli_option export_options[] = {
	{ .name = "docker-archive",
	  .help = "Write what 'docker save' would, for 'docker load' and older programs." },
	{ .name = NULL },
};

const struct cli_command cmd_images_export = {
	.words = "images export",
	.arguments = "NAME PATH",
	.summary = "Write an image to a directory or a tar file, for other machines and programs.",
	.help = "The image is written as an OCI image layout: a tar file if PATH ends in .tar, or "
		"to standard output if it is -, else a new directory.  It gets its name when it "
		"is whole.  The same image makes the same bytes.\n"
		"\n"
		"    sluice images export bash:5 bash.tar\n"
		"    sluice images export bash:5 - --docker-archive | ssh host docker load\n"
		"    skopeo copy oci-archive:bash.tar docker://registry.example.com/bash:5",
	.min_rest = 2,
	.max_rest = 2,
	.complete = { COMPLETE_IMAGE, COMPLETE_FILE },
	.options = export_options,
	.run = run_export,
};
