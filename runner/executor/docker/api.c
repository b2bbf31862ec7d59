#include "executor/docker/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/wipe.h"
#include "base/xalloc.h"

enum {
	ANSWER_MAX = 16 << 20,
	CONNECT_MS = 10 * 1000,
	SLOW_S = 600, /* a daemon that has much to do, such as removing a large layer */
	WATCH_MS = 100,
};

struct docker_request {
	struct docker_hooks hooks;
	struct http_transfer *transfer;
	struct strbuf text;
	char *host;
	int tar_fd;
	int64_t (*on_send)(void *arg, void *buf, size_t room, struct error *err);
	void *send_arg;
};

static int64_t on_send(void *arg, void *buf, size_t room, struct error *err)
{
	const struct docker_request *q = arg;
	ssize_t n;

	if (q->on_send)
		return q->on_send(q->send_arg, buf, room, err);
	do
		n = read(q->tar_fd, buf, room);
	while (n < 0 && errno == EINTR);
	return n < 0 ? error_sys(err, errno, "cannot read what is to be sent") : n;
}

static int on_head(void *arg, const struct http_response *r, struct error *err)
{
	struct docker_request *q = arg;

	(void)err;
	if (q->hooks.on_head)
		q->hooks.on_head(q->hooks.arg, r);
	return 0;
}

static int on_body(void *arg, const void *data, size_t len, struct error *err)
{
	struct docker_request *q = arg;

	if (q->hooks.on_body)
		return q->hooks.on_body(q->hooks.arg, data, len, err);
	strbuf_add(&q->text, data, len);
	return q->text.failed ? error_set(err, SLUICE_LIMIT, "an answer of more than %d MiB",
	                                  ANSWER_MAX >> 20)
	                      : 0;
}

static enum sluice_err class_of(int status)
{
	switch (status) {
	case 400:
		return SLUICE_INVALID;
	case 404:
		return SLUICE_NOT_FOUND;
	case 409:
		return SLUICE_EXISTS;
	default:
		return SLUICE_REMOTE;
	}
}

/* {"message": "No such image: x"}, or whatever stands there instead. */
static void refusal(const struct http_response *r, struct error *ret_err)
{
	AUTO_STRBUF struct strbuf words = STRBUF_INIT(STRBUF_BIG);
	AUTO_JSON cJSON *doc = NULL;
	struct error ignored;
	const char *message = NULL;

	if (json_parse(r->text, strlen(r->text), "answer", &doc, &ignored) == 0)
		message = json_str(doc, "message");
	strbuf_addprintable(&words, message ? message : r->text, sizeof ret_err->msg / 2);
	(void)error_set(ret_err, class_of(r->status), "%s",
	                words.len > 0 ? words.buf : "no reason was given");
	if (!message)
		(void)error_wrap(ret_err, "status %d", r->status);
}

static void on_done(void *arg, const struct http_response *r, const struct error *err)
{
	struct docker_request *q = arg;
	bool well = (r->status >= 200 && r->status < 300) || r->status == 304;
	struct error own;

	if (err) {
		own = *err;
		if (err->class != SLUICE_CANCELED)
			own.class = SLUICE_REMOTE;
	} else if (!well) {
		refusal(r, &own);
		err = &own;
	}
	if (err)
		(void)error_wrap(&own, "Docker at %s", q->host);
	q->hooks.on_done(q->hooks.arg, strbuf_str(&q->text), err ? &own : NULL);
	strbuf_release(&q->text);
	free(q->host);
	free(q);
}

struct docker_request *docker_ask(struct http *http, const struct docker_host *host,
                                  const struct docker_ask *ask, const struct docker_hooks *hooks)
{
	const struct http_hooks inner = { .on_head = on_head,
		                          .on_body = on_body,
		                          .on_done = on_done };
	struct docker_request *q = xcalloc(1, sizeof *q);
	AUTO_FREE char *url = xasprintf("%s%s", host->url, ask->path);
	AUTO_WIPE char *auth = ask->auth ? xasprintf("X-Registry-Auth: %s", ask->auth) : NULL;
	bool is_tar = ask->tar_fd > 0 || ask->on_send;
	const char *type =
		is_tar ? "Content-Type: application/x-tar" : "Content-Type: application/json";
	const char *const headers[] = { type, auth, NULL };
	const struct http_request request = {
		.url = url,
		.method = ask->method,
		.body = ask->body,
		.body_len = ask->body ? strlen(ask->body) : 0,
		.headers = headers,
		.unix_socket = host->socket,
		.ca_file = host->ca,
		.any_cert = host->any_cert,
		.cert_file = host->cert,
		.key_file = host->key,
		.connect_ms = CONNECT_MS,
		.stall_s = ask->is_long ? HTTP_PATIENT : SLOW_S,
	};
	struct http_hooks with = inner;

	*q = (struct docker_request){
		.hooks = *hooks,
		.text = STRBUF_INIT(ANSWER_MAX),
		.host = xstrdup(host->name),
		.tar_fd = ask->tar_fd,
		.on_send = ask->on_send,
		.send_arg = ask->send_arg,
	};
	with.arg = q;
	with.on_send = is_tar ? on_send : NULL;
	q->transfer = http_start(http, &request, &with);
	return q;
}

