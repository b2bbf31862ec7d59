#include "executor/docker/attempt.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/wipe.h"
#include "base/xalloc.h"
#include "executor/bundle.h"
#include "executor/cgroup.h"
#include "executor/docker/config.h"
#include "executor/docker/files.h"
#include "executor/docker/life.h"
#include "executor/launch.h"
#include "executor/runtime_log.h"

enum { DRAIN_MS = 2000 }; /* for output after the container's end */

static void on_time(uv_timer_t *timer);

/* --- requests --------------------------------------------------------------------------------- */

/* METHOD WHAT of the container, "/start" or "?force=1". */
static struct docker_request *ask(struct attempt *a, const char *method, const char *what,
                                  bool is_long, const struct docker_hooks *hooks)
{
	AUTO_FREE char *path = xasprintf("/containers/%s%s", a->container, what);
	const struct docker_ask q = { .method = method, .path = path, .is_long = is_long };
	struct docker_hooks with = *hooks;

	with.arg = a;
	a->pending++;
	return docker_ask(a->http, &a->place->host, &q, &with);
}

void docker_ask_for(struct attempt *a, const char *method, const char *what,
                    docker_done_fn *on_done)
{
	(void)ask(a, method, what, false, &(struct docker_hooks){ .on_done = on_done });
}

struct docker_request *docker_ask_long(struct attempt *a, const char *method, const char *what,
                                       const struct docker_hooks *hooks)
{
	return ask(a, method, what, true, hooks);
}

void docker_wake(struct attempt *a, int64_t ms)
{
	uv_update_time(a->place->loop);
	(void)uv_timer_start(&a->timer, on_time, ms < 0 ? 0 : (uint64_t)ms, 0);
}

/* --- running ---------------------------------------------------------------------------------- */

/* By the cgroup around the container's own, which outlives it.  A few pages of the kernel's own
 * bookkeeping count there, too. */
static void measure(struct attempt *a, const cJSON *doc)
{
	uint64_t limit = (uint64_t)json_int(json_obj(doc, "HostConfig"), "Memory", 0);
	AUTO_FREE char *cgroup = xasprintf(CGROUP_PARENT "/%s", a->id);
	struct cgroup_stats stats;

	if (!a->place->has_cgroups)
		return;
	cgroup_read_stats(cgroup, &stats);
	a->result.cpu_ns = stats.cpu_ns;
	a->result.peak_bytes = limit > 0 && stats.peak_bytes > limit ? limit : stats.peak_bytes;
	a->result.oom = a->result.oom || stats.oom_kills > 0;
}

/* The daemon gives 128 and the number of the signal for what a signal has ended, as for what has
 * exited with that: only of ours is it known. */
static void on_looked(void *arg, const char *text, const struct error *err)
{
	struct attempt *a = arg;
	AUTO_JSON cJSON *doc = NULL;
	const cJSON *state;
	struct error own;

	a->pending--;
	if (!err && json_parse(text, strlen(text), "the container's state", &doc, &own) < 0)
		err = &own;
	if (err) {
		docker_fail(a, err, "how the container ended is not known");
		docker_settle(a);
		return;
	}
	state = json_obj(doc, "State");
	a->result.exit_code = (int)json_int(state, "ExitCode", 0);
	a->result.oom = json_bool(state, "OOMKilled", false);
	measure(a, doc);
	if (a->result.exit_code == 128 + SIGKILL && (a->was_killed || a->result.oom)) {
		a->result.end = ATTEMPT_SIGNALED;
		a->result.signal = SIGKILL;
		a->result.exit_code = 0;
	}
	docker_take_back(a);
	docker_settle(a);
}

static void look_if_over(struct attempt *a)
{
	if (a->state != DOCKER_RUNNING || !a->has_ended || a->output_request)
		return;
	a->state = DOCKER_LOOKING;
	(void)uv_timer_stop(&a->timer);
	if (a->has_said_all) {
		measure(a, NULL);
		docker_take_back(a);
	} else {
		docker_ask_for(a, "GET", "/json", on_looked);
	}
}

