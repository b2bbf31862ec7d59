/* What a person sees while an image is pulled by a command. */
#ifndef CLI_PULLING_H
#define CLI_PULLING_H

#include "cli/cli.h"
#include "image/image.h"

/* images_pull() with the configured registries; on a terminal, with lines that say how far it and
 * each layer is, until it has ended. */
int pulling(struct cli *cli, const char *ref, enum images_pull_when when, char ret_digest[72],
            struct error *err) MUST_USE;

#endif
