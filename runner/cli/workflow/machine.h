/* What this machine has, and how much of it a run may use. */
#ifndef CLI_WORKFLOW_MACHINE_H
#define CLI_WORKFLOW_MACHINE_H

#include "cli/cli.h"
#include "engine/run.h"

/* --cpus and --memory. */
int machine_caps(const struct cli_args *args, struct run_options *options,
                 struct error *err) MUST_USE;

/* How many jobs run at once if nobody says it: one for each core that the run may use. */
unsigned machine_places(const struct run_options *options);

/* Fills options->machine, which is the one that jobs run on, and ->instances.  A cap that is higher
 * than what there is is SLUICE_MISSING. */
int machine_look(struct cli *cli, const struct executor *executor, struct run_options *options,
                 struct error *err) MUST_USE;

#endif