/* {"StatusCode": 0, "Error": null}.  Podman says 0 of a container that somebody removed, too, with
 * an error beside it. */
static bool ended_with_0(const char *text)
{
	AUTO_JSON cJSON *doc = NULL;
	struct error ignored;

	return json_parse(text, strlen(text), "answer", &doc, &ignored) == 0 &&
	       json_int(doc, "StatusCode", -1) == 0 && !json_obj(doc, "Error");
}

static void on_waited(void *arg, const char *text, const struct error *err)
{
	struct attempt *a = arg;

	a->pending--;
	if (err) {
		docker_fail(a, err, "cannot wait for the container's end");
	} else if (a->state == DOCKER_RUNNING) {
		a->has_ended = true;
		a->has_said_all = !a->is_limited && ended_with_0(text);
		docker_wake(a, DRAIN_MS);
		look_if_over(a);
	}
	docker_settle(a);
}

void docker_run(struct attempt *a)
{
	a->state = DOCKER_RUNNING;
	(void)docker_ask_long(a, "POST", "/wait", &(struct docker_hooks){ .on_done = on_waited });
	if (!a->place->has_cgroups)
		docker_watch_stats(a);
	docker_apply_stops(a);
}

/* That the job's command is not there is the job's own failure. */
static void refused(struct attempt *a, const struct error *err)
{
	int code = runtime_log_exit_code(err->msg);

	if (code == 0) {
		docker_fail(a, err, "cannot start the container");
		return;
	}
	docker_output_say(&a->output, err->msg);
	a->result.exit_code = code;
	docker_finish(a);
}

static int on_output(void *arg, const void *data, size_t len, struct error *err)
{
	struct attempt *a = arg;

	return a->state >= DOCKER_REMOVING ? 0 : docker_output_feed(&a->output, data, len, err);
}

static void on_output_end(void *arg, const char *text, const struct error *err)
{
	struct attempt *a = arg;

	(void)text;
	a->pending--;
	a->output_request = NULL;
	if (err && a->state == DOCKER_ATTACHING) /* Podman creates it now */
		refused(a, err);
	else if (err && err->class != SLUICE_CANCELED)
		docker_fail(a, err, "the container's output is lost");
	look_if_over(a);
	docker_settle(a);
}

static void on_started(void *arg, const char *text, const struct error *err)
{
	struct attempt *a = arg;

	(void)text;
	a->pending--;
	if (a->state == DOCKER_STARTING && err)
		refused(a, err);
	else if (a->state == DOCKER_STARTING)
		docker_run(a);
	docker_settle(a);
}

/* Not from inside the head of another answer: what asks again waits for the timer. */
static void on_attached(void *arg, const struct http_response *r)
{
	(void)r;
	docker_wake(arg, 0);
}

static void start(struct attempt *a)
{
	a->state = DOCKER_STARTING;
	a->result.started_ms = clock_wall_ms();
	docker_ask_for(a, "POST", "/start", on_started);
}

void docker_read_log(struct attempt *a)
{
	const struct docker_hooks hooks = { .on_body = on_output, .on_done = on_output_end };

	a->output_request = docker_ask_long(a, "GET", "/logs?follow=1&stdout=1&stderr=1", &hooks);
}

static void attach(struct attempt *a)
{
	const struct docker_hooks hooks = {
		.on_head = on_attached,
		.on_body = on_output,
		.on_done = on_output_end,
	};

	a->state = DOCKER_ATTACHING;
	a->output_request =
		docker_ask_long(a, "POST", "/attach?stream=1&stdout=1&stderr=1", &hooks);
}

static void on_time(uv_timer_t *timer)
{
	struct attempt *a = timer->data;

	if (a->state == DOCKER_READY)
		docker_withdraw(a);
	else if (a->state == DOCKER_ATTACHING)
		start(a);
	else if (a->state == DOCKER_GONE)
		docker_tell(a); /* adopted, and it had ended before */
	else if (a->has_ended && a->output_request)
		docker_cancel(a->output_request);
	else if (a->state == DOCKER_RUNNING && a->is_stopping)
		docker_watch_stop(a);
	docker_settle(a);
}

