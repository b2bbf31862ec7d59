/*
 * What `sluice run` and `sluice runs resume` hold from their first line to their last, and what is
 * the same in the lives of both.  On the loop's thread.
 *
 *	static int live(struct session *s)
 *	{
 *		if (settings_read(s) < 0 || given_read(s) < 0 || ...)
 *			return s->err.class;
 *		...
 *		return session_start_and_wait(s);
 *	}
 *
 *	static int run(struct cli *cli, const struct cli_args *args)
 *	{
 *		return session_live(cli, args, live);
 *	}
 *
 * A function that takes a session returns 0, or the class of s->err, which the user has been told
 * then.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <uv.h>

#include "base/config_registries.h"
#include "base/map.h"
#include "cli/cli.h"
#include "cli/runs/left.h"
#include "cli/view/view.h"
#include "cli/workflow/event.h"
#include "cli/workflow/file.h"
#include "engine/left.h"
#include "engine/run.h"
#include "executor/executor.h"

/* Everything that one run needs, in the order in which it is made. */
struct session {
	struct cli *cli;
	const struct cli_args *args;
	const char *file;
	char *workflow;
	char *dir; /* of the workflow file */
	struct workflow_file source;
	struct strbuf inputs_text;
	struct spec_inputs_doc *inputs;
	struct map secrets;
	struct event event;
	struct config_registries registries; /* as this workflow sees them */
	char **proxies;
	struct run_given *given;
	char **given_names;
	size_t n_given;
	const char *network; /* by name; NULL: the best that works */
	struct run_options options;
	uv_loop_t loop;
	struct executor *executor;
	struct view *view;
	struct run *run;
	struct left *left;           /* what is gone on with */
	struct left_runs *left_runs; /* of others, beside this one */
	uv_signal_t signals[4];
	bool canceled;
	bool waits; /* for left_runs: its own run has ended */
	struct error err;
	int status; /* once something has been said about a failure */
};

/* A whole life: the loop and the view, what `live` does, and the release of everything.  Returns
 * the exit status. */
int session_live(struct cli *cli, const struct cli_args *args, int (*live)(struct session *s));

/* Tells the user what is in s->err, or this. */
int session_fail(struct session *s);
int session_fail_with(struct session *s, enum sluice_err class, const char *fmt, ...)
	SLUICE_PRINTF(3, 4);

/* From the start of s->run to the end of its last job; signals cancel it. */
int session_start_and_wait(struct session *s);

#endif
