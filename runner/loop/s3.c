#include "loop/s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/env.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

/* --- URLs ------------------------------------------------------------------------------------- */

void s3_use_environment(struct s3_bucket *b)
{
	if (!b->key_id && env_get("AWS_ACCESS_KEY_ID") && env_get("AWS_SECRET_ACCESS_KEY")) {
		b->key_id = env_get("AWS_ACCESS_KEY_ID");
		b->secret = env_get("AWS_SECRET_ACCESS_KEY");
		b->token = env_get("AWS_SESSION_TOKEN");
	}
	if (!b->region)
		b->region = env_get("AWS_REGION");
	if (!b->region)
		b->region = env_get("AWS_DEFAULT_REGION");
	if (!b->region)
		b->region = "us-east-1";
}

/* As the signature wants it: all but unreserved characters by their bytes' hex digits. */
static void add_encoded(struct strbuf *sb, const char *text, const char *kept)
{
	for (const char *c = text; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		             (*c >= '0' && *c <= '9') || strchr("-_.~", *c) || strchr(kept, *c);

		if (plain)
			strbuf_addch(sb, *c);
		else
			strbuf_addf(sb, "%%%02X", (unsigned)(unsigned char)*c);
	}
}

/* A certificate of Amazon's is good for one label before its own name: for a bucket without dots.
 */
static void add_root(struct strbuf *sb, const struct s3_bucket *b)
{
	if (b->endpoint)
		strbuf_addf(
			sb, "%.*s/%s/",
			(int)(strlen(b->endpoint) - (b->endpoint[strlen(b->endpoint) - 1] == '/')),
			b->endpoint, b->name);
	else if (strchr(b->name, '.'))
		strbuf_addf(sb, "https://s3.%s.amazonaws.com/%s/", b->region, b->name);
	else
		strbuf_addf(sb, "https://%s.s3.%s.amazonaws.com/", b->name, b->region);
}

char *s3_url(const struct s3_bucket *b, const char *key)
{
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	add_root(&sb, b);
	add_encoded(&sb, key, "/");
	return strbuf_detach(&sb);
}

/* The parameters by name, as the signature wants them. */
static char *list_url(const struct s3_bucket *b, const char *prefix, const char *token)
{
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	add_root(&sb, b);
	strbuf_addch(&sb, '?');
	if (token) {
		strbuf_addstr(&sb, "continuation-token=");
		add_encoded(&sb, token, "");
		strbuf_addch(&sb, '&');
	}
	strbuf_addstr(&sb, "encoding-type=url&list-type=2&prefix=");
	add_encoded(&sb, prefix, "");
	return strbuf_detach(&sb);
}

/* --- the signature ---------------------------------------------------------------------------- */

/* Of no bytes. */
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct digest hmac(const void *key, size_t key_len, const char *text)
{
	struct digest d;
	unsigned len = sizeof d.b;

	if (!HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), d.b,
	          &len))
		abort(); /* it has SHA-256 and memory, or nothing here goes */
	return d;
}

static struct digest signing_key(const struct s3_bucket *b, const char *day)
{
	AUTO_FREE char *first = xasprintf("AWS4%s", b->secret);
	struct digest d = hmac(first, strlen(first), day);

	d = hmac(d.b, sizeof d.b, b->region);
	d = hmac(d.b, sizeof d.b, "s3");
	return hmac(d.b, sizeof d.b, "aws4_request");
}

/* The host as curl names it: without a port that is its scheme's own. */
static char *host_of(const char *url)
{
	const char *begin = strstr(url, "://") + strlen("://");
	const char *own = strncmp(url, "https:", strlen("https:")) == 0 ? ":443" : ":80";
	size_t len = strcspn(begin, "/?"), own_len = strlen(own);

	if (len > own_len && strncmp(begin + len - own_len, own, own_len) == 0)
		len -= own_len;
	return xstrndup(begin, len);
}

/* By their names, as the signature wants them. */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "name: value" each; borrowed. */
struct lines {
	char *list[S3_HEADERS_MOST];
	size_t n;
};

/* *ret_names: "host;x-amz-date", which the caller frees. */
static struct digest canonical_request(const struct s3_request *q, const char *payload,
                                       const struct lines *lines, char **ret_names)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);
	struct strbuf names = STRBUF_INIT(STRBUF_BIG);
	const char *path = strchr(strstr(q->url, "://") + strlen("://"), '/');
	size_t len = strcspn(path, "?");

	strbuf_addf(&sb, "%s\n%.*s\n%s\n", q->method, (int)len, path,
	            path[len] ? path + len + 1 : "");
	for (size_t i = 0; i < lines->n; i++) {
		const char *line = lines->list[i];
		size_t name = strcspn(line, ":");

		strbuf_addf(&sb, "%.*s:%s\n", (int)name, line, line + name + strlen(": "));
		strbuf_addf(&names, "%s%.*s", i ? ";" : "", (int)name, line);
	}
	strbuf_addf(&sb, "\n%s\n%s", strbuf_str(&names), payload);
	*ret_names = strbuf_detach(&names);
	return digest_of(sb.buf, sb.len);
}

