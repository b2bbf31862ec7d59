/*
 * A command's options in a YAML file, as the `gradient` command line had them (--optionsFile):
 *
 *	id: texts
 *	sourcePath: [./my-texts/, ./more]    one, or a list where an option can be repeated
 *	message:                             nothing: it is not given
 *	json: true                           of an option without a value
 */
#ifndef CLI_OPTIONS_FILE_H
#define CLI_OPTIONS_FILE_H

#include "cli/args.h"

/* Gives `args` what the file has and the command line has not.  SLUICE_INVALID: "PATH:LINE: ...".
 */
int options_file_read(const char *path, struct cli_args *args, struct error *err) MUST_USE;

/* Writes a file of all options, with what is given as their values; it must not be there. */
int options_file_write(const char *path, const struct cli_args *args, struct error *err) MUST_USE;

#endif
