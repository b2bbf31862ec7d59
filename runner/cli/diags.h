/* What spec/ says of a file, for people and for scripts. */
#ifndef CLI_DIAGS_H
#define CLI_DIAGS_H

#include "base/json.h"
#include "cli/cli.h"
#include "spec/spec.h"

/* Prints each with its line of the source on standard error; with --quiet errors only. */
void diags_print(const struct cli *cli, const struct spec_diag *diags, size_t n, const char *file,
                 const struct strbuf *text);

/* {"severity", "line", "column", "message", "hint"}; no place is null. */
cJSON *diags_json(const struct spec_diag *diag);

#endif
