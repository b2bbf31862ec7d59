/* Against a server that does as a script says, and as no honest server would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "loop/fetch.h"
#include "tests/support/http_script.h"

#define OK5      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define TAGGED10 "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 10\r\n\r\n"

struct got {
	struct http_transfer *transfer;
	char body[64];
	size_t len;
	unsigned n_done, n_pieces;
	bool pause_first, cancel_first;
	int status;
	struct error err;
	char type[32];
	unsigned to_send; /* pieces of a body that is a stream; none: there is no such */
};

static int64_t on_send(void *arg, void *buf, size_t room, struct error *err)
{
	struct got *g = arg;

	if (g->to_send == 0)
		return 0;
	if (g->to_send == 13)
		return error_set(err, SLUICE_INVALID, "there is no piece 13");
	assert_true(room >= 5);
	memcpy(buf, "piece", 5);
	g->to_send--;
	return 5;
}

static int on_body(void *arg, const void *data, size_t len, struct error *err)
{
	struct got *g = arg;

	(void)err;
	if (g->n_pieces++ == 0 && g->pause_first) {
		http_transfer_resume(g->transfer);
		return HTTP_PAUSE;
	}
	if (g->cancel_first)
		http_transfer_cancel(g->transfer);
	assert_true(len < sizeof g->body - g->len);
	memcpy(g->body + g->len, data, len);
	g->len += len;
	return 0;
}

static void on_done(void *arg, const struct http_response *r, const struct error *err)
{
	struct got *g = arg;
	const char *type = http_response_header(r, "content-TYPE");

	g->n_done++;
	g->status = r->status;
	if (type)
		(void)snprintf(g->type, sizeof g->type, "%s", type);
	if (err)
		g->err = *err;
}

