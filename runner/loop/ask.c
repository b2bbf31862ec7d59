#include "loop/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "loop/fetch.h"

enum { SHOWN_TEXT = 200, CONFLICT = 409, FAILED_CONDITION = 412, NOT_IMPLEMENTED = 501 };

int asker_new(struct asker **ret_asker, struct error *err)
{
	struct asker *by = xcalloc(1, sizeof *by);
	int rc = uv_loop_init(&by->loop);

	if (rc < 0) {
		free(by);
		return error_sys(err, rc, "cannot make an event loop");
	}
	by->http = http_new(&by->loop, 1);
	*ret_asker = by;
	return 0;
}

void asker_free(struct asker *by)
{
	if (!by)
		return;
	http_free(by->http);
	(void)uv_run(&by->loop, UV_RUN_DEFAULT);
	(void)!uv_loop_close(&by->loop);
	free(by);
}

static void on_waited(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, NULL);
}

void asker_wait(struct asker *by, unsigned ms)
{
	uv_timer_t timer;

	(void)uv_timer_init(&by->loop, &timer);
	uv_update_time(&by->loop);
	(void)uv_timer_start(&timer, on_waited, ms, 0);
	(void)uv_run(&by->loop, UV_RUN_DEFAULT);
}

static enum sluice_err class_of(int status)
{
	return status == 404                ? SLUICE_NOT_FOUND
	       : status == FAILED_CONDITION ? SLUICE_EXISTS
	       : status == NOT_IMPLEMENTED  ? SLUICE_INVALID
	                                    : SLUICE_REMOTE;
}

char *ask_element(const char *xml, const char *name)
{
	AUTO_FREE char *open = xasprintf("<%s>", name);
	const char *begin = strstr(xml, open);

	if (!begin)
		return NULL;
	begin += strlen(open);
	return xstrndup(begin, strcspn(begin, "<"));
}

void ask_say_status(const char *doing, const char *url, const struct http_response *r,
                    struct error *err)
{
	AUTO_FREE char *shown = http_url_for_message(url);
	AUTO_FREE char *code = ask_element(r->text, "Code");
	AUTO_FREE char *message = code ? ask_element(r->text, "Message") : NULL;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(8 * SHOWN_TEXT + 1);

	strbuf_addprintable(&text, code ? code : r->text, SHOWN_TEXT);
	if (message)
		strbuf_addstr(&text, ": ");
	strbuf_addprintable(&text, message ? message : "", SHOWN_TEXT);
	(void)error_set(err, class_of(r->status), "cannot %s '%s': the server answers %d%s%s",
	                doing, shown, r->status, text.len ? ": " : "", strbuf_str(&text));
}

/* One try. */
struct asking {
	const struct ask *what;
	uint64_t sent;
	struct error err;
	bool passing; /* the failure may be over at the next try */
	unsigned retry_after_s;
};

static int64_t on_send(void *arg, void *buf, size_t room, struct error *err)
{
	struct asking *a = arg;
	uint64_t left = a->what->len - a->sent;
	ssize_t n;

	do
		n = pread(a->what->fd, buf, left < room ? (size_t)left : room,
		          (off_t)(a->what->offset + a->sent));
	while (n < 0 && errno == EINTR);
	if (n < 0 || (n == 0 && left > 0))
		return error_sys(err, n < 0 ? errno : ENODATA, "cannot read what is sent");
	a->sent += (uint64_t)n;
	return n;
}

/* Two requests for the same at once are told so by 409. */
static void on_done(void *arg, const struct http_response *r, const struct error *err)
{
	struct asking *a = arg;

	if (err) {
		a->err = *err;
		a->passing = err->class == SLUICE_REMOTE;
	} else if (r->status < 200 || r->status > 299) {
		ask_say_status("send to", a->what->request.url, r, &a->err);
		a->passing = http_status_is_passing(r->status) || r->status == CONFLICT;
		a->retry_after_s = r->retry_after_s;
	} else if (a->what->ret_modified_ms) {
		*a->what->ret_modified_ms = http_response_modified_ms(r);
	}
}

static void try_once(struct asker *by, struct asking *a)
{
	const struct http_hooks hooks = { .on_send = a->what->len > 0 ? on_send : NULL,
		                          .on_done = on_done,
		                          .arg = a };
	struct http_request q = a->what->request;

	if (a->what->len > 0)
		q.body_len = a->what->len;
	if (a->what->on_try)
		a->what->on_try(a->what->arg, &q);
	(void)http_start(by->http, &q, &hooks);
	(void)uv_run(&by->loop, UV_RUN_DEFAULT);
}

int ask(struct asker *by, const struct ask *what, struct error *err)
{
	unsigned tries = what->tries ? what->tries : ASK_TRIES;
	unsigned base_ms = what->wait_ms ? what->wait_ms : ASK_WAIT_MS;

	for (unsigned n = 1;; n++) {
		struct asking a = { .what = what };

		try_once(by, &a);
		if (!a.err.class)
			return 0;
		*err = a.err;
		if (n == tries || !a.passing)
			return err->class;
		asker_wait(by, fetch_delay_ms(n, base_ms, a.retry_after_s));
	}
}
