#include "cli/workflow/session.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "cli/workflow/secrets.h"
#include "loop/work.h"

enum { INPUTS_MAX = 64 << 20 };

int session_fail(struct session *s)
{
	s->status = cli_fail(&s->err);
	return s->err.class;
}

int session_fail_with(struct session *s, enum sluice_err class, const char *fmt, ...)
{
	va_list ap;

	s->err = (struct error){ .class = (int)class };
	va_start(ap, fmt);
	(void)vsnprintf(s->err.msg, sizeof s->err.msg, fmt, ap);
	va_end(ap);
	return session_fail(s);
}

static int make_view(struct session *s)
{
	const char *how = args_get(s->args, "progress");
	bool log_events = args_has(s->args, "logs");

	if (log_events && !s->cli->json)
		return session_fail_with(
			s, SLUICE_INVALID,
			"--logs goes with --json: without it log lines are shown anyway");
	if (view_new(&s->loop, s->cli, how ? how : "auto", log_events, &s->view, &s->err) < 0)
		return session_fail(s);
	return 0;
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct session *s = handle->data;

	if (s->waits) {
		left_runs_leave(s->left_runs);
		return;
	}
	if (!s->canceled)
		view_notice(s->view, signum == SIGQUIT ? "stopping at once"
		                     : signum == SIGINT
		                             ? "stopping; Ctrl-C again kills at once"
		                             : "stopping; a second signal kills at once");
	if (!s->canceled && signum == SIGQUIT)
		run_cancel(s->run, signum); /* it stands for two */
	s->canceled = true;
	run_cancel(s->run, signum);
}

static void watch_signals(struct session *s)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		(void)uv_signal_init(&s->loop, &s->signals[i]);
		s->signals[i].data = s;
		(void)uv_signal_start(&s->signals[i], on_signal, numbers[i]);
		uv_unref((uv_handle_t *)&s->signals[i]);
	}
}

int session_start_and_wait(struct session *s)
{
	view_begin(s->view, s->run, s->options.workflow);
	watch_signals(s);
	if (run_start(s->run, &s->err) < 0)
		return session_fail(s);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	if (run_error(s->run)) {
		s->err = *run_error(s->run);
		(void)session_fail(s);
	}
	if (!run_error(s->run) || s->err.class == SLUICE_CANCELED)
		s->status = run_exit_status(s->run);
	return 0;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void release(struct session *s)
{
	uv_walk(&s->loop, close_handle, NULL);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	run_free(s->run);
	left_free(s->left);
	left_runs_free(s->left_runs);
	executor_free(s->executor);
	config_registries_release(&s->registries);
	view_free(s->view);
	(void)uv_loop_close(&s->loop);
	for (size_t i = 0; s->proxies && s->proxies[i]; i++)
		free(s->proxies[i]);
	for (size_t i = 0; s->given_names && s->given_names[i]; i++)
		free(s->given_names[i]);
	free(s->proxies);
	free(s->given_names);
	free(s->given);
	event_release(&s->event);
	secrets_release(&s->secrets);
	spec_inputs_doc_free(s->inputs);
	strbuf_release(&s->inputs_text);
	workflow_file_release(&s->source);
	free(s->workflow);
	free(s->dir);
}

int session_live(struct cli *cli, const struct cli_args *args, int (*live)(struct session *s))
{
	struct session s = {
		.cli = cli,
		.args = args,
		.source = WORKFLOW_FILE_INIT,
		.inputs_text = STRBUF_INIT(INPUTS_MAX),
	};

	work_init_pool(parallel_cores());
	(void)uv_loop_init(&s.loop);
	if ((make_view(&s) < 0 || live(&s) < 0) && s.view)
		view_error(s.view, s.err.msg, s.status);
	release(&s);
	return s.status;
}
