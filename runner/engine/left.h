/*
 * A run that its runner left: it was killed, or the machine went down.  Its jobs go on under their
 * shims, and another runner goes on with the run:
 *
 *	left_take(...)          it is ours now, and nobody else's; what was recorded of it is read
 *	left_options(...)       how it was started
 *	run_resume(...)         instead of run_new(); then run_start(), hooks, run_free()
 *	left_free(...)          after run_free()
 *
 * or left_end() ends it for good.  Loop thread.
 */
#ifndef ENGINE_LEFT_H
#define ENGINE_LEFT_H

#include "base/json.h"
#include "catalog/catalog.h"
#include "engine/run.h"

struct left;

/* `uuid` of a run.  SLUICE_EXISTS: another runner owns it; SLUICE_INVALID: it has ended. */
int left_take(struct catalog *catalog, const char *home, const char *uuid, struct left **ret_left,
              struct error *err) MUST_USE;
void left_free(struct left *left); /* takes NULL; lets go of a run that was not resumed */

const char *left_text(const struct left *left);     /* of its spec */
const char *left_workflow(const struct left *left); /* its name */
/* Its number within the workflow. */
int64_t left_number(const struct left *left);
/* False if the machine was started anew since: then its jobs are gone, and start again. */
bool left_is_of_this_boot(const struct left *left);

/* The secrets that a job which has yet to start needs and that `secrets` lacks, as "'a', 'b'"; ""
 * if there are none.  The caller frees it. */
char *left_missing_secrets(const struct left *left, const struct spec *spec,
                           const struct map *secrets);

/* Fills all but home, spec, secrets and the context's proxies, which are not recorded; borrowed
 * from LEFT.  Fails if what was recorded cannot be read: then there is only left_end(). */
int left_options(const struct left *left, struct run_options *options, struct error *err) MUST_USE;

/*
 * As run_new(); takes the ownership over from LEFT, which must live as long as the run.  Nothing
 * changes before run_start().
 */
int run_resume(uv_loop_t *loop, struct datasets *datasets, struct executor *executor,
               const struct run_options *options, struct left *left, const struct run_hooks *hooks,
               struct run **ret_run, struct error *err) MUST_USE;

/* Ends what still runs of it, forgets its open versions and records it as canceled.  Blocks,
 * seconds at most.  `left` is to be freed afterwards. */
int left_end(struct left *left, struct datasets *datasets, struct executor *executor,
             struct error *err) MUST_USE;

/*
 * What was given to a run, and what it was resolved to, as plan.c writes it ("inputs", "pins",
 * "images", "targets"); the caller frees it.  NULL for a run that never started.
 */
int left_read_plan(const char *home, const char *uuid, cJSON **ret_plan,
                   struct error *err) MUST_USE;

/*
 * Brings the rows of runs back whose directories are there: the catalog was lost, or an older copy
 * was put in its place.  With `all` also of those that it knows, as it may know only parts of them.
 * Directories of runs that were killed before they were recorded are removed.
 */
int left_sweep(struct catalog *catalog, const char *home, bool all, uint64_t *ret_restored,
               struct error *err) MUST_USE;

#endif
