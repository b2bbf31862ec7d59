/* Options of `sluice run` that other commands have, too. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#define OPTIONS_SECRETS                                                                            \
	{ .name = "secret",                                                                        \
	  .value = "NAME=VALUE",                                                                   \
	  .help = "A secret for secret:NAME. Other users may see the value while the command "     \
		  "starts, and shells note it in their history: --secret-env does not show it.",   \
	  .repeatable = true },                                                                    \
		{ .name = "secret-env",                                                            \
		  .value = "NAME[=VARIABLE]",                                                      \
		  .help = "A secret from the environment; variable NAME unless another is named.", \
		  .repeatable = true },                                                            \
	{                                                                                          \
		.name = "env-file", .value = "FILE",                                               \
		.help = "Secrets from a file of NAME=VALUE lines; 'export ' may stand before "     \
			"them, quotes around a whole value go, and nothing in it is "              \
			"expanded.",                                                               \
		.repeatable = true, .complete = COMPLETE_FILE                                      \
	}

#define OPTION_PROGRESS                                                                                  \
	{                                                                                                \
		.name = "progress", .value = "auto|plain|live",                                          \
		.help = "Log lines as they come, or above a block that shows what each job does (auto: " \
			"live on a terminal)."                                                           \
	}

#define OPTION_RUNTIME                                                                                  \
	{                                                                                               \
		.name = "runtime", .value = "PATH",                                                     \
		.help = "The OCI runtime (default: $SLUICE_RUNTIME, else crun or runc, the first that " \
			"works).",                                                                      \
		.complete = COMPLETE_FILE                                                               \
	}

#endif
