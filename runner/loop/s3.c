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
#include "base/io.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

/* --- URLs ------------------------------------------------------------------------------------- */

static const char *set_env(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

void s3_use_environment(struct s3_bucket *b)
{
	if (!b->key_id && set_env("AWS_ACCESS_KEY_ID") && set_env("AWS_SECRET_ACCESS_KEY")) {
		b->key_id = set_env("AWS_ACCESS_KEY_ID");
		b->secret = set_env("AWS_SECRET_ACCESS_KEY");
		b->token = set_env("AWS_SESSION_TOKEN");
	}
	if (!b->region)
		b->region = set_env("AWS_REGION");
	if (!b->region)
		b->region = set_env("AWS_DEFAULT_REGION");
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

/* Of no bytes: a GET has no body. */
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

static const char *signed_names(const struct s3_bucket *b)
{
	return b->token ? "host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
	                : "host;x-amz-content-sha256;x-amz-date";
}

static struct digest canonical_request(const struct s3_bucket *b, const char *url, const char *when)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);
	AUTO_FREE char *host = host_of(url);
	const char *path = strchr(strstr(url, "://") + strlen("://"), '/');
	size_t len = strcspn(path, "?");

	strbuf_addf(&sb, "GET\n%.*s\n%s\n", (int)len, path, path[len] ? path + len + 1 : "");
	strbuf_addf(&sb, "host:%s\nx-amz-content-sha256:" EMPTY_SHA256 "\nx-amz-date:%s\n", host,
	            when);
	if (b->token)
		strbuf_addf(&sb, "x-amz-security-token:%s\n", b->token);
	strbuf_addf(&sb, "\n%s\n" EMPTY_SHA256, signed_names(b));
	return digest_of(sb.buf, sb.len);
}

void s3_sign(const struct s3_bucket *b, const char *url, time_t now, struct s3_headers *ret)
{
	enum { DAY_LEN = sizeof "20130524" - 1 };
	char when[sizeof "20130524T000000Z"], day[DAY_LEN + 1], hex[DIGEST_HEX_LEN + 1];
	AUTO_FREE char *scope = NULL;
	AUTO_FREE char *text = NULL;
	struct digest d;
	struct tm tm;

	*ret = (struct s3_headers){ .list = { NULL } };
	if (!b->key_id || !gmtime_r(&now, &tm) ||
	    strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm) == 0)
		return;
	memcpy(day, when, DAY_LEN);
	day[DAY_LEN] = '\0';
	scope = xasprintf("%s/%s/s3/aws4_request", day, b->region);
	d = canonical_request(b, url, when);
	text = xasprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", when, scope, digest_hex(&d, hex));
	d = signing_key(b, day);
	d = hmac(d.b, sizeof d.b, text);
	ret->list[0] = xasprintf("Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, "
	                         "SignedHeaders=%s, Signature=%s",
	                         b->key_id, scope, signed_names(b), digest_hex(&d, hex));
	ret->list[1] = xasprintf("x-amz-date: %s", when);
	ret->list[2] = xstrdup("x-amz-content-sha256: " EMPTY_SHA256);
	if (b->token)
		ret->list[3] = xasprintf("x-amz-security-token: %s", b->token);
}

void s3_headers_release(struct s3_headers *h)
{
	for (size_t i = 0; h->list[i]; i++)
		free(h->list[i]);
	*h = (struct s3_headers){ .list = { NULL } };
}

/* --- requests --------------------------------------------------------------------------------- */

struct signing {
	const struct s3_bucket *bucket;
	const struct fetch *how;
	struct s3_headers headers;
};

static void sign_try(void *arg, struct http_request *request)
{
	struct signing *s = arg;

	s3_headers_release(&s->headers);
	s3_sign(s->bucket, request->url, time(NULL), &s->headers);
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
	struct signing s = { .bucket = b, .how = how };
	struct fetch fetch = *how;
	int rc;

	fetch.on_try = sign_try;
	fetch.on_progress = hand_progress_on;
	fetch.arg = &s;
	rc = fetch_file(&fetch, fd, err);
	s3_headers_release(&s.headers);
	return rc;
}

enum {
	LIST_MAX = 16 << 20
}; /* of one answer, a thousand keys of up to 1 kB, three times encoded */

static int fetch_list(const struct s3_bucket *b, const char *url, struct strbuf *to,
                      struct error *err)
{
	const struct fetch how = { .request = { .url = url, .max_body = LIST_MAX } };
	AUTO_FD int fd = memfd_create("list", MFD_CLOEXEC);
	int rc = s3_fetch(b, &how, fd, err);

	if (rc < 0)
		return rc;
	rc = lseek(fd, 0, SEEK_SET) < 0 ? -errno : io_read_all(fd, to);
	return rc < 0 ? error_sys(err, rc, "cannot read the list of '%s'", b->name) : 0;
}

int s3_each(const struct s3_bucket *b, const char *prefix, s3_object_fn *fn, void *arg,
            struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIST_MAX);
	char *token = NULL;
	int rc;

	do {
		AUTO_FREE char *url = list_url(b, prefix, token);

		free(token);
		token = NULL;
		strbuf_clear(&text);
		rc = fetch_list(b, url, &text, err);
		if (rc == 0)
			rc = s3_parse_list(strbuf_str(&text), text.len, fn, arg, &token, err);
	} while (rc == 0 && token);
	free(token);
	return rc;
}