static char *authorization(const struct s3_bucket *b, const struct s3_request *q,
                           const char *payload, const char *when, const struct lines *lines)
{
	enum { DAY_LEN = sizeof "20130524" - 1 };
	AUTO_FREE char *day = xstrndup(when, DAY_LEN);
	AUTO_FREE char *scope = xasprintf("%s/%s/s3/aws4_request", day, b->region);
	AUTO_FREE char *names = NULL;
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d = canonical_request(q, payload, lines, &names);
	AUTO_FREE char *text =
		xasprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", when, scope, digest_hex(&d, hex));

	d = signing_key(b, day);
	d = hmac(d.b, sizeof d.b, text);
	return xasprintf("Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, "
	                 "SignedHeaders=%s, Signature=%s",
	                 b->key_id, scope, names, digest_hex(&d, hex));
}

void s3_sign(const struct s3_bucket *b, const struct s3_request *q, time_t now,
             struct s3_headers *ret)
{
	char when[sizeof "20130524T000000Z"], hex[DIGEST_HEX_LEN + 1];
	const char *payload = q->payload ? digest_hex(q->payload, hex) : EMPTY_SHA256;
	AUTO_FREE char *host = host_of(q->url);
	AUTO_FREE char *host_line = xasprintf("host: %s", host);
	struct lines lines = { .n = 0 };
	bool is_signed = b->key_id;
	struct tm tm;
	char **to = ret->list;

	*ret = (struct s3_headers){ .list = { NULL } };
	if (!gmtime_r(&now, &tm) || strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm) == 0)
		is_signed = false;
	if (is_signed) {
		to++; /* the signature itself comes first */
		lines.list[lines.n++] = xasprintf("x-amz-date: %s", when);
		lines.list[lines.n++] = xasprintf("x-amz-content-sha256: %s", payload);
		if (b->token)
			lines.list[lines.n++] = xasprintf("x-amz-security-token: %s", b->token);
	}
	for (const char *const *h = q->headers; h && *h; h++)
		lines.list[lines.n++] = xstrdup(*h);
	memcpy(to, lines.list, lines.n * sizeof *to);
	if (!is_signed)
		return;
	lines.list[lines.n++] = host_line;
	qsort(lines.list, lines.n, sizeof lines.list[0], by_name);
	ret->list[0] = authorization(b, q, payload, when, &lines);
}

void s3_headers_release(struct s3_headers *h)
{
	for (size_t i = 0; h->list[i]; i++)
		free(h->list[i]);
	*h = (struct s3_headers){ .list = { NULL } };
}

/* --- requests --------------------------------------------------------------------------------- */

enum { HASTY_MS = 5000, HASTY_STALL_S = 10 };

struct signing {
	const struct s3_bucket *bucket;
	struct s3_request request; /* without its URL */
	const struct fetch *how;   /* of a GET */
	struct s3_headers headers;
};

static void sign_try(void *arg, struct http_request *request)
{
	struct signing *s = arg;

	s3_headers_release(&s->headers);
	s->request.url = request->url;
	s3_sign(s->bucket, &s->request, time(NULL), &s->headers);
	request->headers = (const char *const *)s->headers.list;
}

static void hand_progress_on(void *arg, uint64_t have, int64_t total)
{
	const struct signing *s = arg;

	if (s->how->on_progress)
		s->how->on_progress(s->how->arg, have, total);
}

int s3_fetch(const struct s3_bucket *b, const struct fetch *how, int fd, struct error *err)
{
	struct signing s = { .bucket = b, .request = { .method = "GET" }, .how = how };
	struct fetch fetch = *how;
	int rc;

	if (b->hasty) {
		fetch.tries = 1;
		fetch.request.connect_ms = HASTY_MS;
		fetch.request.stall_s = HASTY_STALL_S;
	}
	fetch.on_try = sign_try;
	fetch.on_progress = hand_progress_on;
	fetch.arg = &s;
	rc = fetch_file(&fetch, fd, err);
	s3_headers_release(&s.headers);
	return rc;
}

