/* A registry that does as a script says, and as no honest one would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/lock.h"
#include "tests/support/pull_box.h"

static void answers_that_are_no_image_are_refused_with_words(void **state)
{
	static const struct {
		const char *type, *body, *says;
	} row[] = {
		{ "text/html", "<html>Sign in</html>", "manifest '1'" },
		{ MANIFEST, "", "manifest '1'" },
		{ MANIFEST, "{}", "no image manifest: it has no 'config'" },
		{ "text/plain", "{}", "is no image: it is of the type 'text/plain'" },
		{ MANIFEST, "{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\"}",
		  "of the type 'application/vnd.cncf.helm.config.v1+json'" },
		{ MANIFEST, "{\"schemaVersion\":1,\"fsLayers\":[]}", "schema 1" },
		{ MANIFEST, "{\"manifests\":[],\"layers\":[],\"config\":{}}", "both an index" },
		{ MANIFEST, "{\"layers\":[]}", "no 'config'" },
		{ "application/vnd.oci.image.index.v1+json", "{\"manifests\":[]}",
		  "no image for this machine" },
		{ MANIFEST,
		  "{\"config\":{\"digest\":\"sha256:" NONE64 "\",\"size\":1},\"layers\":["
		  "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip+encrypted\","
		  "\"digest\":\"sha256:" NONE64 "\",\"size\":1}]}",
		  "a layer of the type 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted'" },
		{ MANIFEST,
		  "{\"config\":{\"digest\":\"sha256:" NONE64
		  "\",\"size\":9000000000},\"layers\":[{\"digest\":\"sha256:" NONE64
		  "\",\"size\":1}]}",
		  "larger than 4 MiB" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		void *box;
		struct box *b;

		assert_int_equal(setup(&box), 0);
		b = box;
		b->script = (struct http_script){ .answers = { NULL } };
		b->script.answers[1] = ok(b, row[i].type, row[i].body);
		assert_true(pull(b) < 0);
		if (!strstr(b->err.msg, row[i].says) || !strstr(b->err.msg, "/a/b:1'") ||
		    !strstr(b->err.msg, "from registry '127.0.0.1:"))
			fail_msg("'%s' does not say '%s'", b->err.msg, row[i].says);
		nothing_wrong_is_kept(b);
		assert_int_equal(teardown(&box), 0);
	}
}

/* A manifest that has REPEAT times TEXT among its layers. */
static const char *manifest_of(struct box *b, const char *text, size_t repeat, const char *between)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	strbuf_addstr(&sb,
	              "{\"config\":{\"digest\":\"sha256:" NONE64 "\",\"size\":1},\"layers\":[");
	for (size_t i = 0; i < repeat; i++)
		strbuf_addf(&sb, "%s%s", i > 0 ? between : "", text);
	strbuf_addstr(&sb, "]}");
	return ok(b, MANIFEST, strbuf_str(&sb));
}

static void documents_have_limits(void **state)
{
	struct box *b = *state;

	b->script.answers[1] =
		manifest_of(b, "{\"digest\":\"sha256:" NONE64 "\",\"size\":1}", 10000, ",");
	assert_int_equal(pull(b), SLUICE_LIMIT);
	assert_non_null(strstr(b->err.msg, "'layers' has 10000 entries"));
	b->script = (struct http_script){ .answers = { NULL } };
	b->script.answers[1] = manifest_of(b, "[", 100000, "");
	assert_true(pull(b) < 0);
	b->script = (struct http_script){ .answers = { NULL } };
	b->script.answers[1] = manifest_of(b, "          ", 500000, "");
	assert_int_equal(pull(b), SLUICE_LIMIT);
	nothing_wrong_is_kept(b);
}

