/* How an attempt comes to its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "executor/bundle.h"
#include "executor/cgroup.h"
#include "executor/docker/files.h"
#include "executor/docker/life.h"
#include "executor/exit_record.h"

static void on_timer_closed(uv_handle_t *handle)
{
	struct attempt *a = handle->data;

	http_free(a->http);
	free(a->dir);
	free(a->id);
	free(a->container);
	free(a->fetch);
	strbuf_release(&a->stats_line);
	docker_parcel_free(a->parcel);
	free(a);
}

void docker_settle(struct attempt *a)
{
	if (a->state == DOCKER_GONE && a->pending == 0 && !uv_is_closing((uv_handle_t *)&a->timer))
		uv_close((uv_handle_t *)&a->timer, on_timer_closed);
}

void docker_tell(struct attempt *a)
{
	if (a->is_told)
		return;
	a->is_told = true;
	a->hooks.on_end(a->hooks.arg, &a->result);
}

static void clean_up(struct work *work)
{
	struct attempt *a = container_of(work, struct attempt, work);
	AUTO_FREE char *cgroup = xasprintf(CGROUP_PARENT "/%s", a->id);
	struct error ignored; /* what cannot be removed now, executor_sweep() finds */

	(void)!docker_files_remove(a->dir, &ignored);
	if (a->place->has_cgroups)
		(void)cgroup_remove(cgroup);
}

static void on_clean(struct work *work)
{
	struct attempt *a = container_of(work, struct attempt, work);

	docker_tell(a);
	a->state = DOCKER_GONE;
	a->pending--;
	docker_settle(a);
}

static void start_cleaning(struct attempt *a)
{
	a->pending++;
	work_start(a->place->loop, &a->work, clean_up, on_clean);
}

static void on_removed(void *arg, const char *text, const struct error *err)
{
	struct attempt *a = arg;

	(void)text;
	(void)err; /* executor_sweep() finds it by its label */
	a->pending--;
	if (!a->has_ended)
		start_cleaning(a);
	docker_settle(a);
}

/* Once the container is gone, nothing else tells a runner that comes after this one. */
static int put_record(const struct attempt *a, struct error *err)
{
	static const char *const ends[] = {
		[ATTEMPT_EXITED] = "exited",
		[ATTEMPT_SIGNALED] = "signaled",
		[ATTEMPT_ERROR] = "error",
	};
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(RECORD_TEXT_MAX);
	AUTO_FD int fd = open(a->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct attempt_result *r = &a->result;
	struct exit_record record = {
		.exit_code = r->exit_code,
		.signal = r->signal,
		.oom = r->oom,
		.cpu_ns = r->cpu_ns,
		.peak_bytes = r->peak_bytes,
		.read_bytes = r->read_bytes,
		.written_bytes = r->written_bytes,
		.started_ms = r->started_ms,
		.finished_ms = r->finished_ms,
	};
	int rc;

	memcpy(record.end, ends[r->end], strlen(ends[r->end]) + 1);
	if (r->end == ATTEMPT_ERROR)
		memcpy(record.error, r->error.msg, sizeof record.error);
	exit_record_format(&record, &text);
	rc = io_put_file_fast(fd, EXIT_RECORD_NAME, text.buf, text.len, 0644);
	return rc < 0 ? error_sys(err, rc, "cannot write '%s/" EXIT_RECORD_NAME "'", a->dir) : 0;
}

static void set_error(struct attempt *a, const struct error *err)
{
	if (a->result.end == ATTEMPT_ERROR)
		return; /* the first says why */
	a->result.end = ATTEMPT_ERROR;
	a->result.error = *err;
}

void docker_finish(struct attempt *a)
{
	struct error err;

	if (a->output_request)
		docker_cancel(a->output_request);
	if (a->stats_request)
		docker_cancel(a->stats_request);
	(void)uv_timer_stop(&a->timer);
	a->state = DOCKER_REMOVING;
	if (a->result.finished_ms == 0)
		a->result.finished_ms = clock_wall_ms();
	if (docker_output_close(&a->output, &err) < 0)
		set_error(a, &err);
	if (a->may_go && put_record(a, &err) < 0)
		set_error(a, &err);
	if (a->result.end != ATTEMPT_ERROR)
		docker_tell(a);
	if (a->container)
		docker_ask_for(a, "DELETE", "?force=1&v=1", on_removed);
	if (!a->container || a->has_ended) /* what runs needs what there is to clean */
		start_cleaning(a);
}

void docker_fail(struct attempt *a, const struct error *err, const char *what)
{
	if (a->state >= DOCKER_REMOVING)
		return;
	a->result.end = ATTEMPT_ERROR;
	a->result.error = *err;
	(void)error_wrap(&a->result.error, "%s", what);
	docker_finish(a);
}

void docker_withdraw(struct attempt *a)
{
	a->result.end = ATTEMPT_SIGNALED;
	a->result.signal = SIGTERM;
	docker_finish(a);
}

int docker_give_up(struct attempt *a, int rc)
{
	a->state = DOCKER_GONE;
	docker_settle(a);
	return rc;
}
