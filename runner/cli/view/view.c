#include "cli/view/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "cli/view/view_kind.h"
#include "cli/workflow/plan.h"

struct view {
	const struct view_kind *kind;
	void *arg;
};

static int check_how(const struct cli *cli, const char *how, struct error *err)
{
	if (strcmp(how, "auto") != 0 && strcmp(how, "plain") != 0 && strcmp(how, "live") != 0)
		return error_set(err, SLUICE_INVALID,
		                 "--progress takes auto, plain or live, not '%s'", how);
	if (strcmp(how, "live") == 0 && !cli->out_cursor)
		return error_set(err, SLUICE_INVALID,
		                 "--progress live needs a terminal that is not TERM=dumb");
	return 0;
}

static const struct view_kind *choose(const struct cli *cli, const char *how, bool log_events)
{
	if (cli->json)
		return log_events ? &view_events_with_logs : &view_events;
	if (cli->quiet)
		return &view_quiet;
	return cli->out_cursor && strcmp(how, "plain") != 0 ? &view_live : &view_plain;
}

int view_new(uv_loop_t *loop, const struct cli *cli, const char *how, bool log_events,
             struct view **ret_view, struct error *err)
{
	int rc = check_how(cli, how, err);
	struct view *view;

	if (rc < 0)
		return rc;
	view = xcalloc(1, sizeof *view);
	view->kind = choose(cli, how, log_events);
	view->arg = view->kind->make(loop, cli);
	*ret_view = view;
	return 0;
}

void view_free(struct view *view)
{
	if (!view)
		return;
	view->kind->free(view->arg);
	free(view);
}

struct run_hooks view_hooks(struct view *view)
{
	return (struct run_hooks){
		.on_job = view->kind->job,
		.on_notice = view->kind->notice,
		.on_pull = view->kind->pull,
		.on_end = view->kind->end,
		.arg = view->arg,
	};
}

void view_begin(struct view *view, const struct run *run, const char *workflow)
{
	const struct executor *e = run_executor(run);
	AUTO_FREE char *text = xasprintf("jobs run by %s: %s", e->name, e->what);

	view->kind->begin(view->arg, run, workflow);
	if (!view->kind->diags) /* scripts have it in an event */
		view->kind->notice(view->arg, text);
}

void view_notice(void *view, const char *text)
{
	const struct view *v = view;

	v->kind->notice(v->arg, text);
}

void view_insist(void *view, const char *text)
{
	const struct view *v = view;

	if (v->kind->insist)
		v->kind->insist(v->arg, text);
	else
		view_notice(view, text);
}

void view_diags(struct view *view, const struct diags_shown *d)
{
	if (view->kind->diags)
		view->kind->diags(view->arg, d);
}

void view_error(struct view *view, const char *message, int status)
{
	if (view->kind->error)
		view->kind->error(view->arg, message, status);
}

void view_plan(struct view *view, struct run *run, const char *workflow)
{
	if (view->kind->plan)
		view->kind->plan(view->arg, run, workflow);
	else
		plan_print(run, workflow);
}
