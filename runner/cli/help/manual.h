/*
 * Manual pages, made from the tables.  Pure: text out, in the macros of man(7).
 *
 * A page is called sluice-WORDS, a blank in the words being a '-'; the whole program's is sluice.
 */
#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H

#include "base/strbuf.h"
#include "cli/cli.h"

void manual_command(struct strbuf *sb, const struct cli_command *command);

/* The page of a group of commands; "" is the whole program. */
void manual_group(struct strbuf *sb, const struct cli_group *group);

/* "sluice-datasets-create"; the caller frees it. */
char *manual_page_name(const char *words);

#endif
