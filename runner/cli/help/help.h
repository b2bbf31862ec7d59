/* Help, made from the tables.  Pure: text out. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "base/strbuf.h"
#include "cli/cli.h"

/* The help of one command: usage, what it does, every option in every spelling. */
void help_command(struct strbuf *sb, const struct cli_command *command, size_t width);

/* The commands that begin with these words; "" is the whole program. */
void help_group(struct strbuf *sb, const char *words, size_t width);

#endif
