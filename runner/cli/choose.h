/* Which command the first words of a command line name.  Pure. */
#ifndef CLI_CHOOSE_H
#define CLI_CHOOSE_H

#include "cli/cli.h"

struct choice {
	const struct cli_command *command; /* NULL: a group */
	char *words;                       /* those that were understood; the caller frees it */
	int n;                             /* how many */
};

/* As many words as name a command or a group of them. */
struct choice choose_command(int argc, char *const *argv);

/* The next word of a command that stands below `group`: "versions" of "datasets versions list".
 * NULL if it does not; the caller frees it. */
char *choose_next_word(const char *command, const char *group);

#endif
