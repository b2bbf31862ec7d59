/* Whether a bucket can be used as it is told: one list request, and what its answer says in words.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "loop/ask.h"
#include "loop/s3.h"

enum { ANSWER_MAX = 1 << 20, CONNECT_MS = 10 * 1000, STALL_S = 20, SHOWN = 300 };

struct checking {
	const struct s3_bucket *bucket;
	const char *url;
	struct strbuf answer;
	int rc;
	struct error *err;
};

/* The errors that have to do with what a person told; %s is the bucket, or the access key. */
static const struct {
	const char *code, *words;
	bool of_key;
} known[] = {
	{ "NoSuchBucket", "there is no bucket '%s' at the server; make it, or mend its name",
	  false },
	{ "InvalidBucketName", "'%s' is no name of a bucket for the server", false },
	{ "InvalidAccessKeyId", "the server knows no access key '%s'", true },
	{ "SignatureDoesNotMatch",
	  "the server does not take this secret access key from access key '%s'", true },
	{ "AccessDenied",
	  "access key '%s' may not list the bucket; it needs s3:ListBucket of the bucket, and "
	  "s3:GetObject, s3:PutObject and s3:DeleteObject of what is in it",
	  true },
	{ "RequestTimeTooSkewed",
	  "the server's clock and this machine's differ by more than it allows to access key '%s'; "
	  "set the clock",
	  true },
};

static int say_code(const struct checking *c, const char *code)
{
	for (size_t i = 0; code && i < sizeof known / sizeof *known; i++) {
		AUTO_FREE char *words = NULL;
		const char *of = known[i].of_key ? c->bucket->key_id : c->bucket->name;
		const char *gap = strstr(known[i].words, "%s");

		if (strcmp(code, known[i].code) != 0)
			continue;
		words = xasprintf("%.*s%s%s", (int)(gap - known[i].words), known[i].words,
		                  of ? of : "", gap + strlen("%s"));
		return error_set(c->err, SLUICE_INVALID, "%s", words);
	}
	return 0;
}

static int say_status(const struct checking *c, const struct http_response *r)
{
	const char *region = http_response_header(r, "x-amz-bucket-region");
	AUTO_FREE char *code = ask_element(r->text, "Code");
	AUTO_FREE char *message = ask_element(r->text, "Message");
	AUTO_FREE char *shown = http_url_for_message(c->url);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(4 * SHOWN + 1);
	int rc;

	if (region && strcmp(region, c->bucket->region) != 0)
		return error_set(c->err, SLUICE_INVALID,
		                 "bucket '%s' is in region '%.64s', not '%s'", c->bucket->name,
		                 region, c->bucket->region);
	rc = say_code(c, code);
	if (rc < 0)
		return rc;
	strbuf_addprintable(&text, message ? message : r->text, SHOWN);
	return error_set(c->err, r->status < 500 ? SLUICE_INVALID : SLUICE_REMOTE,
	                 "cannot list '%s': the server answers %d%s%s%s%s", shown, r->status,
	                 code ? " " : "", code ? code : "", text.len > 0 ? ": " : "",
	                 strbuf_str(&text));
}

static int on_body(void *arg, const void *data, size_t len, struct error *err)
{
	struct checking *c = arg;

	(void)err;
	strbuf_add(&c->answer, data, len);
	return 0;
}

static void on_done(void *arg, const struct http_response *r, const struct error *err)
{
	struct checking *c = arg;

	if (err)
		*c->err = *err;
	c->rc = err ? err->class : r->status < 200 || r->status > 299 ? say_status(c, r) : 0;
}

static int ask_once(struct checking *c)
{
	const struct http_hooks hooks = { .on_body = on_body, .on_done = on_done, .arg = c };
	struct s3_headers headers;
	struct http *http;
	uv_loop_t loop;
	int rc = uv_loop_init(&loop);

	if (rc < 0)
		return error_sys(c->err, rc, "cannot make an event loop");
	s3_sign(c->bucket, &(struct s3_request){ .method = "GET", .url = c->url }, time(NULL),
	        &headers);
	http = http_new(&loop, 1);
	(void)http_start(http,
	                 &(struct http_request){ .url = c->url,
	                                         .headers = (const char *const *)headers.list,
	                                         .max_body = ANSWER_MAX,
	                                         .connect_ms = CONNECT_MS,
	                                         .stall_s = STALL_S },
	                 &hooks);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	http_free(http);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	(void)!uv_loop_close(&loop);
	s3_headers_release(&headers);
	return c->rc;
}

static int see_object(void *arg, const struct s3_object *object, struct error *err)
{
	(void)arg;
	(void)object;
	(void)err;
	return 0;
}

static int check_list(const struct s3_bucket *b, struct error *err)
{
	AUTO_FREE char *root = s3_url(b, "");
	AUTO_FREE char *url = xasprintf("%s?list-type=2&max-keys=1", root);
	struct checking c = {
		.bucket = b, .url = url, .answer = STRBUF_INIT(ANSWER_MAX), .err = err
	};
	AUTO_FREE char *token = NULL;
	int rc = ask_once(&c);

	if (rc == 0 &&
	    s3_parse_list(strbuf_str(&c.answer), c.answer.len, see_object, NULL, &token, err) < 0)
		rc = error_set(err, SLUICE_INVALID, "what answers at '%s' is no S3 server", root);
	strbuf_release(&c.answer);
	return rc;
}

/* An object of a name that nobody else has, for a moment. */
static int check_write(const struct s3_bucket *b, const char *prefix, struct error *err)
{
	static const char text[] = "sluice looks whether it may write here\n";
	const size_t len = sizeof text - 1;
	const struct s3_body body = { .text = text, .len = len, .digest = digest_of(text, len) };
	struct s3_bucket hasty = *b;
	struct asker *by;
	AUTO_FREE char *key = NULL;
	char uuid[UUID_LEN + 1];
	int rc = asker_new(&by, err);

	if (rc < 0)
		return rc;
	hasty.hasty = true;
	id_new_uuid(uuid);
	key = xasprintf("%scheck-%s", prefix, uuid);
	rc = s3_put(&hasty, by, key, &body, false, err);
	if (rc == 0)
		rc = s3_delete(&hasty, by, key, err);
	asker_free(by);
	return rc < 0 ? error_wrap(err, "the bucket can be listed, but not changed") : 0;
}

int s3_check(const struct s3_bucket *b, const char *prefix, struct error *err)
{
	int rc = check_list(b, err);

	return rc < 0 ? rc : check_write(b, prefix, err);
}
