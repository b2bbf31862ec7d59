#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/pulling.h"
#include "cli/show.h"
#include "cli/text.h"
#include "image/image.h"

/* --- pull ---------------------------------------------------------------------------------- */

static void print_pulled(const struct cli *cli, const char *ref, const char *digest)
{
	cJSON *out = cli->json ? json_new_obj() : NULL;
	struct error ignored;
	char *name = NULL;

	if (image_ref_normalize(ref, &name, &ignored) != 0)
		name = xstrdup(ref);
	if (out) {
		json_add_str(out, "name", name);
		json_add_str(out, "digest", digest);
		cli_print_json(out);
	} else {
		(void)fputs("Pulled image: ", stdout);
		(void)text_put_safe(name, stdout);
		(void)printf(" (%s)\n", digest);
	}
	free(name);
}

static int run_pull(struct cli *cli, const struct cli_args *args)
{
	for (size_t i = 0; i < args_n_rest(args); i++) {
		char digest[72];
		struct error err;

		if (pulling(cli, args_rest(args, i), PULL_ALWAYS, digest, &err) != 0) {
			if (err.class == SLUICE_REMOTE) /* as for a run that wants it */
				err.class = SLUICE_MISSING;
			return cli_fail(&err);
		}
		print_pulled(cli, args_rest(args, i), digest);
	}
	return CLI_OK;
}

static const struct cli_option pull_options[] = {
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_images_pull = {
	.words = "images pull",
	.arguments = "NAME...",
	.summary = "Get images from their registries, ready to run.",
	.help = "NAME is as 'docker pull' takes it: python:3.11, quay.io/team/image, "
		"localhost:5000/image@sha256:...  What is here already does not come again; a pull "
		"that was stopped goes on where it ended.\n"
		"\n"
		"Who to be to a registry is asked of what 'docker login' or 'podman login' keeps; "
		"mirrors and more stand in the configuration.",
	.min_rest = 1,
	.max_rest = CLI_MANY,
	.complete = { COMPLETE_IMAGE, COMPLETE_IMAGE },
	.options = pull_options,
	.run = run_pull,
	.in_userns = true,
};

/* --- import -------------------------------------------------------------------------------- */

struct importing {
	const struct cli *cli;
	struct map before; /* digests by name */
};

static int note_before(void *arg, const char *name, const char *digest)
{
	struct importing *in = arg;

	free(map_set(&in->before, name, xstrdup(digest)));
	return 0;
}

static int print_imported(void *arg, const char *name, const char *digest)
{
	const struct importing *in = arg;
	const char *was = map_find(&in->before, name);

	if (was && strcmp(was, digest) != 0)
		cli_note(in->cli, "%s was %s, which has lost that name now", name, was);
	(void)fputs("Imported image: ", stdout);
	(void)text_put_safe(name, stdout);
	(void)printf(" (%s)\n", digest);
	return 0;
}

static int run_import(struct cli *cli, const struct cli_args *args)
{
	struct importing in = { .cli = cli, .before = MAP_INIT };
	struct images *images;
	const char *home;
	struct error err;
	int rc = cli_open_images(cli, &images, &err);

	if (rc == 0)
		rc = cli_home(cli, &home, &err);
	if (rc == 0)
		rc = images_each_name(home, note_before, &in, &err);
	if (rc == 0)
		rc = images_import(images, args_rest(args, 0), args_get(args, "name"),
		                   print_imported, &in, &err);
	map_release(&in.before, free);
	return rc < 0 ? cli_fail(&err) : CLI_OK;
}

static const struct cli_option import_options[] = {
	{ .name = "name",
	  .value = "NAME",
	  .help = "The name that the image gets, such as python:3.11; without it, the names that "
	          "the file carries." },
	{ .name = NULL },
};

const struct cli_command cmd_images_import = {
	.words = "images import",
	.arguments = "PATH",
	.summary = "Take an image from a file: an OCI layout or a 'docker save' archive.",
	.help = "PATH is an OCI image layout (a directory or a tar file) or what 'docker save' or "
		"'podman save' writes:\n\n"
		"    docker save python:3.11 -o python.tar\n"
		"    sluice images import python.tar",
	.min_rest = 1,
	.max_rest = 1,
	.complete = { COMPLETE_FILE },
	.options = import_options,
	.run = run_import,
	.in_userns = true,
};

/* --- list ---------------------------------------------------------------------------------- */

/* "sha256:" and 64 digits; on a terminal 12 of them tell one from the other. */
enum { DIGEST_LEN = 71, DIGEST_SHORT = 19 };

struct listing {
	const struct cli *cli;
	struct text_table table;
	cJSON *array;
};

static int list_row(void *arg, const struct image_info *info)
{
	struct listing *l = arg;
	char size[TEXT_SIZE_LEN];
	char layers[24];
	char created[TEXT_TIME_LEN];
	char digest[DIGEST_LEN + 1];

	(void)snprintf(layers, sizeof layers, "%zu", info->layers);
	(void)snprintf(digest, sizeof digest, "%.*s",
	               l->cli->columns > 0 ? DIGEST_SHORT : DIGEST_LEN, info->digest);
	text_table_row(&l->table, info->name, text_size(info->bytes, size), layers,
	               text_time(info->created_ms, created)[0] ? created : "-", digest);
	return 0;
}

static int list_json(void *arg, const struct image_info *info)
{
	struct listing *l = arg;
	cJSON *out = json_new_obj();

	json_add_str(out, "name", info->name);
	json_add_str(out, "digest", info->digest);
	json_add_int(out, "bytes", (int64_t)info->bytes);
	json_add_int(out, "layers", (int64_t)info->layers);
	show_json_add_time(out, "dtCreated", info->created_ms);
	json_push(l->array, out);
	return 0;
}

static int run_list(struct cli *cli, const struct cli_args *args)
{
	struct listing l = { .cli = cli, .table = TEXT_TABLE_INIT(5), .array = json_new_arr() };
	struct images *images;
	struct error err;
	int rc = cli_open_images(cli, &images, &err);

	(void)args;
	l.table.may_cut = 1U << 0;
	l.table.may_go = "243";
	text_table_row(&l.table, "Name", "Size", "Layers", "Created", "Digest");
	if (rc == 0)
		rc = images_each(images, cli->json ? list_json : list_row, &l, &err);
	return text_end_list(cli, rc, &l.table, l.array, &err);
}

static const struct cli_option list_options[] = {
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_images_list = {
	.words = "images list",
	.summary = "List the images of this machine.",
	.options = list_options,
	.spends = true,
	.run = run_list,
};

/* --- delete -------------------------------------------------------------------------------- */

static int run_delete(struct cli *cli, const struct cli_args *args)
{
	struct images *images;
	struct error err;

	if (cli_open_images(cli, &images, &err) < 0 ||
	    images_delete(images, args_rest(args, 0), &err) < 0)
		return cli_fail(&err);
	(void)fputs("Deleted image: ", stdout);
	(void)text_put_safe(args_rest(args, 0), stdout);
	(void)putchar('\n');
	return CLI_OK;
}

const struct cli_command cmd_images_delete = {
	.words = "images delete",
	.arguments = "NAME",
	.summary = "Forget an image, and free what no other image needs.",
	.min_rest = 1,
	.max_rest = 1,
	.complete = { COMPLETE_IMAGE },
	.spends = true,
	.run = run_delete,
	.in_userns = true,
};
