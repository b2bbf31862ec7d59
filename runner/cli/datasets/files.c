#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "cli/text.h"

/* A link has no content of its own. */
static uint64_t size_of(const struct store_entry *entry)
{
	return entry->kind == 'l' ? 0 : entry->size;
}

/* What stands at or below a path of a version. */
struct amount {
	uint64_t files, bytes;
};

static int add_amount(void *arg, const struct store_entry *entry)
{
	struct amount *amount = arg;

	amount->files += entry->kind != 'd';
	amount->bytes += size_of(entry);
	return 0;
}

/* --- list ---------------------------------------------------------------------------------- */

enum { ENOUGH = 1 };

struct listing {
	struct text_table table;
	cJSON *array; /* NULL: the table */
	char *path;   /* without slashes at its ends */
	bool recursive;
	uint64_t skip, limit; /* rows that are left to pass over, and to show */
	char *folder;         /* the last one that was shown; entries of a folder stand together */
};

/* "/a//b/" -> "a/b" */
static char *normalize(const char *path)
{
	char *out = xstrdup(path);
	size_t n = 0;

	for (const char *p = path; *p; p++)
		if (*p != '/' || (n > 0 && out[n - 1] != '/'))
			out[n++] = *p;
	while (n > 0 && out[n - 1] == '/')
		n--;
	out[n] = '\0';
	return out;
}

static void add_file(struct listing *l, const char *name, const struct store_entry *entry)
{
	char size[32] = "";
	cJSON *out;

	if (l->skip > 0) {
		l->skip--;
		return;
	}
	l->limit--;
	if (l->array) {
		out = json_new_obj();
		json_add_str(out, "name", name);
		if (entry)
			json_add_int(out, "size", (int64_t)size_of(entry));
		if (entry && entry->target)
			json_add_str(out, "target", entry->target);
		json_push(l->array, out);
		return;
	}
	if (entry)
		(void)snprintf(size, sizeof size, "%" PRIu64, size_of(entry));
	text_table_row(&l->table, name, size);
}

static void add_folder(struct listing *l, const char *name, size_t len)
{
	if (l->folder && strncmp(l->folder, name, len) == 0 && l->folder[len] == '/' &&
	    !l->folder[len + 1])
		return;
	free(l->folder);
	l->folder = xasprintf("%.*s/", (int)len, name);
	add_file(l, l->folder, NULL);
}

