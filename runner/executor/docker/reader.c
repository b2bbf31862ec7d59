/*
 * A body that is asked for: the loop runs while a piece is waited for, and the transfer pauses
 * while one is in hand.
 */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "executor/docker/api.h"

enum { WATCH_MS = 100 };

struct docker_reader {
	uv_loop_t loop;
	uv_timer_t watch;
	struct http *http;
	struct docker_request *request; /* NULL: it has ended */
	const atomic_bool *stop;
	char *piece;
	size_t len, cap;
	struct error err;
};

static int on_body(void *arg, const void *data, size_t len, struct error *err)
{
	struct docker_reader *r = arg;

	(void)err;
	if (r->len > 0)
		return HTTP_PAUSE;
	if (len > r->cap) {
		free(r->piece);
		r->piece = xmalloc(len);
		r->cap = len;
	}
	memcpy(r->piece, data, len);
	r->len = len;
	uv_stop(&r->loop); /* or it would wait for something else to happen */
	return 0;
}

static void on_done(void *arg, const char *text, const struct error *err)
{
	struct docker_reader *r = arg;

	(void)text;
	r->request = NULL;
	if (err)
		r->err = *err;
	uv_close((uv_handle_t *)&r->watch, NULL);
	uv_stop(&r->loop);
}

static void on_watch(uv_timer_t *timer)
{
	struct docker_reader *r = timer->data;

	if (r->request && atomic_load(r->stop))
		docker_cancel(r->request);
}

struct docker_reader *docker_reader_new(const struct docker_host *host,
                                        const struct docker_ask *ask, const atomic_bool *stop)
{
	struct docker_reader *r = xcalloc(1, sizeof *r);
	const struct docker_hooks hooks = { .on_body = on_body, .on_done = on_done, .arg = r };

	if (uv_loop_init(&r->loop) != 0)
		abort();
	r->http = http_new(&r->loop, 0);
	r->stop = stop;
	(void)uv_timer_init(&r->loop, &r->watch);
	r->watch.data = r;
	(void)uv_timer_start(&r->watch, on_watch, WATCH_MS, WATCH_MS);
	r->request = docker_ask(r->http, host, ask, &hooks);
	return r;
}

int64_t docker_reader_read(void *reader, const void **ret_data, struct error *err)
{
	struct docker_reader *r = reader;

	if (r->len > 0 && r->request)
		docker_resume(r->request);
	r->len = 0;
	while (r->len == 0 && r->request)
		(void)uv_run(&r->loop, UV_RUN_DEFAULT);
	*ret_data = r->piece;
	if (r->len == 0 && r->err.class != 0) {
		*err = r->err;
		return err->class;
	}
	return (int64_t)r->len;
}

void docker_reader_free(struct docker_reader *r)
{
	if (r->request)
		docker_cancel(r->request);
	while (r->request)
		(void)uv_run(&r->loop, UV_RUN_DEFAULT);
	http_free(r->http);
	(void)uv_run(&r->loop, UV_RUN_DEFAULT);
	(void)!uv_loop_close(&r->loop);
	free(r->piece);
	free(r);
}
