/* An executor for a command. */
#ifndef CLI_EXECUTOR_H
#define CLI_EXECUTOR_H

#include <uv.h>

#include "cli/cli.h"
#include "executor/executors.h"

/* As executors_open(), with the command's home and images; the caller frees it before the loop is
 * closed. */
int cli_open_executor(struct cli *cli, uv_loop_t *loop, const char *name,
                      const struct executor_options *options, struct executor **ret_executor,
                      struct error *err) MUST_USE;

#endif
