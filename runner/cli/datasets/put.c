#include "cli/datasets/put.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error_path.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/show.h"
#include "cli/text.h"

/* --- sources ------------------------------------------------------------------------------- */

static int check_source(const char *source, struct error *err)
{
	if (strcmp(source, "-") == 0 || datasets_is_url(source) || access(source, R_OK) == 0)
		return 0;
	if (errno == ENOENT)
		return error_set(err, SLUICE_INVALID, "Source path not found: %s", source);
	(void)error_sys(err, errno, "cannot read '%s'", source);
	return error_path(err);
}

static int check_digest(const struct cli_args *args, struct put_sources *s, struct error *err)
{
	const char *hex = args_get(args, "sha256");

	if (!hex)
		return 0;
	if (s->n != 1)
		return error_set(err, SLUICE_INVALID, "--sha256 is of one source; there are %zu",
		                 s->n);
	if (strlen(hex) != DIGEST_HEX_LEN || !digest_parse(hex, &s->digest))
		return error_set(err, SLUICE_INVALID,
		                 "'%s' is no SHA-256: that has 64 digits 0-9 and a-f", hex);
	s->how.digest = &s->digest;
	return 0;
}

/* Reads the options; `path` and `n` are there.  What is no file, directory or URL is refused, and
 * what would overwrite another source's, before a version is made for it. */
static int check_sources(const struct cli_args *args, struct put_sources *s, struct error *err)
{
	const char *target = args_get(args, "target-path");
	int rc = check_digest(args, s, err);

	s->how.target = target ? target : "/";
	s->how.unpack = args_has(args, "unpack");
	for (size_t i = 0; rc == 0 && i < s->n; i++)
		rc = check_source(s->path[i], err);
	return rc == 0 ? datasets_put_check(s->path, s->n, &s->how, err) : rc;
}

int put_sources(struct cli *cli, struct datasets *datasets, const struct dataset_version *version,
                struct put_sources *s, struct error *err)
{
	struct meter_watch meter;
	int rc = 0;

	s->how.progress = meter_watch_begin(&meter, cli, version->dataset_name, 0);
	for (size_t i = 0; rc == 0 && i < s->n; i++)
		rc = datasets_put_as(datasets, version, s->path[i], &s->how, err);
	meter_watch_end(&meter);
	return rc;
}

/* --- a version of them --------------------------------------------------------------------- */

/* What is put first and then committed is read twice, each time with a meter of its own. */
static int put_and_commit(struct cli *cli, struct datasets *datasets,
                          struct dataset_version *version, struct put_sources *s, struct error *err)
{
	bool direct = datasets_put_is_direct(s->path, s->n, &s->how);
	AUTO_FREE char *name =
		xasprintf("%s%s", direct ? "" : "committing ", version->dataset_name);
	struct meter_watch meter;
	struct store_watch watch = { .warn = meter_watch_warn, .arg = &meter };
	int rc = direct ? 0 : put_sources(cli, datasets, version, s, err);

	if (rc < 0)
		return rc;
	watch.progress = meter_watch_begin(&meter, cli, name, 0);
	rc = direct ? datasets_put_commit(datasets, version, s->path[0], s->how.target, &watch, err)
	            : datasets_commit(datasets, version, NULL, &watch, err);
	meter_watch_end(&meter);
	return rc;
}

int put_new_version(struct cli *cli, const struct cli_args *args, struct put_sources *s)
{
	char ref[DS_REF_LEN];
	struct datasets *datasets;
	struct dataset dataset;
	struct dataset_version version;
	struct error err;

	if (check_sources(args, s, &err) < 0 || cli_open_datasets(cli, &datasets, &err) < 0 ||
	    show_find_dataset(datasets, args, &dataset, &err) < 0 ||
	    datasets_open_version(datasets, &dataset, args_get(args, "message"), NULL, &version,
	                          &err) < 0)
		return cli_fail(&err);
	(void)printf("Created dataset version: %s\n", show_ref(&version, ref));
	if (s->n == 0)
		return CLI_OK;
	if (put_and_commit(cli, datasets, &version, s, &err) < 0) {
		int status = cli_fail(&err);

		/* If this fails too it stays open, which harms nobody, and is listed. */
		if (datasets_drop_version(datasets, &version, &err) == 0)
			cli_note(cli, "dropped dataset version: %s", ref);
		return status;
	}
	(void)printf("Committed dataset version: %s\n", ref);
	return CLI_OK;
}

