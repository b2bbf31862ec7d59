#include "cli/choose.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* Do the words of a command begin with these, which may be none? */
static bool is_below(const char *command, const char *words)
{
	size_t len = strlen(words);

	return len == 0 ||
	       (strncmp(command, words, len) == 0 && (command[len] == ' ' || command[len] == '\0'));
}

static const struct cli_command *find_command(const char *words)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		if (strcmp((*c)->words, words) == 0)
			return *c;
	return NULL;
}

static bool is_group(const char *words)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		if (is_below((*c)->words, words))
			return true;
	return false;
}

struct choice choose_command(int argc, char *const *argv)
{
	struct choice choice = { .words = xstrdup("") };

	while (choice.n < argc && !choice.command && argv[choice.n][0] != '-') {
		char *more =
			xasprintf("%s%s%s", choice.words, choice.n > 0 ? " " : "", argv[choice.n]);

		if (strchr(argv[choice.n], ' ') || !argv[choice.n][0] || !is_group(more)) {
			free(more);
			break;
		}
		free(choice.words);
		choice.words = more;
		choice.n++;
		choice.command = find_command(more);
	}
	return choice;
}

char *choose_next_word(const char *command, const char *group)
{
	size_t len = strlen(group);

	if (!is_below(command, group) || command[len] == '\0')
		return NULL;
	command += len + (len > 0);
	return xstrndup(command, strcspn(command, " "));
}
