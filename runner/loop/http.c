#include "loop/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "loop/http_options.h"
#include "loop/work.h"

enum { MAX_ERROR_TEXT = 4096 };

struct http {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;     /* libcurl's */
	uv_timer_t wake;      /* resumes and cancels outside of any callback */
	unsigned n_open;      /* handles; freed with the last */
	unsigned n_transfers; /* none may be left for http_free() */
	struct http_transfer *woken;
};

struct http_socket {
	uv_poll_t poll;
	struct http *http;
	curl_socket_t fd;
};

struct http_transfer {
	struct http *http;
	struct http_transfer *next_woken;
	CURL *easy;
	struct curl_slist *headers;
	struct http_hooks hooks;
	char *url, *socket;
	uint64_t offset, max_body, n_body;
	struct strbuf text;
	struct error err; /* of a hook, or of ours */
	char reason[CURL_ERROR_SIZE];
	bool is_get, is_woken, want_cancel, want_resume, had_head;
};

/* What will be the same at the next try. */
static const CURLcode lasting[] = {
	CURLE_UNSUPPORTED_PROTOCOL,     CURLE_URL_MALFORMAT,
	CURLE_TOO_MANY_REDIRECTS,       CURLE_SSL_CACERT_BADFILE,
	CURLE_PEER_FAILED_VERIFICATION,
};

bool http_status_is_passing(int status)
{
	return status == 408 || status == 429 || (status >= 500 && status != 501);
}

static bool status_is_good(int status)
{
	return status >= 200 && status < 300;
}

char *http_url_for_message(const char *url)
{
	static const CURLUPart hidden[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
		                            CURLUPART_FRAGMENT };
	CURLU *u = curl_url();
	char *text = NULL, *own;

	if (!u || curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
		curl_url_cleanup(u);
		return xstrdup("a URL that cannot be read");
	}
	for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
		(void)curl_url_set(u, hidden[i], NULL, 0);
	own = xstrdup(curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK ? text : "a URL");
	curl_free(text);
	curl_url_cleanup(u);
	return own;
}

/* "bytes 100-199/200" -> 100 */
static bool range_begin(const char *range, uint64_t *ret_begin)
{
	static const char unit[] = "bytes ";
	AUTO_FREE char *number = NULL;

	if (!range || strncasecmp(range, unit, sizeof unit - 1) != 0)
		return false;
	range += sizeof unit - 1;
	number = xstrndup(range, strcspn(range, "-"));
	return parse_u64(number, UINT64_MAX, ret_begin);
}

const char *http_response_header_at(const struct http_response *response, const char *name,
                                    size_t i)
{
	struct curl_header *header;

	if (curl_easy_header(response->transfer->easy, name, i, CURLH_HEADER, -1, &header) != 0)
		return NULL;
	return header->value;
}

const char *http_response_header(const struct http_response *response, const char *name)
{
	return http_response_header_at(response, name, 0);
}

int64_t http_response_modified_ms(const struct http_response *response)
{
	const char *date = http_response_header(response, "Last-Modified");
	time_t s = date ? curl_getdate(date, NULL) : -1;

	return s > 0 ? (int64_t)s * 1000 : 0;
}

static struct http_response response_of(struct http_transfer *t)
{
	struct http_response r = { .transfer = t, .length = -1, .text = strbuf_str(&t->text) };
	curl_off_t length = -1, wait = 0;
	long status = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	(void)curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait);
	r.status = (int)status;
	r.length = length;
	r.retry_after_s = wait > 0 && wait < UINT32_MAX ? (unsigned)wait : 0;
	r.offset = status == 206 ? t->offset : 0;
	return r;
}

/* The first bytes of the answer are here: is it what was asked for? */
static int look_at_head(struct http_transfer *t, const struct http_response *r)
{
	uint64_t begin;

	t->had_head = true;
	if (r->status == 206 &&
	    (!range_begin(http_response_header(r, "Content-Range"), &begin) || begin != t->offset))
		return error_set(&t->err, SLUICE_REMOTE,
		                 "the server answers with another range than the one asked for");
	if (t->max_body && r->length > 0 && (uint64_t)r->length > t->max_body)
		return error_set(&t->err, SLUICE_LIMIT,
		                 "%" PRId64 " bytes, which is more than the %" PRIu64 " allowed",
		                 r->length, t->max_body);
	return t->hooks.on_head ? t->hooks.on_head(t->hooks.arg, r, &t->err) : 0;
}

static void keep_error_text(struct http_transfer *t, const char *data, size_t len)
{
	size_t room = t->text.max - t->text.len;

	strbuf_add(&t->text, data, len < room ? len : room);
}