/* --- datasets put -------------------------------------------------------------------------- */

static int run_put_new(struct cli *cli, const struct cli_args *args)
{
	enum { MANY = 64 };
	const char *path[MANY];
	struct put_sources s = { .path = path, .n = args_n_rest(args) };

	if (s.n > MANY)
		return cli_usage(args, "More than %d sources", MANY);
	for (size_t i = 0; i < s.n; i++)
		path[i] = args_rest(args, i);
	return put_new_version(cli, args, &s);
}

static const struct cli_option put_new_options[] = {
	OPTION_DATASET, OPTION_MESSAGE, OPTION_TARGET_PATH,
	OPTION_UNPACK,  OPTION_SHA256,  { .name = NULL },
};

const struct cli_command cmd_datasets_put = {
	.words = "datasets put",
	.arguments = "DATASET SOURCE...",
	.summary = "Make a version of files: open it, put them into it and commit it.",
	.help = "A source is a file or directory of this machine, an http or https URL, or '-', "
		"standard input, whose path in the version is the target path. A directory keeps its "
		"name, unless it is given with a '/' at its end. Two sources with a file at the same "
		"path are refused; of two archives the later one's stays.",
	.first = "id",
	.min_rest = 1,
	.max_rest = CLI_MANY,
	.complete = { COMPLETE_FILE, COMPLETE_FILE },
	.options = put_new_options,
	.run = run_put_new,
};

/* --- files put ----------------------------------------------------------------------------- */

struct amount {
	uint64_t files, bytes;
};

static int add_amount(void *arg, const struct store_entry *entry)
{
	struct amount *amount = arg;

	amount->files += entry->kind != 'd';
	amount->bytes += entry->kind == 'l' ? 0 : entry->size;
	return 0;
}

static int say_put(struct cli *cli, struct datasets *datasets,
                   const struct dataset_version *version, struct error *err)
{
	struct amount amount = { 0 };
	char ref[DS_REF_LEN];
	char size[TEXT_SIZE_LEN];
	int rc = datasets_each_file(datasets, version, "/", add_amount, &amount, err);

	if (rc == 0)
		cli_note(cli,
		         "%s:%s has %" PRIu64 " file%s (%s) now; 'sluice datasets versions commit "
		         "%s' makes them a version",
		         version->dataset_name, version->id, amount.files,
		         amount.files == 1 ? "" : "s", text_size(amount.bytes, size),
		         show_ref(version, ref));
	return rc;
}

static int run_put(struct cli *cli, const struct cli_args *args)
{
	const char *id = args_get(args, "id");
	struct put_sources s = { .path = args_all(args, "source-path", &s.n) };
	struct datasets *datasets;
	struct dataset_version version;
	struct error err;

	if (!strchr(id, ':'))
		return cli_usage(args,
		                 "The '--id' option is missing the version: files go into an open "
		                 "one, which 'sluice datasets versions create %s' makes",
		                 id);
	if (check_sources(args, &s, &err) < 0 || cli_open_datasets(cli, &datasets, &err) < 0 ||
	    show_find_version(datasets, args, true, &version, &err) < 0 ||
	    put_sources(cli, datasets, &version, &s, &err) < 0 ||
	    say_put(cli, datasets, &version, &err) < 0)
		return cli_fail(&err);
	return CLI_OK;
}

static const struct cli_option put_options[] = {
	OPTION_OPEN_VERSION,
	{ .name = "source-path",
	  .other = "sourcePath",
	  .value = "PATH",
	  .repeatable = true,
	  .required = true,
	  .help = PUT_SOURCE_HELP,
	  .complete = COMPLETE_FILE },
	OPTION_TARGET_PATH,
	OPTION_UNPACK,
	OPTION_SHA256,
	{ .name = NULL },
};

const struct cli_command cmd_files_put = {
	.words = "datasets files put",
	.arguments = "DATASET:VERSION --source-path PATH",
	.summary = "Put files into an open version.",
	.help = "Of standard input the target path is the path in the version. What has come of a URL "
		"before an interruption is gone on with when the same command is given again.",
	.first = "id",
	.options = put_options,
	.run = run_put,
};
