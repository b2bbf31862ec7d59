/* What `files put`, `versions create` and `datasets put` have in common: where files come from. */
#ifndef CLI_DATASETS_PUT_H
#define CLI_DATASETS_PUT_H

#include "cli/cli.h"
#include "dataset/dataset.h"

/* The options of a source, for the tables of these commands. */
#define PUT_SOURCE_HELP                                                                         \
	"A file or directory of this machine, an http or https URL, or '-', standard input. A " \
	"directory keeps its name, unless PATH ends in '/'."
#define OPTION_TARGET_PATH                                                                    \
	{                                                                                     \
		.name = "target-path", .other = "targetPath", .value = "PATH",                \
		.help = "The directory in the version to put it into; without it, the root.", \
		.complete = COMPLETE_VERSION_PATH,                                            \
	}
#define OPTION_UNPACK                                                                             \
	{                                                                                         \
		.name = "unpack",                                                                 \
		.help = "The sources are archives, tar or zip, also compressed: what is in them " \
			"is put.",                                                                \
	}
#define OPTION_SHA256                                                                       \
	{                                                                                   \
		.name = "sha256", .value = "DIGEST",                                        \
		.help = "What the SHA-256 of the one source must be; else nothing is put.", \
	}

struct put_sources {
	const char *const *path;
	size_t n;
	struct datasets_put_how how;
	struct digest digest; /* that `how` points to */
};

/* Puts all of them into an open version. */
int put_sources(struct cli *cli, struct datasets *datasets, const struct dataset_version *version,
                struct put_sources *s, struct error *err) MUST_USE;

/* Makes a version of them and says so; returns the exit status. */
int put_new_version(struct cli *cli, const struct cli_args *args, struct put_sources *s);

#endif