/* The name below the path that is listed; of the path itself, its last component. */
static const char *name_below(const struct listing *l, const char *path)
{
	size_t len = strlen(l->path);
	const char *slash;

	if (len == 0)
		return path;
	if (path[len] == '/')
		return path + len + 1;
	slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int list_entry(void *arg, const struct store_entry *entry)
{
	struct listing *l = arg;
	const char *name = name_below(l, entry->path);
	size_t first = strcspn(name, "/");

	if (l->limit == 0)
		return ENOUGH;
	if (entry->kind == 'd' && strcmp(entry->path, l->path) == 0)
		return 0;
	if (!l->recursive && name[first])
		add_folder(l, name, first);
	else if (entry->kind == 'd')
		add_folder(l, name, strlen(name));
	else
		add_file(l, name, entry);
	return 0;
}

static int read_page(const struct cli_args *args, struct listing *l, struct error *err)
{
	const char *skip = args_get(args, "skip");
	const char *limit = args_get(args, "limit");

	l->limit = UINT64_MAX;
	if (skip && !parse_u64(skip, UINT64_MAX, &l->skip))
		return error_set(err, SLUICE_INVALID, "--skip '%s' is not a number", skip);
	if (limit && !parse_u64(limit, UINT64_MAX, &l->limit))
		return error_set(err, SLUICE_INVALID, "--limit '%s' is not a number", limit);
	return 0;
}

static int list_files(struct cli *cli, const struct cli_args *args, struct listing *l,
                      struct error *err)
{
	struct datasets *datasets;
	struct dataset_version version;

	int rc;

	if (args_bool(args, "recursive", false, &l->recursive, err) < 0 ||
	    read_page(args, l, err) < 0 || cli_open_datasets(cli, &datasets, err) < 0 ||
	    show_find_version(datasets, args, false, &version, err) < 0)
		return err->class;
	rc = datasets_each_file(datasets, &version, l->path, list_entry, l, err);
	return rc == ENOUGH ? 0 : rc;
}

static int run_list(struct cli *cli, const struct cli_args *args)
{
	const char *path = args_get(args, "path");
	cJSON *array = json_new_arr();
	struct listing l = {
		.table = TEXT_TABLE_INIT(2),
		.array = cli->json ? array : NULL,
		.path = normalize(path ? path : "/"),
	};
	struct error err;
	int rc;

	l.table.may_cut = 1U << 0;
	text_table_row(&l.table, "Name", "Size");
	rc = list_files(cli, args, &l, &err);
	free(l.path);
	free(l.folder);
	return text_end_list(cli, rc, &l.table, array, &err);
}

static const struct cli_option list_options[] = {
	OPTION_VERSION,
	{ .name = "path",
	  .value = "PATH",
	  .help = "The directory to list; without it, the root.",
	  .complete = COMPLETE_VERSION_PATH },
	{ .name = "recursive",
	  .value = "BOOL",
	  .help = "true (also without a value): the files of all directories below, too.",
	  .complete = COMPLETE_BOOL },
	{ .name = "limit", .value = "N", .help = "No more than so many of them." },
	{ .name = "skip", .value = "N", .help = "Without the first so many." },
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_files_list = {
	.words = "datasets files list",
	.arguments = "DATASET:VERSION",
	.summary = "List the files of a version.",
	.help = "Sizes are in bytes. Directories end in '/' and have no size.",
	.first = "id",
	.options = list_options,
	.spends = true,
	.run = run_list,
};

/* --- get ----------------------------------------------------------------------------------- */

static int get_all(struct cli *cli, struct datasets *datasets, const struct cli_args *args,
                   const struct dataset_version *version, struct error *err)
{
	static const char *const everything[] = { "/" };
	const char *target = args_get(args, "target-path");
	struct amount amount = { 0 };
	char size[TEXT_SIZE_LEN];
	struct meter_watch meter;
	struct progress *progress;
	int rc = 0;
	size_t n;
	const char *const *source = args_all(args, "source-path", &n);

	if (n == 0) {
		source = everything;
		n = 1;
	}
	progress = meter_watch_begin(&meter, cli, version->dataset_name, 0);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = datasets_get(datasets, version, source[i], target, progress, err);
		if (rc == 0)
			rc = datasets_each_file(datasets, version, source[i], add_amount, &amount,
			                        err);
	}
	meter_watch_end(&meter);
	if (rc < 0)
		return rc;
	cli_note(cli, "copied %" PRIu64 " file%s (%s) of %s:%s to '%s'", amount.files,
	         amount.files == 1 ? "" : "s", text_size(amount.bytes, size), version->dataset_name,
	         version->id, target);
	return 0;
}

static int run_get(struct cli *cli, const struct cli_args *args)
{
	struct datasets *datasets;
	struct dataset_version version;
	struct error err;

	if (cli_open_datasets(cli, &datasets, &err) < 0 ||
	    show_find_version(datasets, args, false, &version, &err) < 0 ||
	    get_all(cli, datasets, args, &version, &err) < 0)
		return cli_fail(&err);
	return CLI_OK;
}

static const struct cli_option get_options[] = {
	OPTION_VERSION,
	{ .name = "target-path",
	  .other = "targetPath",
	  .value = "PATH",
	  .required = true,
	  .help = "Where to: a file gets exactly this path, a directory goes below it.",
	  .complete = COMPLETE_FILE },
	{ .name = "source-path",
	  .other = "sourcePath",
	  .value = "PATH",
	  .repeatable = true,
	  .help = "A file or directory of the version; without it, everything. A directory a/b "
	          "goes to TARGET/a/b, with a '/' at its end straight to TARGET.",
	  .complete = COMPLETE_VERSION_PATH },
	{ .name = NULL },
};

const struct cli_command cmd_files_get = {
	.words = "datasets files get",
	.arguments = "DATASET:VERSION --target-path PATH",
	.summary = "Copy files of a version to this machine's directories.",
	.help = "Files that are there already, with the same content, are kept, and others are "
		"replaced: after an interruption the same command goes on where it was.",
	.first = "id",
	.options = get_options,
	.run = run_get,
};
