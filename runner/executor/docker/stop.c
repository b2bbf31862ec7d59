/* Stopping an attempt's container. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "executor/docker/life.h"
#include "executor/stop.h"

enum {
	FROZEN_MS = 50, /* how often a frozen init is looked at */
	CGROUP_TEXT_MAX = 64 * 1024,
};

static void on_signaled(void *arg, const char *text, const struct error *err)
{
	struct attempt *a = arg;

	(void)text;
	(void)err; /* it has ended, then */
	a->pending--;
	if (a->state == DOCKER_RUNNING && a->is_stopping && !a->was_killed && !a->has_ended) {
		if (a->init > 0)
			(void)stop_others(a->init, a->stop_signal);
		docker_wake(a, 0);
	}
	docker_settle(a);
}

static void send_signal(struct attempt *a, int sig)
{
	AUTO_FREE char *what = xasprintf("/kill?signal=%d", sig);

	docker_ask_for(a, "POST", what, on_signaled);
}

/* The number is one of the daemon's machine, which need not be this one. */
static bool is_container(pid_t pid, const char *container)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(CGROUP_TEXT_MAX);
	AUTO_FREE char *path = xasprintf("/proc/%d/cgroup", (int)pid);

	return io_read_file(AT_FDCWD, path, &text) == 0 && strstr(strbuf_str(&text), container);
}

/* What its first process, if it has no handler, would let pass: see stop.h. */
static void on_init_known(void *arg, const char *text, const struct error *err)
{
	struct attempt *a = arg;
	AUTO_JSON cJSON *doc = NULL;
	struct error ignored;

	a->pending--;
	if (a->state == DOCKER_RUNNING && !a->was_killed) {
		if (!err && json_parse(text, strlen(text), "answer", &doc, &ignored) == 0)
			a->init = (pid_t)json_int(json_obj(doc, "State"), "Pid", 0);
		if (a->init > 0 && !is_container(a->init, a->container))
			a->init = 0;
		a->is_frozen = a->init > 0 && stop_has_default(a->init, a->stop_signal);
		send_signal(a, a->is_frozen ? SIGSTOP : a->stop_signal);
	}
	docker_settle(a);
}

void docker_apply_stops(struct attempt *a)
{
	if (a->state != DOCKER_RUNNING || a->has_ended)
		return;
	if (a->stops >= 2 && !a->was_killed) {
		a->was_killed = true;
		send_signal(a, SIGKILL);
	} else if (a->stops == 1 && !a->is_stopping) {
		a->is_stopping = true;
		a->deadline_ms = clock_mono_ms() + (int64_t)a->grace_ms;
		docker_ask_for(a, "GET", "/json", on_init_known);
	}
}

void docker_watch_stop(struct attempt *a)
{
	int64_t left = a->deadline_ms - clock_mono_ms();

	if (left <= 0 || (a->is_frozen && stop_others(a->init, 0) == 0)) {
		a->stops = 2;
		docker_apply_stops(a);
		return;
	}
	docker_wake(a, a->is_frozen && left > FROZEN_MS ? FROZEN_MS : left);
}

void docker_attempt_stop(struct attempt *a, bool now)
{
	a->stops = now ? 2 : a->stops + 1;
	if (a->state == DOCKER_SENDING || a->state == DOCKER_FETCHING)
		atomic_store(&a->quits, true);
	if (a->state == DOCKER_READY && !a->may_go)
		docker_wake(a, 0);
	docker_apply_stops(a);
}