/* Its digest may be right: who makes the image may be hostile as well. */
static void configs_have_limits(void **state)
{
	static const struct {
		const char *begin, *text, *says;
		size_t repeat;
	} row[] = {
		{ "", "[", "config", 100000 },
		{ "{\"rootfs\":{\"diff_ids\":[1", ",1", "has 10001 entries", 10000 },
		{ "<html>", "", "config", 0 },
		{ "{}", "", "config", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_STRBUF struct strbuf config = STRBUF_INIT(STRBUF_BIG);
		AUTO_FREE char *is = NULL, *manifest = NULL;
		void *box;
		struct box *b;

		assert_int_equal(setup(&box), 0);
		b = box;
		strbuf_addstr(&config, row[i].begin);
		for (size_t n = 0; n < row[i].repeat; n++)
			strbuf_addstr(&config, row[i].text);
		strbuf_addstr(&config, row[i].begin[0] == '{' && row[i].repeat ? "]}}" : "");
		is = descriptor("application/vnd.oci.image.config.v1+json", strbuf_str(&config));
		manifest = xasprintf("{\"config\":%s,\"layers\":[{\"digest\":\"sha256:" NONE64
		                     "\",\"size\":1}]}",
		                     is);
		b->script.answers[1] = ok(b, MANIFEST, manifest);
		b->script.answers[2] = ok(b, "text/plain", strbuf_str(&config));
		assert_true(pull(b) < 0);
		if (!strstr(b->err.msg, row[i].says) || !strstr(b->err.msg, "/a/b:1'"))
			fail_msg("'%s' does not say '%s'", b->err.msg, row[i].says);
		nothing_wrong_is_kept(b);
		assert_int_equal(teardown(&box), 0);
	}
}

/* --- layers ----------------------------------------------------------------------------------- */

static void layers_that_are_not_what_they_should_be_are_not_kept(void **state)
{
	static const struct {
		const char *answers[7], *says;
	} row[] = {
		{ { BLOB("34", "A layer that is no tar, but a blob"),
		    BLOB("34", "A layer that is no tar, but a blob"), NULL },
		  "not what was asked for" },
		{ { BLOB("35", LAYER "!"), NULL }, "announces 35 bytes, the manifest 34" },
		{ { BLOB("33", "a layer that is no tar, but a blo"), NULL },
		  "announces 33 bytes, the manifest 34" },
		{ { "HTTP/1.1 200 OK\r\n\r\n" LAYER " and more", NULL }, "more than the 34 bytes" },
		{ { "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", NULL }, "answers 404" },
		{ { BLOB("34", "a lay"), BLOB("34", ""), BLOB("34", ""), BLOB("34", ""),
		    BLOB("34", ""), NULL },
		  "cannot get" },
		/* It comes as it should, and is no tar. */
		{ { BLOB("34", LAYER), NULL }, "cannot unpack layer" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		void *box;
		struct box *b;

		assert_int_equal(setup(&box), 0);
		b = box;
		script_image(b, LAYER, row[i].answers);
		assert_true(pull(b) < 0);
		if (!strstr(b->err.msg, row[i].says) || !strstr(b->err.msg, "layer sha256:"))
			fail_msg("'%s' does not say '%s'", b->err.msg, row[i].says);
		nothing_wrong_is_kept(b);
		assert_int_equal(teardown(&box), 0);
	}
}

static void a_broken_layer_goes_on_where_it_ended(void **state)
{
	static const char *const answers[] = {
		BLOB("34", "a layer that"),
		"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
		BLOB_REST,
		NULL,
	};
	struct box *b = *state;

	script_image(b, LAYER, answers);
	assert_true(pull(b) < 0);
	/* It came to the one who unpacks it: only that can still be wrong with it. */
	assert_non_null(strstr(b->err.msg, "it is no tar"));
	assert_non_null(strstr(b->script.requests[5], "Range: bytes=12-"));
}

static void one_who_sends_all_again_is_believed(void **state)
{
	static const char *const answers[] = { BLOB("34", "a layer that"), BLOB("34", LAYER),
		                               NULL };
	struct box *b = *state;

	script_image(b, LAYER, answers);
	assert_true(pull(b) < 0);
	assert_non_null(strstr(b->err.msg, "it is no tar"));
}

/* He may wait for the very blob that comes here: what came is kept for him, and he is not waited
 * for. */
static void a_layer_that_another_unpacks_is_left_to_him(void **state)
{
	static const char *const answers[] = { BLOB("34", LAYER), NULL };
	const struct digest digest = digest_of(LAYER, strlen(LAYER));
	char hex[DIGEST_HEX_LEN + 1];
	struct box *b = *state;
	AUTO_FREE char *lock = xasprintf("%s/layers/.%s", b->home, digest_hex(&digest, hex));
	AUTO_FREE char *blob = xasprintf("%s/images/blobs/sha256/%s", b->home, hex);
	AUTO_FD int other = lock_take(AT_FDCWD, lock, LOCK_EXCLUSIVE, false);

	assert_true(other >= 0);
	script_image(b, LAYER, answers);
	assert_int_equal(pull(b), 0);
	assert_int_equal(access(blob, F_OK), 0);
}

/* --- who we are ------------------------------------------------------------------------------- */

#define UNAUTHORIZED(challenge) \
	"HTTP/1.1 401 No\r\nWWW-Authenticate: " challenge "\r\nContent-Length: 0\r\n\r\n"

static void a_registry_that_is_never_content_is_left(void **state)
{
	struct box *b = *state;

	b->script.answers[1] = UNAUTHORIZED("Negotiate");
	assert_true(pull(b) < 0);
	assert_non_null(strstr(b->err.msg, "does not say what it wants to see"));
	b->script = (struct http_script){ .answers = { NULL } };
	b->script.answers[1] = UNAUTHORIZED("Basic realm=x");
	assert_true(pull(b) < 0);
	assert_non_null(strstr(b->err.msg, "wants a login"));
	b->script = (struct http_script){ .answers = { NULL } };
	b->script.answers[1] = UNAUTHORIZED("Bearer realm=\"not a url\"");
	assert_true(pull(b) < 0);
}

static void a_pull_can_be_stopped(void **state)
{
	static const char *const answers[] = { BLOB("34", "a layer"), NULL };
	struct box *b = *state;
	atomic_bool stop = true;
	const struct images_pull_how how = { .when = PULL_ALWAYS, .stop = &stop };
	AUTO_FREE char *name = NULL;

	script_image(b, LAYER, answers);
	b->script.answers[0] = NO_TLS;
	b->script.end = SCRIPT_HOLD;
	script_start(&b->script);
	name = xasprintf("127.0.0.1:%d/a/b:1", b->script.port);
	assert_int_equal(images_pull(b->images, name, &how, b->digest, &b->err), SLUICE_CANCELED);
	script_stop(&b->script);
	nothing_wrong_is_kept(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_that_are_no_image_are_refused_with_words),
		TEST(documents_have_limits),
		cmocka_unit_test(configs_have_limits),
		cmocka_unit_test(layers_that_are_not_what_they_should_be_are_not_kept),
		TEST(a_broken_layer_goes_on_where_it_ended),
		TEST(one_who_sends_all_again_is_believed),
		TEST(a_layer_that_another_unpacks_is_left_to_him),
		TEST(a_registry_that_is_never_content_is_left),
		TEST(a_pull_can_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
