#include "loop/http_options.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/xalloc.h"

enum {
	CONNECT_MS = 30 * 1000,
	STALL_S = 60,
	MAX_REDIRECTS = 10,
	BUFFER_SIZE = 128 * 1024,
};

static void add_header(struct curl_slist **headers, const char *line)
{
	struct curl_slist *more = curl_slist_append(*headers, line);

	assert(more); /* fails for want of memory only */
	*headers = more;
}

static void set_credentials(CURL *e, const struct http_request *q)
{
	if (q->bearer) {
		(void)curl_easy_setopt(e, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		(void)curl_easy_setopt(e, CURLOPT_XOAUTH2_BEARER, q->bearer);
	} else if (q->user) {
		(void)curl_easy_setopt(e, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		(void)curl_easy_setopt(e, CURLOPT_USERNAME, q->user);
		(void)curl_easy_setopt(e, CURLOPT_PASSWORD, q->password ? q->password : "");
	}
}

static void set_limits(CURL *e, const struct http_request *q, bool is_get)
{
	bool secure = strncasecmp(q->url, "https:", 6) == 0;
	long stall_s = q->stall_s ? (long)q->stall_s : STALL_S;

	(void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
	(void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, is_get ? 1L : 0L);
	(void)curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
	(void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
	                       (long)(q->connect_ms ? q->connect_ms : CONNECT_MS));
	(void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
	                       q->stall_s == HTTP_PATIENT ? 0L : stall_s);
	(void)curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
	(void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
}

/* As a header and not by CURLOPT_RESUME_FROM, which makes an error of a whole answer. */
static void set_range(struct curl_slist **headers, const struct http_request *q)
{
	AUTO_FREE char *range = NULL, *condition = NULL;

	if (!q->offset)
		return;
	range = xasprintf("Range: bytes=%" PRIu64 "-", q->offset);
	add_header(headers, range);
	if (!q->if_range)
		return;
	condition = xasprintf("If-Range: %s", q->if_range);
	add_header(headers, condition);
}

/* A body makes a POST of it, a stream a PUT, unless the method says otherwise.  Who sends one and
 * expects to be asked for it first may wait for a second. */
static void set_method(CURL *e, struct curl_slist **headers, const struct http_request *q,
                       bool is_get, bool is_stream)
{
	const char *body = q->body ? q->body : "";

	if (is_stream) {
		(void)curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		if (q->body_len > 0)
			(void)curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE,
			                       (curl_off_t)q->body_len);
	} else if (!is_get) { /* the size first: the body is copied at once */
		(void)curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
		(void)curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, body);
	}
	if (!is_get)
		add_header(headers, "Expect:");
	if (q->method && strcmp(q->method, "HEAD") == 0)
		(void)curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	else if (q->method)
		(void)curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, q->method);
}

static void set_peer(CURL *e, const struct http_request *q)
{
	if (q->unix_socket) {
		(void)curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, q->unix_socket);
		(void)curl_easy_setopt(e, CURLOPT_PROXY, "");
	}
	if (q->ca_file)
		(void)curl_easy_setopt(e, CURLOPT_CAINFO, q->ca_file);
	if (q->any_cert) {
		(void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (q->cert_file)
		(void)curl_easy_setopt(e, CURLOPT_SSLCERT, q->cert_file);
	if (q->key_file)
		(void)curl_easy_setopt(e, CURLOPT_SSLKEY, q->key_file);
}

struct curl_slist *http_set_options(CURL *easy, const struct http_request *request, bool is_get,
                                    bool is_stream)
{
	struct curl_slist *headers = NULL;

	for (const char *const *h = request->headers; h && *h; h++)
		add_header(&headers, *h);
	set_range(&headers, request);
	set_credentials(easy, request);
	set_limits(easy, request, is_get);
	set_method(easy, &headers, request, is_get, is_stream);
	set_peer(easy, request);
	(void)curl_easy_setopt(easy, CURLOPT_URL, request->url);
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice");
	return headers;
}
