/* store gc --provider: garbage in a bucket. */
#ifndef CLI_STORE_BUCKET_H
#define CLI_STORE_BUCKET_H

#include "cli/cli.h"

int gc_bucket(struct cli *cli, const struct cli_args *args);

#endif
