/*
 * The command line.  One `struct cli_command` per command is the single source for parsing, usage
 * and --help; commands.c lists them all.
 *
 *	static int run_list(struct cli *cli, const struct cli_args *args)
 *	{
 *		struct datasets *datasets;
 *		struct error err;
 *
 *		if (cli_open_datasets(cli, &datasets, &err) < 0)
 *			return cli_fail(&err);
 *		...
 *		return CLI_OK;
 *	}
 *
 * A command returns its exit status.  Results go to standard output, messages to standard error.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/config.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strbuf.h"

struct datasets;
struct images;
struct meter;

enum cli_status {
	CLI_OK = 0,
	CLI_FAILED = 1, /* a job failed */
	CLI_USAGE = 2,  /* usage, spec or other input is wrong */
	CLI_LACKS = 3,  /* this machine lacks something */
	CLI_BROKEN = 4, /* the machinery failed */
};

/* What a word of the command line names, for the shells to complete it. */
enum cli_complete {
	COMPLETE_NOTHING, /* unless the value is shown as a choice: "host|none" */
	COMPLETE_FILE,    /* of this machine */
	COMPLETE_DIR,
	COMPLETE_BOOL, /* an option without it is true */
	COMPLETE_DATASET,
	COMPLETE_VERSION,      /* DATASET, DATASET:VERSION or DATASET:TAG; committed ones */
	COMPLETE_OPEN_VERSION, /* DATASET:VERSION */
	COMPLETE_TAG,          /* DATASET:TAG */
	COMPLETE_VERSION_PATH, /* a path in the version of --id */
	COMPLETE_RUN,
	COMPLETE_UNFINISHED_RUN,
	COMPLETE_JOB, /* of the run that the first argument names */
	COMPLETE_WORKFLOW,
	COMPLETE_IMAGE,
	COMPLETE_PROVIDER,
	COMPLETE_INPUT, /* NAME=VALUE, the inputs of the workflow file */
};

struct cli_option {
	const char *name;  /* without the dashes: "source-path" */
	const char *other; /* another spelling: "sourcePath", or NULL */
	char letter;       /* 'f' for -f, or 0 */
	const char *value; /* what its value is called: "PATH"; NULL: it takes none */
	const char *help;  /* one sentence, wrapped when shown */
	bool repeatable, required;
	bool secret;                /* a file of options does not get its value */
	enum cli_complete complete; /* what its value is */
};

struct cli_args;
struct cli;

struct cli_command {
	const char *words;     /* "datasets versions list" */
	const char *arguments; /* as shown in the usage: "FILE...", or NULL */
	const char *summary;   /* one line, for the list of commands */
	const char *help;      /* paragraphs with a blank line between, or NULL; a line that begins
	                          with a blank is shown as it is */
	const char *first;     /* the option that a first argument may stand for, or NULL */
	size_t min_rest;       /* how many arguments there must and may be, not counting that */
	size_t max_rest;       /* CLI_MANY: any number */
	enum cli_complete complete[2];    /* what the first of these is, and those after it */
	const struct cli_option *options; /* ended by one without a name, or NULL */
	bool spends;                      /* it looks or frees space: see base/reserve.h */
	int (*run)(struct cli *cli, const struct cli_args *args);
	bool in_userns; /* of an ordinary user: it works on what belongs to a container's users */
};

#define CLI_MANY ((size_t)-1)

/* A word that several commands begin with. */
struct cli_group {
	const char *words;
	const char *summary;
};

/* All commands, in the order of the help; and all groups.  Ended by one without words. */
extern const struct cli_command *const cli_commands[];
extern const struct cli_group cli_groups[];

/* What all commands know of the process.  Opened things are closed by cli_main. */
struct cli {
	bool json;                   /* --json was given */
	bool spends;                 /* as the command's */
	bool quiet;                  /* -q: results and errors only */
	bool out_tty, err_tty;       /* standard output, standard error are terminals */
	bool out_cursor, err_cursor; /* ... whose cursor can be moved: not TERM=dumb */
	bool out_colour, err_colour; /* ... and NO_COLOR is not set */
	unsigned columns;            /* of the terminal on standard output; 0: not one */
	char *home;                  /* use cli_home() */
	struct config *config;       /* use cli_config() */
	struct datasets *datasets;   /* use cli_open_datasets() */
	struct images *images;       /* use cli_open_images() */
	struct gpus *gpus;           /* use cli_gpus() */
	struct meter *meter;         /* of public.c */
};

/* Everything: parses, runs, flushes; returns the exit status. */
int cli_main(int argc, char **argv);

/* --- arguments (args.c) -------------------------------------------------------------------- */

/* The last value given for an option of the command's table, or NULL.  `name` is its `name`. */
const char *args_get(const struct cli_args *args, const char *name);

/* Was it given? */
bool args_has(const struct cli_args *args, const char *name);

/* All values of a repeatable one: *ret_n of them, in order, borrowed. */
const char *const *args_all(const struct cli_args *args, const char *name, size_t *ret_n);

/* "true" or "false" (also yes, no, 1, 0, on, off; any case); `otherwise` if it is not given. */
int args_bool(const struct cli_args *args, const char *name, bool otherwise, bool *ret_value,
              struct error *err) MUST_USE;

/* The arguments that stand for no option. */
size_t args_n_rest(const struct cli_args *args);
const char *args_rest(const struct cli_args *args, size_t i); /* NULL beyond the last */

/* Puts stars over a value, or the end of one, which other users can read in argv while the command
 * runs. */
void args_hide(const char *value);

/* --- results and errors -------------------------------------------------------------------- */

/* Prints "sluice: MESSAGE" on standard error; returns the exit status for the error's class. */
int cli_fail(const struct error *err);

/* The same for what the user got wrong: CLI_USAGE, with a line on where to find help. */
int cli_usage(const struct cli_args *args, const char *fmt, ...) SLUICE_PRINTF(2, 3);

/* A note on standard error, unless --quiet. */
void cli_note(const struct cli *cli, const char *fmt, ...) SLUICE_PRINTF(2, 3);

/* How a file is called that the user named: "<stdin>" for "-". */
const char *cli_input_name(const char *path);

/* Reads a file that the user named, "-" for standard input.  Whatever is wrong with it is the
 * user's to mend: SLUICE_INVALID. */
int cli_read_input(const char *path, struct strbuf *ret_text, struct error *err) MUST_USE;

/* Prints a document, indented and in valid UTF-8, on standard output. */
void cli_print_json(cJSON *doc /* takes */);

/* --- what commands work on ----------------------------------------------------------------- */

/* Each is opened on its first use and borrowed. */
int cli_home(struct cli *cli, const char **ret_home, struct error *err) MUST_USE;
int cli_config(struct cli *cli, const struct config **ret_config, struct error *err) MUST_USE;
/* Runs that the catalog has lost are back in it, then, and it is said. */
int cli_open_datasets(struct cli *cli, struct datasets **ret_datasets, struct error *err) MUST_USE;
/* Public datasets that are asked for are fetched (as from the start), or said to be missing. */
void cli_fetch_public(struct cli *cli, bool fetch);
int cli_open_images(struct cli *cli, struct images **ret_images, struct error *err) MUST_USE;
int cli_gpus(struct cli *cli, const struct gpus **ret_gpus, struct error *err) MUST_USE;

#endif
