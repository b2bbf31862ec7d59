/*
 * What a person sees of a run.  Results, log lines and the summary go to standard output, notices
 * to standard error.
 *
 *	quiet   the versions made (one NAME:VERSION a line), what went wrong and what is waited for
 *	plain   log lines as they come, each behind its job's name, ends of jobs, a summary
 *	live    the same above a block that shows what each job does, redrawn in place
 *
 * Scripts (--json) get events instead: each a line of JSON on standard output.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include <uv.h>

#include "cli/cli.h"
#include "cli/workflow/diags.h"
#include "engine/run.h"

struct view;

/* `how`: "plain", "live", or "auto", which is live on a terminal; --json and --quiet go before all
 * of them.  SLUICE_INVALID says what `how` may be.  `log_events`: with --json, log lines too. */
int view_new(uv_loop_t *loop, const struct cli *cli, const char *how, bool log_events,
             struct view **ret_view, struct error *err) MUST_USE;
void view_free(struct view *view); /* takes NULL */

/* The run's hooks: fill them into run_new(); then view_begin() before run_start(). */
struct run_hooks view_hooks(struct view *view);
void view_begin(struct view *view, const struct run *run, const char *workflow);

/* A sentence before the run exists or after its end; one that insists is said with --quiet too. */
void view_notice(void *view, const char *text);
void view_insist(void *view, const char *text);

/* Diagnostics and the error that ended it, which are on standard error already: for scripts. */
void view_diags(struct view *view, const struct diags_shown *d);
void view_error(struct view *view, const char *message, int status);

/* --dry-run: the plan with resolved versions and images. */
void view_plan(struct view *view, struct run *run, const char *workflow);

#endif
