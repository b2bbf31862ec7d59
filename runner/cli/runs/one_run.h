/* One run as the commands on runs see it. */
#ifndef CLI_ONE_RUN_H
#define CLI_ONE_RUN_H

#include "catalog/catalog.h"
#include "cli/cli.h"

struct one_run {
	char uuid[UUID_LEN + 1];
	char *name; /* WORKFLOW/NUMBER, as people call it */
	char *phase;
	char *message; /* or NULL */
	int64_t created_ms, started_ms, finished_ms;
};

/* `which` as catalog_each_run() takes it; SLUICE_NOT_FOUND, or SLUICE_INVALID if several fit. */
int one_run_find(struct catalog *catalog, const char *which, struct one_run *ret_run,
                 struct error *err) MUST_USE;
void one_run_release(struct one_run *run);

/* PENDING or RUNNING. */
bool one_run_is_unfinished(const struct one_run *run);

#endif