static void get(struct got *g, const struct http_request *q)
{
	const struct http_hooks hooks = { .on_body = on_body,
		                          .on_send = g->to_send ? on_send : NULL,
		                          .on_done = on_done,
		                          .arg = g };
	uv_loop_t loop;
	struct http *http;

	assert_int_equal(uv_loop_init(&loop), 0);
	http = http_new(&loop, 2);
	g->transfer = http_start(http, q, &hooks);
	assert_int_equal(g->n_done, 0);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(g->n_done, 1);
	http_free(http);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* One GET of /x?sig=secret with a password in the URL, both of which no message may show. */
static void get_from(struct http_script *s, struct got *g, struct http_request q)
{
	AUTO_FREE char *url = NULL;

	script_start(s);
	url = xasprintf("http://me:hidden@127.0.0.1:%d/x?sig=secret", s->port);
	q.url = url;
	get(g, &q);
	script_stop(s);
	assert_null(strstr(g->err.msg, "hidden"));
	assert_null(strstr(g->err.msg, "secret"));
}

static void a_body_status_and_headers_arrive(void **state)
{
	static const char *const headers[] = { "Accept: text/plain", NULL };
	struct http_script s = {
		.answers = { "HTTP/1.1 200 OK\r\nContent-Type: text/odd\r\nContent-Length: 5\r\n\r\nhello" }
	};
	struct got g = { .n_done = 0 };

	(void)state;
	get_from(&s, &g, (struct http_request){ .headers = headers });
	assert_int_equal(g.err.class, 0);
	assert_int_equal(g.status, 200);
	assert_string_equal(g.body, "hello");
	assert_string_equal(g.type, "text/odd");
	assert_non_null(strstr(s.requests[0], "\r\nAccept: text/plain\r\n"));
}

static void a_body_is_sent(void **state)
{
	struct http_script s = { .answers = { OK5 } };
	struct got g = { .n_done = 0 };

	(void)state;
	get_from(&s, &g, (struct http_request){ .body = "a=b", .body_len = 3 });
	assert_string_equal(g.body, "hello");
	assert_int_equal(strncmp(s.requests[0], "POST /x", 7), 0);
	assert_non_null(strstr(s.requests[0], "\r\nContent-Length: 3\r\n"));
}

static void HEAD_brings_no_body(void **state)
{
	struct http_script s = { .answers = { TAGGED10 } };
	struct got g = { .n_done = 0 };

	(void)state;
	get_from(&s, &g, (struct http_request){ .method = "HEAD" });
	assert_int_equal(g.err.class, 0);
	assert_int_equal(g.status, 200);
	assert_int_equal(g.n_pieces, 0);
	assert_int_equal(strncmp(s.requests[0], "HEAD /x", 7), 0);
}

static void a_paused_piece_comes_again(void **state)
{
	struct http_script s = { .answers = { OK5 } };
	struct got g = { .pause_first = true };

	(void)state;
	get_from(&s, &g, (struct http_request){ .url = NULL });
	assert_int_equal(g.err.class, 0);
	assert_string_equal(g.body, "hello");
	assert_true(g.n_pieces >= 2);
}

static void bodies_are_sent(void **state)
{
	static const struct {
		struct http_request request;
		unsigned to_send;
		const char *line, *parts[2];
	} row[] = {
		{ .request = { .method = "POST", .body = "a=b", .body_len = 3 },
		  .line = "POST /x",
		  .parts = { "\r\nContent-Length: 3\r\n", "\r\n\r\na=b" } },
		{ .request = { .method = "POST" },
		  .line = "POST /x",
		  .parts = { "\r\nContent-Length: 0\r\n", "\r\n\r\n" } },
		{ .request = { .method = "PUT" },
		  .to_send = 2,
		  .line = "PUT /x",
		  .parts = { "\r\nTransfer-Encoding: chunked\r\n", "\r\n\r\n" } },
		{ .request = { .method = "DELETE" }, .line = "DELETE /x", .parts = { "\r\n", "" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct http_script s = { .answers = { OK5 }, .whole = true };
		struct got g = { .to_send = row[i].to_send };

		get_from(&s, &g, row[i].request);
		assert_int_equal(g.err.class, 0);
		assert_string_equal(g.body, "hello");
		assert_int_equal(g.to_send, 0);
		assert_memory_equal(s.requests[0], row[i].line, strlen(row[i].line));
		assert_non_null(strstr(s.requests[0], row[i].parts[0]));
		assert_non_null(strstr(s.requests[0], row[i].parts[1]));
		assert_null(strstr(s.requests[0], "Expect"));
	}
}

static void a_body_that_fails_ends_the_transfer(void **state)
{
	struct http_script s = { .answers = { OK5 }, .end = SCRIPT_HOLD };
	struct got g = { .to_send = 13 };

	(void)state;
	get_from(&s, &g, (struct http_request){ .method = "PUT" });
	assert_int_equal(g.err.class, SLUICE_INVALID);
	assert_non_null(strstr(g.err.msg, "cannot send to 'http://127.0.0.1:"));
	assert_non_null(strstr(g.err.msg, "piece 13"));
}

static void a_redirect_is_no_answer_to_a_post(void **state)
{
	struct http_script s = {
		.answers = { "HTTP/1.1 302 F\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n" }
	};
	struct got g = { .n_done = 0 };

	(void)state;
	get_from(&s, &g, (struct http_request){ .method = "POST" });
	assert_int_equal(g.err.class, 0);
	assert_int_equal(g.status, 302);
	assert_int_equal(s.n_requests, 1);
}

static void a_unix_socket_stands_for_the_host(void **state)
{
	char dir[] = "/tmp/sluice-test-XXXXXX";
	AUTO_FREE char *path = NULL;
	struct http_script s = { .answers = { OK5 } };
	struct got g = { .n_done = 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = xasprintf("%s/socket", dir);
	s.path = path;
	script_start(&s);
	get(&g, &(struct http_request){ .url = "http://engine/x", .unix_socket = path });
	script_stop(&s);
	assert_int_equal(g.err.class, 0);
	assert_string_equal(g.body, "hello");
	assert_non_null(strstr(s.requests[0], "\r\nHost: engine\r\n"));
	(void)unlink(path);

	g = (struct got){ .n_done = 0 };
	get(&g, &(struct http_request){ .url = "http://engine/x", .unix_socket = path });
	assert_int_equal(g.err.class, SLUICE_REMOTE);
	assert_non_null(strstr(g.err.msg, path));
	(void)rmdir(dir);
}

static void a_canceled_transfer_says_so_once(void **state)
{
	struct http_script s = {
		.answers = { "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello" },
		.end = SCRIPT_HOLD,
	};
	struct got g = { .cancel_first = true };

	(void)state;
	get_from(&s, &g, (struct http_request){ .url = NULL });
	assert_int_equal(g.err.class, SLUICE_CANCELED);
}

static void bad_answers_are_errors(void **state)
{
	static const struct {
		const char *answer, *reason;
		int class;
		struct http_request request;
		enum script_end end;
	} row[] = {
		{ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
		  .reason = "bytes remaining",
		  .class = SLUICE_REMOTE },
		{ .answer = OK5,
		  .reason = "more than the 4 allowed",
		  .class = SLUICE_LIMIT,
		  .request = { .max_body = 4 } },
		{ .answer = "HTTP/1.1 200 OK\r\n\r\nhello",
		  .reason = "more than the 4 bytes",
		  .class = SLUICE_LIMIT,
		  .request = { .max_body = 4 } },
		{ .answer = "HTTP/1.1 206 P\r\nContent-Range: bytes 0-4/9\r\n"
		            "Content-Length: 5\r\n\r\nhello",
		  .reason = "another range",
		  .class = SLUICE_REMOTE,
		  .request = { .offset = 4 } },
		{ .answer = "HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n"
		            "Connection: close\r\n\r\n",
		  .reason = "redirects",
		  .class = SLUICE_INVALID },
		{ .answer = "HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\n"
		            "Content-Length: 0\r\n\r\n",
		  .reason = "file",
		  .class = SLUICE_INVALID },
		{ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel",
		  .reason = "too slow",
		  .class = SLUICE_REMOTE,
		  .request = { .stall_s = 1 },
		  .end = SCRIPT_HOLD },
		{ .answer = "HTTP/1.1 200 OK\r\nContent-Le",
		  .reason = "breaks off in its head",
		  .class = SLUICE_REMOTE },
		{ .answer = "", .reason = "Empty reply", .class = SLUICE_REMOTE },
		{ .answer = "", .reason = "reset", .class = SLUICE_REMOTE, .end = SCRIPT_RESET },
		{ .answer = "SSH-2.0-none\r\n", .reason = "HTTP/0.9", .class = SLUICE_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct http_script s = { .answers = { row[i].answer },
			                 .repeat_last = true,
			                 .end = row[i].end };
		struct got g = { .n_done = 0 };

		get_from(&s, &g, row[i].request);
		assert_int_equal(g.err.class, row[i].class);
		if (!strstr(g.err.msg, row[i].reason))
			fail_msg("%s", g.err.msg);
		assert_non_null(strstr(g.err.msg, "cannot get 'http://127.0.0.1:"));
	}
}

static void nobody_there_is_an_error(void **state)
{
	struct http_script s = { .answers = { NULL } };
	struct got g = { .n_done = 0 };
	AUTO_FREE char *url = NULL;

	(void)state;
	script_start(&s);
	script_stop(&s);
	url = xasprintf("http://127.0.0.1:%d/x", s.port);
	get(&g, &(struct http_request){ .url = url });
	assert_int_equal(g.err.class, SLUICE_REMOTE);
	assert_non_null(strstr(g.err.msg, "Failed to connect"));
}

static void another_host_gets_no_credentials(void **state)
{
	struct http_script first = { .answers = { NULL } }, second = { .answers = { OK5 } };
	struct got g = { .n_done = 0 };
	AUTO_FREE char *answer = NULL, *url = NULL;

	(void)state;
	script_start(&second);
	answer = xasprintf("HTTP/1.1 307 T\r\nLocation: http://localhost:%d/y\r\n"
	                   "Content-Length: 0\r\n\r\n",
	                   second.port);
	first.answers[0] = answer;
	script_start(&first);
	url = xasprintf("http://127.0.0.1:%d/x", first.port);
	get(&g, &(struct http_request){ .url = url, .bearer = "t0ken" });
	script_stop(&first);
	script_stop(&second);
	assert_int_equal(g.err.class, 0);
	assert_string_equal(g.body, "hello");
	assert_non_null(strstr(first.requests[0], "Authorization: Bearer t0ken"));
	assert_null(strstr(second.requests[0], "Authorization"));
}

/* Of an encrypted request a proxy sees the host, and nothing that says who we are. */
static void a_proxy_of_the_environment_is_asked(void **state)
{
	struct http_script s = { .answers = { OK5, "HTTP/1.1 403 No\r\n\r\n" } };
	struct got plain = { .n_done = 0 }, secure = { .n_done = 0 };
	AUTO_FREE char *proxy = NULL;

	(void)state;
	script_start(&s);
	proxy = xasprintf("http://127.0.0.1:%d", s.port);
	assert_int_equal(setenv("http_proxy", proxy, 1), 0);
	assert_int_equal(setenv("https_proxy", proxy, 1), 0);
	get(&plain, &(struct http_request){ .url = "http://far.invalid/x", .bearer = "t0ken" });
	get(&secure, &(struct http_request){ .url = "https://far.invalid/x", .bearer = "t0ken" });
	script_stop(&s);
	assert_int_equal(unsetenv("http_proxy") + unsetenv("https_proxy"), 0);
	assert_string_equal(plain.body, "hello");
	assert_non_null(strstr(s.requests[0], "GET http://far.invalid/x HTTP/1.1\r\n"));
	assert_int_equal(secure.err.class, SLUICE_REMOTE);
	assert_non_null(strstr(s.requests[1], "CONNECT far.invalid:443 HTTP/1.1\r\n"));
	assert_null(strstr(s.requests[1], "t0ken"));
}

static int fetch_from(struct http_script *s, struct fetch *f, int fd, struct error *err)
{
	AUTO_FREE char *url = NULL;
	int rc;

	script_start(s);
	url = xasprintf("http://127.0.0.1:%d/x", s->port);
	f->request.url = url;
	f->wait_ms = 1;
	rc = fetch_file(f, fd, err);
	script_stop(s);
	f->request.url = NULL;
	return rc;
}

static void assert_holds(int fd, const char *text)
{
	char buf[64] = "";

	assert_true(pread(fd, buf, sizeof buf - 1, 0) >= 0);
	assert_string_equal(buf, text);
}

static void a_broken_download_goes_on_where_it_ended(void **state)
{
	struct http_script s = {
		.answers = { TAGGED10 "01234", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
		             "HTTP/1.1 206 P\r\nETag: \"v1\"\r\nContent-Range: bytes 5-9/10\r\n"
		             "Content-Length: 5\r\n\r\n56789" }
	};
	struct digest whole = digest_of("0123456789", 10);
	struct fetch f = { .digest = &whole };
	AUTO_FD int fd = memfd_create("fetched", MFD_CLOEXEC);
	struct error err;

	(void)state;
	assert_int_equal(fetch_from(&s, &f, fd, &err), 0);
	assert_holds(fd, "0123456789");
	assert_int_equal(s.n_requests, 3);
	assert_non_null(strstr(s.requests[2], "\r\nRange: bytes=5-\r\n"));
	assert_non_null(strstr(s.requests[2], "\r\nIf-Range: \"v1\"\r\n"));
	assert_string_equal(f.validator, "\"v1\"");
}

static void a_file_that_changed_is_begun_again(void **state)
{
	struct http_script s = { .answers = { TAGGED10 "01234", OK5 } };
	struct fetch f = { .tries = 2 };
	AUTO_FD int fd = memfd_create("fetched", MFD_CLOEXEC);
	struct error err;

	(void)state;
	assert_int_equal(fetch_from(&s, &f, fd, &err), 0);
	assert_holds(fd, "hello");
}

static void what_is_not_wanted_is_not_kept(void **state)
{
	struct http_script s = { .answers = { OK5 } };
	struct digest other = digest_of("other", 5);
	struct fetch f = { .digest = &other };
	AUTO_FD int fd = memfd_create("fetched", MFD_CLOEXEC);
	struct error err;

	(void)state;
	assert_int_equal(fetch_from(&s, &f, fd, &err), SLUICE_CORRUPT);
	assert_holds(fd, "");
}

static void a_lasting_refusal_is_not_tried_again(void **state)
{
	struct http_script s = { .answers = {
					 "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone" } };
	struct fetch f = { .tries = 5 };
	AUTO_FD int fd = memfd_create("fetched", MFD_CLOEXEC);
	struct error err;

	(void)state;
	assert_int_equal(fetch_from(&s, &f, fd, &err), SLUICE_NOT_FOUND);
	assert_non_null(strstr(err.msg, "the server answers 404: gone"));
	assert_int_equal(s.n_requests, 1);
}

static void waits_grow_and_the_server_may_ask_for_more(void **state)
{
	(void)state;
	assert_int_equal(fetch_delay_ms(1, 1000, 0), 1000);
	assert_int_equal(fetch_delay_ms(3, 1000, 0), 4000);
	assert_int_equal(fetch_delay_ms(99, 1000, 0), 30000);
	assert_int_equal(fetch_delay_ms(1, 1000, 7), 7000);
	assert_int_equal(fetch_delay_ms(1, 1000, 4000000000U), 120000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_status_and_headers_arrive),
		cmocka_unit_test(a_body_is_sent),
		cmocka_unit_test(HEAD_brings_no_body),
		cmocka_unit_test(a_paused_piece_comes_again),
		cmocka_unit_test(bodies_are_sent),
		cmocka_unit_test(a_body_that_fails_ends_the_transfer),
		cmocka_unit_test(a_redirect_is_no_answer_to_a_post),
		cmocka_unit_test(a_unix_socket_stands_for_the_host),
		cmocka_unit_test(a_canceled_transfer_says_so_once),
		cmocka_unit_test(bad_answers_are_errors),
		cmocka_unit_test(nobody_there_is_an_error),
		cmocka_unit_test(another_host_gets_no_credentials),
		cmocka_unit_test(a_proxy_of_the_environment_is_asked),
		cmocka_unit_test(a_broken_download_goes_on_where_it_ended),
		cmocka_unit_test(a_file_that_changed_is_begun_again),
		cmocka_unit_test(what_is_not_wanted_is_not_kept),
		cmocka_unit_test(a_lasting_refusal_is_not_tried_again),
		cmocka_unit_test(waits_grow_and_the_server_may_ask_for_more),
	};

	/* The servers are on this machine: no proxy stands between. */
	(void)setenv("no_proxy", "127.0.0.1,localhost", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
