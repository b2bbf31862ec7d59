/* S3: signatures against the examples of Amazon's documentation, and lists as servers send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "loop/s3.h"
#include "tests/support/http_script.h"

enum { MAY_24_2013 = 1369353600 };

static const struct s3_bucket example = {
	.name = "examplebucket",
	.endpoint = NULL,
	.region = "us-east-1",
	.key_id = "AKIAIOSFODNN7EXAMPLE",
	.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

static void check_signature(const struct s3_request *q, const char *names, const char *signature)
{
	AUTO_FREE char *want =
		xasprintf("Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"
	                  "20130524/us-east-1/s3/aws4_request, SignedHeaders=%s, Signature=%s",
	                  names, signature);
	struct s3_headers h;

	s3_sign(&example, q, MAY_24_2013, &h);
	assert_string_equal(h.list[0], want);
	assert_string_equal(h.list[1], "x-amz-date: 20130524T000000Z");
	s3_headers_release(&h);
	assert_null(h.list[0]);
}

/* "Signature Calculations for the Authorization Header": all of its examples. */
static void test_signatures(void **state)
{
	static const char text[] = "Welcome to Amazon S3.";
	static const char *const range[] = { "range: bytes=0-9", NULL };
	static const char *const more[] = { "x-amz-storage-class: REDUCED_REDUNDANCY",
		                            "date: Fri, 24 May 2013 00:00:00 GMT", NULL };
	const struct digest payload = digest_of(text, strlen(text));
	const struct {
		struct s3_request q;
		const char *names, *signature;
	} row[] = {
		{ { "GET", "https://examplebucket.s3.amazonaws.com/test.txt", NULL, range },
		  "host;range;x-amz-content-sha256;x-amz-date",
		  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
		{ { "PUT", "https://examplebucket.s3.amazonaws.com/test%24file.text", &payload,
		    more },
		  "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
		  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
		{ { "GET", "https://examplebucket.s3.amazonaws.com/?lifecycle=", NULL, NULL },
		  "host;x-amz-content-sha256;x-amz-date",
		  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
		{ { "GET", "https://examplebucket.s3.amazonaws.com:443/?max-keys=2&prefix=J", NULL,
		    NULL },
		  "host;x-amz-content-sha256;x-amz-date",
		  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
		check_signature(&row[i].q, row[i].names, row[i].signature);
}

static void test_session_token_and_no_keys(void **state)
{
	static const char *const more[] = { "if-none-match: *", NULL };
	const struct s3_request q = { .method = "PUT", .url = "https://h/", .headers = more };
	struct s3_bucket b = example;
	struct s3_headers h;

	(void)state;
	b.token = "of-a-session";
	s3_sign(&b, &q, MAY_24_2013, &h);
	assert_non_null(strstr(h.list[0], ";x-amz-date;x-amz-security-token, Sig"));
	assert_string_equal(h.list[3], "x-amz-security-token: of-a-session");
	assert_string_equal(h.list[4], more[0]);
	s3_headers_release(&h);
	b.key_id = NULL;
	s3_sign(&b, &q, MAY_24_2013, &h);
	assert_string_equal(h.list[0], more[0]);
	assert_null(h.list[1]);
	s3_headers_release(&h);
}

static void test_urls(void **state)
{
	static const struct {
		const char *bucket, *endpoint, *key, *want;
	} row[] = {
		{ "b", NULL, "a/b", "https://b.s3.eu-west-1.amazonaws.com/a/b" },
		{ "b.c", NULL, "a", "https://s3.eu-west-1.amazonaws.com/b.c/a" },
		{ "b", "http://h:9", "a b+&=%\xc3\xa4~", "http://h:9/b/a%20b%2B%26%3D%25%C3%A4~" },
		{ "b", "https://h/s3/", "", "https://h/s3/b/" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		const struct s3_bucket b = { .name = row[i].bucket,
			                     .endpoint = row[i].endpoint,
			                     .region = "eu-west-1" };
		AUTO_FREE char *url = s3_url(&b, row[i].key);

		assert_string_equal(url, row[i].want);
	}
}

static void test_environment(void **state)
{
	struct s3_bucket b = { .name = "b" };
	struct s3_bucket mine = example;

	(void)state;
	assert_int_equal(setenv("AWS_ACCESS_KEY_ID", "id", 1), 0);
	assert_int_equal(unsetenv("AWS_SECRET_ACCESS_KEY"), 0);
	assert_int_equal(unsetenv("AWS_REGION"), 0);
	assert_int_equal(setenv("AWS_DEFAULT_REGION", "there", 1), 0);
	s3_use_environment(&b);
	assert_null(b.key_id);
	assert_string_equal(b.region, "there");
	assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "secret", 1), 0);
	s3_use_environment(&b);
	assert_string_equal(b.key_id, "id");
	assert_string_equal(b.secret, "secret");
	s3_use_environment(&mine);
	assert_string_equal(mine.key_id, example.key_id);
	assert_string_equal(mine.region, "us-east-1");
	assert_int_equal(unsetenv("AWS_ACCESS_KEY_ID"), 0);
}

/* --- lists ------------------------------------------------------------------------------------ */

static int note_object(void *arg, const struct s3_object *o, struct error *err)
{
	(void)err;
	strbuf_addf(arg, "%s=%llu", o->key, (unsigned long long)o->size);
	if (o->put_ms)
		strbuf_addf(arg, "@%lld", (long long)o->put_ms);
	strbuf_addstr(arg, ";");
	return 0;
}

#define LIST(text) \
	"<?xml version='1.0'?><ListBucketResult xmlns='http://x/'>" text "</ListBucketResult>"
#define OBJECT(key, size) "<Contents><Key>" key "</Key><Size>" size "</Size></Contents>"

static void test_lists(void **state)
{
	static const struct {
		const char *xml, *objects, *next, *said; /* next: NULL, or said: NULL */
	} row[] = {
		{ LIST(""), "", NULL, NULL },
		{ LIST(OBJECT("a", "1") OBJECT("b&amp;c", "22")), "a=1;b&c=22;", NULL, NULL },
		{ LIST("<Owner><Key>no</Key></Owner>" OBJECT("a", "1")), "a=1;", NULL, NULL },
		{ LIST("<Contents><Key>a</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>"
		       "<Size>1</Size></Contents>"),
		  "a=1@1255369830000;", NULL, NULL },
		{ LIST("<Contents><Key>a</Key><LastModified>today</LastModified><Size>1</Size>"
		       "</Contents>"),
		  "a=1;", NULL, NULL },
		{ LIST(OBJECT("a+b%20%2b", "1") "<EncodingType>url</EncodingType>"), "a b +=1;",
		  NULL, NULL },
		{ LIST(OBJECT("a%20", "1") "<EncodingType></EncodingType>"), "a%20=1;", NULL,
		  NULL },
		{ LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>t/=</"
		       "NextContinuationToken>" OBJECT("a", "1")),
		  "a=1;", "t/=", NULL },
		{ LIST("<IsTruncated>false</IsTruncated><NextContinuationToken>t</"
		       "NextContinuationToken>"),
		  "", NULL, NULL },
		{ LIST("<IsTruncated>true</IsTruncated>"), "", NULL, "without the rest's token" },
		{ LIST("<Contents><Key>a</Key></Contents>"), "", NULL, "without a key or a size" },
		{ LIST("<Contents><Size>1</Size></Contents>"), "", NULL,
		  "without a key or a size" },
		{ LIST(OBJECT("a", "-1")), "", NULL, "without a key or a size" },
		{ LIST(OBJECT("", "1")), "", NULL, "without a key or a size" },
		{ LIST(OBJECT("a%2", "1") "<EncodingType>url</EncodingType>"), "", NULL,
		  "encoded wrongly" },
		{ LIST(OBJECT("a%00b", "1") "<EncodingType>url</EncodingType>"), "", NULL,
		  "encoded wrongly" },
		{ "<Error><Code>AccessDenied</Code></Error>", "", NULL, "is something else" },
		{ "<html><body>", "", NULL, "is something else" },
		{ "{}", "", NULL, "is no whole XML" },
		{ "", "", NULL, "is no whole XML" },
		{ "<ListBucketResult><Contents>", "", NULL, "is no whole XML" },
		{ "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><ListBucketResult/>", "",
		  NULL, "declares a document type" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		AUTO_STRBUF struct strbuf objects = STRBUF_INIT(STRBUF_BIG);
		AUTO_FREE char *next = NULL;
		struct error err = { .msg = "" };
		int rc = s3_parse_list(row[i].xml, strlen(row[i].xml), note_object, &objects, &next,
		                       &err);

		if ((rc == 0) != (row[i].said == NULL) ||
		    (row[i].said && !strstr(err.msg, row[i].said)))
			fail_msg("%s: %d '%s'", row[i].xml, rc, err.msg);
		if (strcmp(strbuf_str(&objects), row[i].objects) != 0)
			fail_msg("%s: '%s'", row[i].xml, strbuf_str(&objects));
		if ((next != NULL) != (row[i].next != NULL) ||
		    (next && strcmp(next, row[i].next) != 0))
			fail_msg("%s: next '%s'", row[i].xml, next ? next : "(none)");
	}
}

#define ANSWER(text) "HTTP/1.1 200 OK\r\n\r\n" text

static void test_pages(void **state)
{
	struct http_script s = {
		.answers = { ANSWER(LIST(OBJECT(
				     "p/a",
				     "1") "<IsTruncated>true</IsTruncated>"
		                          "<NextContinuationToken>a+b</NextContinuationToken>")),
		             ANSWER(LIST(OBJECT("p/b", "2"))),
		             "HTTP/1.1 404 Not Found\r\n\r\nNoSuchBucket" }
	};
	AUTO_STRBUF struct strbuf objects = STRBUF_INIT(STRBUF_BIG);
	AUTO_FREE char *endpoint = NULL;
	struct s3_bucket b = example;
	struct error err;

	(void)state;
	assert_int_equal(setenv("no_proxy", "127.0.0.1", 1), 0);
	script_start(&s);
	b.endpoint = endpoint = xasprintf("http://127.0.0.1:%d", s.port);
	assert_int_equal(s3_each(&b, "p/", note_object, &objects, &err), 0);
	assert_string_equal(strbuf_str(&objects), "p/a=1;p/b=2;");
	assert_int_equal(s3_each(&b, "p/", note_object, &objects, &err), SLUICE_NOT_FOUND);
	assert_non_null(strstr(err.msg, "NoSuchBucket"));
	script_stop(&s);
	assert_non_null(strstr(s.requests[0], "GET /examplebucket/?encoding-type=url&list-type=2"
	                                      "&prefix=p%2F HTTP"));
	assert_non_null(strstr(s.requests[0], "Authorization: AWS4-HMAC-SHA256 "));
	assert_non_null(strstr(s.requests[1], "?continuation-token=a%2Bb&encoding-type=url"));
}

/* --- writes ----------------------------------------------------------------------------------- */

#define SAYS(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n"

static const struct s3_body hello = { .text = "hello", .len = 5 };

/* What comes of it, with so many requests. */
static void check_put(const char *const *answers, bool replace, int want, unsigned requests,
                      struct http_script *s)
{
	AUTO_FREE char *endpoint = NULL;
	struct s3_bucket b = example;
	struct s3_body body = hello;
	struct error err = { .msg = "" };
	struct asker *by = NULL;
	int rc;

	assert_int_equal(asker_new(&by, &err), 0);
	*s = (struct http_script){ .whole = true };
	for (size_t i = 0; answers[i]; i++)
		s->answers[i] = answers[i];
	assert_int_equal(setenv("no_proxy", "127.0.0.1", 1), 0);
	script_start(s);
	b.endpoint = endpoint = xasprintf("http://127.0.0.1:%d", s->port);
	body.digest = digest_of(body.text, body.len);
	rc = s3_put(&b, by, "a/b c", &body, replace, &err);
	asker_free(by);
	script_stop(s);
	if (rc != want || s->n_requests != requests)
		fail_msg("%d after %u requests: %s", rc, s->n_requests, err.msg);
	assert_non_null(strstr(s->requests[0], "PUT /examplebucket/a/b%20c HTTP"));
	assert_non_null(strstr(s->requests[0], "\r\nContent-Length: 5\r\n"));
	assert_non_null(strstr(s->requests[0], "\r\n\r\nhello"));
	assert_int_equal(strstr(s->requests[0], "if-none-match: *") == NULL, replace);
}

static void test_put(void **state)
{
	struct http_script s;

	(void)state;
	check_put((const char *[]){ SAYS("200 OK"), NULL }, true, 0, 1, &s);
	assert_non_null(strstr(s.requests[0], "x-amz-content-sha256: "
	                                      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e"
	                                      "73043362938b9824"));
	check_put((const char *[]){ SAYS("200 OK"), NULL }, false, 0, 1, &s);
	check_put((const char *[]){ SAYS("412 x"), NULL }, false, SLUICE_EXISTS, 1, &s);
	check_put((const char *[]){ SAYS("403 x"), NULL }, true, SLUICE_REMOTE, 1, &s);
	check_put((const char *[]){ SAYS("404 x"), NULL }, true, SLUICE_NOT_FOUND, 1, &s);
}

static void test_look_and_touch(void **state)
{
	struct http_script s = {
		.answers = { "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nLast-Modified: "
		             "Mon, 12 Oct 2009 17:50:30 GMT\r\n\r\n",
		             SAYS("200 OK"), SAYS("404 x"), SAYS("200 OK"), SAYS("404 x") },
	};
	AUTO_FREE char *endpoint = NULL;
	struct s3_bucket b = example;
	struct error err;
	struct asker *by = NULL;
	int64_t put_ms = 1;

	(void)state;
	assert_int_equal(asker_new(&by, &err), 0);
	script_start(&s);
	b.endpoint = endpoint = xasprintf("http://127.0.0.1:%d", s.port);
	assert_int_equal(s3_look(&b, by, "k", &put_ms, &err), 0);
	assert_int_equal(put_ms, 1255369830000);
	assert_int_equal(s3_look(&b, by, "k", &put_ms, &err), 0);
	assert_int_equal(put_ms, 0);
	assert_int_equal(s3_look(&b, by, "k", NULL, &err), SLUICE_NOT_FOUND);
	assert_int_equal(s3_touch(&b, by, "a/b c", &err), 0);
	assert_int_equal(s3_touch(&b, by, "a/b c", &err), SLUICE_NOT_FOUND);
	asker_free(by);
	script_stop(&s);
	assert_non_null(strstr(s.requests[0], "HEAD /examplebucket/k HTTP"));
	assert_non_null(strstr(s.requests[3], "PUT /examplebucket/a/b%20c HTTP"));
	assert_non_null(strstr(s.requests[3], "\r\nx-amz-copy-source: /examplebucket/a/b%20c\r\n"));
	assert_non_null(strstr(s.requests[3], "\r\nx-amz-metadata-directive: REPLACE\r\n"));
}

/* What may be over at the next try is tried again: broken connections, too. */
static void test_put_again(void **state)
{
	struct http_script s;

	(void)state;
	check_put((const char *[]){ SAYS("503 x"), "", SAYS("200 OK"), NULL }, true, 0, 3, &s);
	assert_string_equal(strstr(s.requests[2], "\r\n\r\n"), "\r\n\r\nhello");
	check_put((const char *[]){ SAYS("409 x"), SAYS("412 x"), NULL }, false, SLUICE_EXISTS, 2,
	          &s);
}

/* It looks first where the server cannot. */
static void test_put_without_conditions(void **state)
{
	struct http_script s;

	(void)state;
	check_put((const char *[]){ SAYS("501 x"), SAYS("404 x"), SAYS("200 OK"), NULL }, false, 0,
	          3, &s);
	assert_non_null(strstr(s.requests[1], "HEAD /examplebucket/a/b%20c HTTP"));
	assert_null(strstr(s.requests[2], "if-none-match"));
	check_put((const char *[]){ SAYS("501 x"), SAYS("200 OK"), NULL }, false, SLUICE_EXISTS, 2,
	          &s);
	check_put((const char *[]){ SAYS("501 x"), SAYS("403 x"), NULL }, false, SLUICE_REMOTE, 2,
	          &s);
}

static void test_put_part_of_a_file_and_delete(void **state)
{
	struct http_script s = { .answers = { SAYS("500 x"), SAYS("200 OK"), SAYS("204 x"),
		                              SAYS("404 x"), SAYS("403 x") },
		                 .whole = true };
	AUTO_FREE char *endpoint = NULL;
	struct s3_bucket b = example;
	struct s3_body body = { .offset = 2, .len = 3, .digest = digest_of("llo", 3) };
	FILE *file = tmpfile();
	struct error err;
	struct asker *by = NULL;

	(void)state;
	assert_non_null(file);
	assert_int_equal(asker_new(&by, &err), 0);
	assert_true(fputs("hello, you", file) >= 0 && fflush(file) == 0);
	body.fd = fileno(file);
	script_start(&s);
	b.endpoint = endpoint = xasprintf("http://127.0.0.1:%d", s.port);
	assert_int_equal(s3_put(&b, by, "k", &body, true, &err), 0);
	assert_int_equal(s3_delete(&b, by, "k", &err), 0);
	assert_int_equal(s3_delete(&b, by, "k", &err), 0);
	assert_int_equal(s3_delete(&b, by, "k", &err), SLUICE_REMOTE);
	/* A file that has become shorter is nobody's remote trouble. */
	body.offset = 8;
	assert_int_equal(s3_put(&b, by, "k", &body, true, &err), SLUICE_SYSTEM);
	asker_free(by);
	script_stop(&s);
	assert_int_equal(fclose(file), 0);
	assert_non_null(strstr(s.requests[1], "\r\nContent-Length: 3\r\n"));
	assert_string_equal(strstr(s.requests[1], "\r\n\r\n"), "\r\n\r\nllo");
	assert_non_null(strstr(s.requests[2], "DELETE /examplebucket/k HTTP"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_session_token_and_no_keys),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_look_and_touch),
		cmocka_unit_test(test_put_again),
		cmocka_unit_test(test_put_without_conditions),
		cmocka_unit_test(test_put_part_of_a_file_and_delete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