void docker_cancel(struct docker_request *request)
{
	http_transfer_cancel(request->transfer);
}

void docker_resume(struct docker_request *request)
{
	http_transfer_resume(request->transfer);
}

/* --- blocking --------------------------------------------------------------------------------- */

struct doing {
	struct docker_request *request;
	uv_timer_t watch;
	const atomic_bool *stop;
	cJSON *doc;
	char **name;
	struct error err;
	int (*on_body)(void *arg, const void *data, size_t len, struct error *err);
	void *arg;
};

/* "Docker/20.10.24 (linux)" */
static void doing_head(void *arg, const struct http_response *r)
{
	struct doing *d = arg;
	const char *server = http_response_header(r, "Server");

	*d->name = server ? xstrndup(server, strcspn(server, " ")) : xstrdup("?");
}

static int doing_body(void *arg, const void *data, size_t len, struct error *err)
{
	struct doing *d = arg;

	return d->on_body(d->arg, data, len, err);
}

static void doing_done(void *arg, const char *text, const struct error *err)
{
	struct doing *d = arg;

	d->request = NULL;
	uv_close((uv_handle_t *)&d->watch, NULL);
	if (err)
		d->err = *err;
	else if (text[0])
		(void)!json_parse(text, strlen(text), "Docker's answer", &d->doc, &d->err);
}

static void on_watch(uv_timer_t *timer)
{
	struct doing *d = timer->data;

	if (d->request && atomic_load(d->stop))
		docker_cancel(d->request);
}

static int run(struct doing *d, const struct docker_host *host, const struct docker_ask *ask,
               struct error *err)
{
	const struct docker_hooks hooks = {
		.on_head = d->name ? doing_head : NULL,
		.on_body = d->on_body ? doing_body : NULL,
		.on_done = doing_done,
		.arg = d,
	};
	struct http *http;
	uv_loop_t loop;
	int rc = uv_loop_init(&loop);

	if (rc < 0)
		return error_sys(err, rc, "cannot make an event loop");
	http = http_new(&loop, 0);
	(void)uv_timer_init(&loop, &d->watch);
	d->watch.data = d;
	if (d->stop)
		(void)uv_timer_start(&d->watch, on_watch, WATCH_MS, WATCH_MS);
	d->request = docker_ask(http, host, ask, &hooks);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	http_free(http);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	(void)!uv_loop_close(&loop);
	if (d->err.class != 0)
		*err = d->err;
	return d->err.class;
}

int docker_do(const struct docker_host *host, const struct docker_ask *ask, cJSON **ret_doc,
              struct error *err)
{
	struct doing d = { .request = NULL };
	int rc = run(&d, host, ask, err);

	if (rc == 0 && ret_doc)
		*ret_doc = take_ptr(&d.doc);
	cJSON_Delete(d.doc);
	return rc;
}

static int drop_body(void *arg, const void *data, size_t len, struct error *err)
{
	(void)arg;
	(void)data;
	(void)len;
	(void)err;
	return 0;
}

int docker_ping(const struct docker_host *host, char **ret_name, struct error *err)
{
	struct doing d = { .name = ret_name, .on_body = drop_body };
	int rc;

	*ret_name = NULL;
	rc = run(&d, host, &(struct docker_ask){ .path = "/_ping" }, err);
	if (rc < 0) {
		free(*ret_name);
		*ret_name = NULL;
	}
	return rc;
}

int docker_stream(const struct docker_host *host, const struct docker_ask *ask,
                  int (*on_body_)(void *arg, const void *data, size_t len, struct error *err),
                  void *arg, const atomic_bool *stop, struct error *err)
{
	struct doing d = { .stop = stop, .on_body = on_body_, .arg = arg };

	return run(&d, host, ask, err);
}

char *docker_escape(const char *text)
{
	struct strbuf out = STRBUF_INIT(STRBUF_BIG);

	for (; *text; text++) {
		if (strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~/:@",
		           *text))
			strbuf_addch(&out, *text);
		else
			strbuf_addf(&out, "%%%02X", (unsigned)(unsigned char)*text);
	}
	return strbuf_detach(&out);
}