/* The head is shown when it ends: the body may be long in coming. */
static size_t on_header(const char *line, size_t one, size_t len, void *arg)
{
	struct http_transfer *t = arg;
	struct http_response r = response_of(t);

	(void)one; /* always 1 */
	if (len > 2 || (line[0] != '\r' && line[0] != '\n') || t->had_head ||
	    !status_is_good(r.status))
		return len;
	return look_at_head(t, &r) == 0 ? len : 0;
}

static size_t on_read(char *buf, size_t one, size_t room, void *arg)
{
	struct http_transfer *t = arg;
	int64_t n = t->hooks.on_send(t->hooks.arg, buf, one * room, &t->err);

	return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
}

static size_t on_write(char *data, size_t one, size_t len, void *arg)
{
	struct http_transfer *t = arg;
	struct http_response r = response_of(t);
	int rc;

	(void)one; /* always 1 */
	if (!status_is_good(r.status)) {
		keep_error_text(t, data, len);
		return len;
	}
	if (t->max_body && len > t->max_body - t->n_body) {
		(void)error_set(&t->err, SLUICE_LIMIT, "more than the %" PRIu64 " bytes allowed",
		                t->max_body);
		return 0;
	}
	rc = t->hooks.on_body ? t->hooks.on_body(t->hooks.arg, data, len, &t->err) : 0;
	if (rc == HTTP_PAUSE)
		return CURL_WRITEFUNC_PAUSE;
	if (rc != 0)
		return 0;
	t->n_body += len;
	return len;
}

static void transfer_free(struct http_transfer *t)
{
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	strbuf_release(&t->text);
	free(t->url);
	free(t->socket);
	free(t);
}

static void set_reason(struct http_transfer *t, CURLcode code)
{
	enum sluice_err class = SLUICE_REMOTE;

	for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++) {
		if (lasting[i] == code)
			class = SLUICE_INVALID;
	}
	(void)error_set(&t->err, class, "%s", t->reason[0] ? t->reason : curl_easy_strerror(code));
}

static void unlink_woken(struct http_transfer *t)
{
	struct http_transfer **at = &t->http->woken;

	while (*at && *at != t)
		at = &(*at)->next_woken;
	if (*at)
		*at = t->next_woken;
}

static void name_request(struct http_transfer *t)
{
	AUTO_FREE char *url = http_url_for_message(t->url);

	(void)error_wrap(&t->err, t->is_get ? "cannot get '%s'" : "cannot send to '%s'",
	                 t->socket ? t->socket : url);
}

/* The one way out of every transfer. */
static void transfer_finish(struct http_transfer *t, CURLcode code)
{
	struct http_response r = response_of(t);

	if (code != CURLE_OK && !t->err.class)
		set_reason(t, code);
	/* To libcurl that is an answer without a body. */
	if (!t->err.class && status_is_good(r.status) && !t->had_head)
		(void)error_set(&t->err, SLUICE_REMOTE, "the answer breaks off in its head");
	if (t->err.class)
		name_request(t);
	unlink_woken(t);
	(void)curl_multi_remove_handle(t->http->multi, t->easy);
	t->hooks.on_done(t->hooks.arg, &r, t->err.class ? &t->err : NULL);
	t->http->n_transfers--;
	transfer_free(t);
}

static void finish_done(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left))) {
		CURLcode code = m->data.result; /* the message dies with the handle */
		char *arg = NULL;

		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &arg);
		transfer_finish((struct http_transfer *)(void *)arg, code);
	}
}

/* Every entry into libcurl ends here.  The last transfer ends with none running. */
static void act(struct http *h, curl_socket_t fd, int events)
{
	int running;

	(void)curl_multi_socket_action(h->multi, fd, events, &running);
	finish_done(h);
}