/* --- the start -------------------------------------------------------------------------------- */

void docker_ready(struct attempt *a)
{
	a->state = DOCKER_READY;
	if (a->may_go)
		attach(a);
	else if (a->stops > 0)
		docker_withdraw(a);
}

static void on_created(void *arg, const char *text, const struct error *err)
{
	struct attempt *a = arg;
	AUTO_JSON cJSON *doc = NULL;
	const char *container = NULL;
	struct error own;

	a->pending--;
	if (!err && (json_parse(text, strlen(text), "the container's id", &doc, &own) < 0 ||
	             json_need_str(doc, "Id", "the new container", &container, &own) < 0))
		err = &own;
	if (err) {
		docker_fail(a, err, "cannot create the container");
		docker_settle(a);
		return;
	}
	a->container = xstrdup(container);
	if (a->parcel)
		docker_send(a);
	else
		docker_ready(a);
	docker_settle(a);
}

bool docker_attempt_go(struct attempt *a)
{
	a->may_go = true;
	if (a->state == DOCKER_READY)
		attach(a);
	return true;
}

struct attempt *docker_attempt_new(const struct docker_place *place, const char *dir,
                                   const char *id, const struct attempt_hooks *hooks)
{
	struct attempt *a = xcalloc(1, sizeof *a);

	a->place = place;
	a->http = http_new(place->loop, 0);
	(void)uv_timer_init(place->loop, &a->timer);
	a->timer.data = a;
	a->hooks = *hooks;
	a->dir = xstrdup(dir);
	a->id = xstrdup(id);
	a->result.started_ms = clock_wall_ms();
	a->output.log.fd = -1;
	return a;
}

static void create(struct attempt *a, const char *body)
{
	AUTO_FREE char *path = xasprintf("/containers/create?name=%s", a->id);

	a->pending++;
	(void)docker_ask(a->http, &a->place->host,
	                 &(struct docker_ask){ .method = "POST", .path = path, .body = body },
	                 &(struct docker_hooks){ .on_done = on_created, .arg = a });
}

/* The body of its creation, with the files in place that it names; NULL on failure. */
static char *make_ready(const struct docker_place *place, const struct request *r,
                        const struct docker_image *image, struct error *err)
{
	AUTO_FREE char *cgroup = xasprintf(CGROUP_PARENT "/%s", r->id);
	struct docker_files files = { .n = 0 };
	char *body = NULL;

	if (place->copies || docker_files_make(r, &image->user, &files, err) == 0)
		body = docker_config_format(
			&(struct docker_config){
				.request = r,
				.home = place->home,
				.image = image->config,
				.user = &image->user,
				.sources = (const char *const *)files.sources,
				.script = files.script,
				.cgroup_parent = place->has_cgroups ? cgroup : NULL,
				.memory_total = place->memory_total,
				.gpus = place->gpus,
				.knows_cdi = place->knows_cdi,
			},
			err);
	docker_files_release(&files);
	return body;
}

int docker_attempt_stage(const struct docker_place *place, const struct request *request,
                         const struct docker_image *image, const struct attempt_hooks *hooks,
                         struct attempt **ret_attempt, struct error *err)
{
	AUTO_WIPE char *body = make_ready(place, request, image, err);
	struct error ignored;
	struct attempt *a;
	int rc;

	if (!body) {
		(void)!docker_files_remove(request->dir, &ignored);
		return err->class;
	}
	a = docker_attempt_new(place, request->dir, request->id, hooks);
	if (place->copies) {
		a->parcel = docker_parcel_new(request, &image->user);
		a->fetch = docker_fetch_list(request);
	}
	a->is_limited = request->limits.memory_bytes > 0;
	a->grace_ms = request->grace_ms;
	a->stop_signal = launch_stop_signal(json_str(image->config, "StopSignal"));
	rc = docker_output_open(&a->output, a->dir, request->secrets, err);
	if (rc == 0) {
		create(a, body);
		*ret_attempt = a;
	} else {
		(void)!docker_files_remove(request->dir, &ignored);
		rc = docker_give_up(a, rc);
	}
	return rc;
}