int s3_fetch_text(const struct s3_bucket *b, const struct fetch *how, struct strbuf *to,
                  struct error *err)
{
	AUTO_FREE char *shown = http_url_for_message(how->request.url);
	AUTO_FD int fd = memfd_create("text", MFD_CLOEXEC);
	int rc = fd < 0 ? error_sys(err, errno, "cannot make room for what is fetched")
	                : s3_fetch(b, how, fd, err);

	if (rc < 0)
		return rc;
	rc = lseek(fd, 0, SEEK_SET) < 0 ? -errno : io_read_all(fd, to);
	return rc < 0 ? error_sys(err, rc, "cannot read '%s'", shown) : 0;
}

/* What `what` names of the request beside its URL is set here. */
static int send_signed(const struct s3_bucket *b, struct asker *by, const char *key,
                       struct signing *s, struct ask *what, struct error *err)
{
	AUTO_FREE char *url = s3_url(b, key);
	int rc;

	s->bucket = b;
	what->tries = b->hasty ? 1 : 0;
	what->request.connect_ms = b->hasty ? HASTY_MS : 0;
	what->request.stall_s = b->hasty ? HASTY_STALL_S : 0;
	what->request.url = url;
	what->request.method = s->request.method;
	what->on_try = sign_try;
	what->arg = s;
	rc = ask(by, what, err);
	s3_headers_release(&s->headers);
	return rc;
}

int s3_look(const struct s3_bucket *b, struct asker *by, const char *key, int64_t *ret_put_ms,
            struct error *err)
{
	struct signing s = { .request = { .method = "HEAD" } };
	struct ask what = { .len = 0 };

	what.ret_modified_ms = ret_put_ms;
	return send_signed(b, by, key, &s, &what, err);
}

static int put(const struct s3_bucket *b, struct asker *by, const char *key,
               const struct s3_body *body, bool replace, struct error *err)
{
	static const char *const new_alone[] = { "if-none-match: *", NULL };
	struct signing s = { .request = { .method = "PUT",
		                          .payload = &body->digest,
		                          .headers = replace ? NULL : new_alone } };
	struct ask what = { .fd = body->fd,
		            .offset = body->offset,
		            .len = body->text ? 0 : body->len };

	if (!what.len) {
		what.request.body = body->text ? body->text : "";
		what.request.body_len = body->len;
	}
	return send_signed(b, by, key, &s, &what, err);
}

int s3_put(const struct s3_bucket *b, struct asker *by, const char *key, const struct s3_body *body,
           bool replace, struct error *err)
{
	int rc = put(b, by, key, body, replace, err);

	if (rc != SLUICE_INVALID || replace)
		return rc;
	rc = s3_look(b, by, key, NULL, err);
	if (rc == SLUICE_NOT_FOUND)
		return put(b, by, key, body, true, err);
	return rc < 0 ? rc : error_set(err, SLUICE_EXISTS, "object '%.512s' is there already", key);
}

int s3_touch(const struct s3_bucket *b, struct asker *by, const char *key, struct error *err)
{
	struct strbuf source = STRBUF_INIT(STRBUF_BIG);
	const char *headers[] = { NULL, "x-amz-metadata-directive: REPLACE", NULL };
	struct signing s = { .request = { .method = "PUT", .headers = headers } };
	struct ask what = { .request.body = "" };
	int rc;

	strbuf_addf(&source, "x-amz-copy-source: /%s/", b->name);
	add_encoded(&source, key, "/");
	headers[0] = strbuf_str(&source);
	rc = send_signed(b, by, key, &s, &what, err);
	strbuf_release(&source);
	return rc;
}

int s3_delete(const struct s3_bucket *b, struct asker *by, const char *key, struct error *err)
{
	struct signing s = { .request = { .method = "DELETE" } };
	struct ask what = { .len = 0 };
	int rc = send_signed(b, by, key, &s, &what, err);

	return rc == SLUICE_NOT_FOUND ? 0 : rc;
}

enum {
	LIST_MAX = 16 << 20
}; /* of one answer, a thousand keys of up to 1 kB, three times encoded */

int s3_each(const struct s3_bucket *b, const char *prefix, s3_object_fn *fn, void *arg,
            struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIST_MAX);
	char *token = NULL;
	int rc;

	do {
		AUTO_FREE char *url = list_url(b, prefix, token);
		const struct fetch how = { .request = { .url = url, .max_body = LIST_MAX } };

		free(token);
		token = NULL;
		strbuf_clear(&text);
		rc = s3_fetch_text(b, &how, &text, err);
		if (rc == 0)
			rc = s3_parse_list(strbuf_str(&text), text.len, fn, arg, &token, err);
	} while (rc == 0 && token);
	free(token);
	return rc;
}
