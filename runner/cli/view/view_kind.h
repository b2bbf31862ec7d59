/* The kinds of view, one file each; view.c chooses.  `arg` is what make() returned. */
#ifndef CLI_VIEW_KIND_H
#define CLI_VIEW_KIND_H

#include "cli/view/view.h"

struct view_kind {
	void *(*make)(uv_loop_t *loop, const struct cli *cli);
	void (*begin)(void *arg, const struct run *run, const char *workflow);
	void (*job)(void *arg, const struct run_job *job); /* as in struct run_hooks */
	void (*notice)(void *arg, const char *text);
	void (*insist)(void *arg, const char *text);          /* or NULL: a notice does */
	void (*pull)(void *arg, const struct run_pull *pull); /* or NULL */
	void (*end)(void *arg);
	void (*free)(void *arg);
	/* NULL: these are for scripts only */
	void (*diags)(void *arg, const struct diags_shown *d);
	void (*plan)(void *arg, struct run *run, const char *workflow);
	void (*error)(void *arg, const char *message, int status);
};

extern const struct view_kind view_quiet, view_plain, view_live, view_events, view_events_with_logs;

#endif
