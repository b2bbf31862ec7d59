/*
 * A server that says what a script tells it to: each request gets the next answer, byte for byte,
 * and then the end of its connection.  One thread; requests are kept for the test to look at.
 */
#ifndef TESTS_SUPPORT_HTTP_SCRIPT_H
#define TESTS_SUPPORT_HTTP_SCRIPT_H

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	SCRIPT_MOST = 12,
	SCRIPT_REQUEST = 608,
	SCRIPT_TLS = 0x16, /* begins the first word of a client that asks for TLS */
};

enum script_end {
	SCRIPT_CLOSE,
	SCRIPT_HOLD, /* waits until the client gives up */
	SCRIPT_RESET,
};

struct http_script {
	const char *answers[SCRIPT_MOST]; /* NULL after the last */
	bool repeat_last;
	enum script_end end; /* of each answer */
	const char *path;    /* of a unix socket, or NULL for a port */
	bool whole;          /* read the body of a request that has one, too */
	int fd;
	int port;
	pthread_t thread;
	unsigned n_requests;
	char requests[SCRIPT_MOST][SCRIPT_REQUEST];
};

/* Whether a request is whole: up to its empty line, or to the end of its body. */
static inline bool script_has_all(const char *text, bool whole)
{
	static const char length_is[] = "Content-Length: ";
	const char *body = strstr(text, "\r\n\r\n");
	const char *length = strstr(text, length_is);

	if (!body || !whole)
		return body;
	if (strstr(text, "chunked"))
		return strstr(body, "\r\n0\r\n\r\n");
	return !length || strlen(body + 4) >= strtoul(length + strlen(length_is), NULL, 10);
}

static inline void script_read_request(int fd, char *at, bool whole)
{
	size_t len = 0;
	ssize_t n;

	while (len + 1 < SCRIPT_REQUEST && (n = read(fd, at + len, SCRIPT_REQUEST - 1 - len)) > 0) {
		len += (size_t)n;
		at[len] = '\0';
		if (at[0] == SCRIPT_TLS || script_has_all(at, whole))
			return;
	}
}

static inline void script_answer(int fd, const char *text)
{
	for (size_t len = strlen(text), at = 0; at < len;) {
		ssize_t n = send(fd, text + at, len - at, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		at += (size_t)n;
	}
}

static inline void script_end(const struct http_script *s, int fd)
{
	const struct linger none = { .l_onoff = 1 };
	char byte;

	if (s->end == SCRIPT_HOLD)
		(void)!read(fd, &byte, 1);
	/* Closed with a request unread, which a client may have sent on a connection that it takes
	 * for alive, it would be reset, and the answer be lost with it. */
	if (s->end == SCRIPT_CLOSE && shutdown(fd, SHUT_WR) == 0)
		while (read(fd, &byte, 1) > 0)
			;
	if (s->end == SCRIPT_RESET)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	(void)close(fd);
}

static inline void *script_run(void *arg)
{
	struct http_script *s = arg;

	for (;;) {
		unsigned n = s->n_requests;
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return NULL;
		if (n < SCRIPT_MOST) {
			script_read_request(fd, s->requests[n], s->whole);
			s->n_requests++;
			while (s->repeat_last && n > 0 && !s->answers[n])
				n--;
			script_answer(fd, s->answers[n] ? s->answers[n] : "HTTP/1.1 500 x\r\n\r\n");
		}
		script_end(s, fd);
	}
}

static inline int script_bind_path(const struct http_script *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	assert(strlen(s->path) < sizeof a.sun_path);
	memcpy(a.sun_path, s->path, strlen(s->path) + 1);
	return bind(s->fd, (struct sockaddr *)&a, sizeof a);
}

static inline void script_start(struct http_script *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof a;
	int rc;

	s->fd = socket(s->path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = s->path ? script_bind_path(s) : bind(s->fd, (struct sockaddr *)&a, sizeof a);
	assert(rc == 0);
	rc = listen(s->fd, 16);
	assert(rc == 0);
	if (!s->path && getsockname(s->fd, (struct sockaddr *)&a, &len) == 0)
		s->port = ntohs(a.sin_port);
	rc = pthread_create(&s->thread, NULL, script_run, s);
	assert(rc == 0);
	(void)rc;
}

static inline void script_stop(struct http_script *s)
{
	(void)shutdown(s->fd, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
}

#endif
