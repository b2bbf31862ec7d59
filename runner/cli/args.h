/* Parsing of one command's arguments, after its own words, by its option table.  Pure. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "cli/cli.h"

/* The options that every command knows: --help, --quiet. */
extern const struct cli_option args_common[];

/* Those that a command has beside them, ended by one without a name: what every command of the
 * `gradient` command line took, where there was such a command. */
const struct cli_option *args_inherited(const struct cli_command *command);

struct args_setting {
	const struct cli_option *option;
	const char **value; /* n of them; NULL where the option takes none */
	size_t n, cap;
};

struct cli_args {
	const struct cli_command *command;
	struct args_setting *setting; /* one per option: the command's, then those of all */
	size_t n_settings;
	const char **rest; /* borrowed from argv */
	size_t n_rest, cap_rest;
	char **owned; /* values that do not come from argv */
	size_t n_owned, cap_owned;
};

/*
 * Reads argv[0] .. argv[argc - 1]: --name value, --name=value, -x, -xVALUE, flags together (-fq),
 * options and arguments in any order, "--" ends the options, "-" is an argument.  Release what
 * came out in any case.
 */
int args_parse(const struct cli_command *command, int argc, char *const *argv,
               struct cli_args *ret_args, struct error *err) MUST_USE;

/* What must be there is there, and no argument too many.  Apart, because --help comes first. */
int args_check(const struct cli_args *args, struct error *err) MUST_USE;

/* Does the command have this option at all? */
bool args_knows(const struct cli_args *args, const char *name);

/* Its option and what was given; the command has it. */
const struct args_setting *args_setting(const struct cli_args *args, const char *name);

/* Gives an option, by any of its spellings, a value that is copied (NULL where it takes none). */
int args_add(struct cli_args *args, const char *name, const char *value,
             struct error *err) MUST_USE;

void args_release(struct cli_args *args);

#endif
