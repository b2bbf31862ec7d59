/*
 * What `sluice run` does about runs in its home that their runners left: whatever can go on without
 * more being known does, each in a `sluice runs resume` of its own; of the others it says how.
 *
 *	left_runs_go_on(...)     before the run starts
 *	left_runs_wait(...)      once it has ended
 *	left_runs_free(...)      when the loop is closed
 */
#ifndef CLI_LEFT_H
#define CLI_LEFT_H

#include <uv.h>

#include "catalog/catalog.h"
#include "cli/cli.h"

typedef void left_notice_fn(void *arg, const char *text);

struct left_runs;

/* The processes do not keep the loop alive. */
int left_runs_go_on(uv_loop_t *loop, struct catalog *catalog, const char *home,
                    left_notice_fn *notice, void *arg, struct left_runs **ret_runs,
                    struct error *err) MUST_USE;
/* Keeps the loop alive until they have ended, or left_runs_leave() is called.  From here on what
 * there is to say goes to `notice`, with the same `arg`. */
void left_runs_wait(struct left_runs *runs, left_notice_fn *notice);
/* Those that are waited for go on without us. */
void left_runs_leave(struct left_runs *runs);
void left_runs_free(struct left_runs *runs); /* takes NULL */

/* Ends a run that has no runner: its jobs, its open versions.  SLUICE_EXISTS: it has one. */
int left_run_cancel(struct cli *cli, const char *uuid, struct error *err) MUST_USE;

#endif