/* After an error libcurl shall read, which tells what it was; CURL_CSELECT_ERR would not. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct http_socket *s = container_of(poll, struct http_socket, poll);
	int flags = 0;

	if (status < 0 || (events & UV_READABLE))
		flags |= CURL_CSELECT_IN;
	if (status < 0 || (events & UV_WRITABLE))
		flags |= CURL_CSELECT_OUT;
	act(s->http, s->fd, flags);
}

static void on_timer(uv_timer_t *timer)
{
	act(container_of(timer, struct http, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long ms, void *arg)
{
	struct http *h = arg;

	(void)multi;
	if (ms < 0)
		return uv_timer_stop(&h->timer);
	return uv_timer_start(&h->timer, on_timer, (uint64_t)ms, 0);
}

static void handle_gone(struct http *h)
{
	if (--h->n_open == 0)
		free(h);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct http_socket *s = container_of((uv_poll_t *)(void *)handle, struct http_socket, poll);
	struct http *h = s->http;

	free(s);
	handle_gone(h);
}

static struct http_socket *socket_add(struct http *h, curl_socket_t fd)
{
	struct http_socket *s = xcalloc(1, sizeof *s);

	s->http = h;
	s->fd = fd;
	if (uv_poll_init_socket(h->loop, &s->poll, fd) < 0) {
		free(s);
		return NULL;
	}
	h->n_open++;
	(void)curl_multi_assign(h->multi, fd, s);
	return s;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http *h = arg;
	struct http_socket *s = socket_arg;
	int events = ((what & CURL_POLL_IN) ? UV_READABLE : 0) |
	             ((what & CURL_POLL_OUT) ? UV_WRITABLE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)curl_multi_assign(h->multi, fd, NULL);
		if (s)
			uv_close((uv_handle_t *)&s->poll, on_socket_closed);
		return 0;
	}
	if (!s)
		s = socket_add(h, fd);
	return s ? uv_poll_start(&s->poll, events, on_poll) : -1;
}

/* libcurl's own sockets would reach every child. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	(void)arg;
	(void)purpose;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void on_wake(uv_timer_t *timer)
{
	struct http *h = container_of(timer, struct http, wake);
	struct http_transfer *t;

	while ((t = h->woken)) {
		h->woken = t->next_woken;
		t->next_woken = NULL;
		t->is_woken = false;
		if (t->want_cancel) {
			(void)error_set(&t->err, SLUICE_CANCELED, "canceled");
			transfer_finish(t, CURLE_ABORTED_BY_CALLBACK);
		} else if (t->want_resume) {
			t->want_resume = false;
			(void)curl_easy_pause(t->easy, CURLPAUSE_CONT);
		}
	}
	finish_done(h);
}

static void transfer_wake(struct http_transfer *t)
{
	struct http *h = t->http;

	if (t->is_woken)
		return;
	t->is_woken = true;
	t->next_woken = h->woken;
	h->woken = t;
	(void)uv_timer_start(&h->wake, on_wake, 0, 0);
}

void http_transfer_resume(struct http_transfer *transfer)
{
	transfer->want_resume = true;
	transfer_wake(transfer);
}

void http_transfer_cancel(struct http_transfer *transfer)
{
	transfer->want_cancel = true;
	transfer_wake(transfer);
}

struct http *http_new(uv_loop_t *loop, unsigned per_host)
{
	struct http *h = xcalloc(1, sizeof *h);
	CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT); /* counts its callers */

	h->loop = loop;
	h->multi = curl_multi_init();
	assert(rc == CURLE_OK && h->multi); /* fails for want of memory only */
	(void)rc;
	(void)uv_timer_init(loop, &h->timer);
	(void)uv_timer_init(loop, &h->wake);
	h->n_open = 2;
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)per_host);
	return h;
}

static void on_timer_closed(uv_handle_t *handle)
{
	handle_gone(handle->data);
}

void http_free(struct http *http)
{
	if (!http)
		return;
	assert(http->n_transfers == 0);
	(void)curl_multi_cleanup(http->multi);
	curl_global_cleanup();
	http->timer.data = http;
	http->wake.data = http;
	uv_close((uv_handle_t *)&http->timer, on_timer_closed);
	uv_close((uv_handle_t *)&http->wake, on_timer_closed);
}

static bool is_get(const struct http_request *q, const struct http_hooks *hooks)
{
	if (q->method)
		return strcmp(q->method, "GET") == 0 || strcmp(q->method, "HEAD") == 0;
	return !q->body && !hooks->on_send;
}

struct http_transfer *http_start(struct http *http, const struct http_request *request,
                                 const struct http_hooks *hooks)
{
	struct http_transfer *t = xcalloc(1, sizeof *t);
	CURL *e = curl_easy_init();

	assert(e);
	*t = (struct http_transfer){ .http = http, .easy = e, .hooks = *hooks };
	t->text = STRBUF_INIT(MAX_ERROR_TEXT);
	t->is_get = is_get(request, hooks);
	t->url = xstrdup(request->url);
	t->socket = request->unix_socket ? xasprintf("unix://%s", request->unix_socket) : NULL;
	t->offset = request->offset;
	t->max_body = request->max_body;
	t->headers = http_set_options(e, request, t->is_get, hooks->on_send != NULL);
	if (hooks->on_send) {
		(void)curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
		(void)curl_easy_setopt(e, CURLOPT_READDATA, t);
	}
	(void)curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	(void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	(void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_write);
	(void)curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	(void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->reason);
	(void)curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	http->n_transfers++;
	(void)curl_multi_add_handle(http->multi, e);
	return t;
}
