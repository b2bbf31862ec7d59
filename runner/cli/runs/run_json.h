/*
 * A run as JSON, in the form of Gradient's run object; the live events of `run --json` and the
 * history behind `runs list` and `runs show` are made here from the same rows.  What is not known
 * yet is left out.  The form stands in runner/cli/schema/.
 */
#ifndef CLI_RUN_JSON_H
#define CLI_RUN_JSON_H

#include "base/json.h"
#include "catalog/catalog.h"

/* {"id", "uuid", "workflow", "dtCreated", "status": {"phase", "message", "started", "finished"}} */
cJSON *run_json_summary(const struct catalog_run *run);

/* The same with "spec", and all jobs below "status".  Asks the catalog. */
int run_json_document(struct catalog *catalog, const char *home, const struct catalog_run *run,
                      cJSON **ret_doc, struct error *err) MUST_USE;

/* Adds phase, message and times. */
void run_json_add_status(cJSON *to, const struct catalog_run *run);

/* Adds phase, state, attempt, how it ended, times, and where its log is. */
void run_json_add_job(cJSON *to, const struct catalog_job *job, const char *home);

/* {"id": "NAME:VERSION", "ref": "DS:VERSION", "isCommitted"}; NAME is the id if it is NULL. */
cJSON *run_json_dataset(const char *name, const char *dataset, const char *version, bool committed);

#endif
