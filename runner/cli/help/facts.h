/* What holds for all commands, for the help and the manual: tables ended by one without a name. */
#ifndef CLI_FACTS_H
#define CLI_FACTS_H

struct cli_fact {
	const char *name;
	const char *text;
};

extern const struct cli_fact facts_exit_status[];
extern const struct cli_fact facts_environment[];
extern const struct cli_fact facts_files[]; /* relative to the home */

#endif
