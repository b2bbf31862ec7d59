/* sluice completion: the scripts of completion/, which the build puts into completion_scripts.h. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "completion_scripts.h"

static int run_completion(struct cli *cli, const struct cli_args *args)
{
	static const struct {
		const char *shell;
		const char *script;
	} table[] = {
		{ "bash", SCRIPT_BASH },
		{ "zsh", SCRIPT_ZSH },
		{ "fish", SCRIPT_FISH },
	};
	const char *shell = args_rest(args, 0);

	(void)cli;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(table[i].shell, shell) == 0) {
			(void)fputs(table[i].script, stdout);
			return CLI_OK;
		}
	return cli_usage(args, "there is no completion for the shell '%s'", shell);
}

const struct cli_command cmd_completion = {
	.words = "completion",
	.arguments = "bash|zsh|fish",
	.summary = "Print a script that lets a shell complete the words of a command line.",
	.help = "An installed sluice has its scripts where the shells look for them. Without that, "
		"in the shell's start-up file:\n\n"
		"    source <(sluice completion bash)       # bash\n"
		"    source <(sluice completion zsh)        # zsh, after compinit\n"
		"    sluice completion fish | source        # fish\n\n"
		"The scripts ask 'sluice complete -- WORD...', which prints a line for each word that "
		"may stand in the last one's place.",
	.min_rest = 1,
	.max_rest = 1,
	.run = run_completion,
};
