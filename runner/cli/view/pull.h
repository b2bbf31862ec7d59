/* The pull of a run's images, before its jobs: a line at the foot of a terminal, else a notice at
 * its begin and one at its end. */
#ifndef CLI_VIEW_PULL_H
#define CLI_VIEW_PULL_H

#include "cli/meter.h"
#include "engine/run.h"

struct pull_shown {
	struct meter meter;
	bool begun;
};

void pull_show(struct pull_shown *shown, const struct cli *cli, const struct run_pull *pull);

#endif
