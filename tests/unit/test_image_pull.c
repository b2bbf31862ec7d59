/* A registry that does as a script says, and as no honest one would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "image/image.h"
#include "image/layout.h"
#include "tests/support/http_script.h"

/* The first question is asked by TLS, which the script does not speak. */
#define NO_TLS ""

#define NONE64 "0000000000000000000000000000000000000000000000000000000000000000"

struct box {
	char home[64];
	struct images *images;
	struct http_script script;
	char *owned[8];
	size_t n_owned;
	char digest[72];
	struct error err;
};

static int setup(void **state)
{
	struct box *b = xcalloc(1, sizeof *b);
	char path[96];

	(void)snprintf(b->home, sizeof b->home, "/tmp/sluice-pull-XXXXXX");
	assert_non_null(mkdtemp(b->home));
	assert_int_equal(images_open(b->home, &b->images, &b->err), 0);
	(void)snprintf(path, sizeof path, "%s/auth.json", b->home);
	assert_int_equal(io_put_file(AT_FDCWD, path, "{}", 2, 0600, true), 0);
	(void)setenv("REGISTRY_AUTH_FILE", path, 1);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;

	images_close(b->images);
	for (size_t i = 0; i < b->n_owned; i++)
		free(b->owned[i]);
	assert_int_equal(io_remove_tree(AT_FDCWD, b->home), 0);
	free(b);
	return 0;
}

/* An answer of 200 with its length, owned by the box. */
static const char *ok(struct box *b, const char *type, const char *body)
{
	assert_true(b->n_owned < sizeof b->owned / sizeof *b->owned);
	return b->owned[b->n_owned++] = xasprintf(
		       "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", type,
		       strlen(body), body);
}

static char *descriptor(const char *type, const char *text)
{
	struct digest digest = digest_of(text, strlen(text));
	char hex[DIGEST_HEX_LEN + 1];

	return xasprintf("{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu}", type,
	                 digest_hex(&digest, hex), strlen(text));
}

static int pull(struct box *b)
{
	const struct images_pull_how how = { .when = PULL_ALWAYS, .wait_ms = 1 };
	AUTO_FREE char *name = NULL;
	int rc;

	b->script.answers[0] = NO_TLS;
	script_start(&b->script);
	name = xasprintf("127.0.0.1:%d/a/b:1", b->script.port);
	rc = images_pull(b->images, name, &how, b->digest, &b->err);
	script_stop(&b->script);
	return rc;
}

/* Nothing has a name, and no blob is there that is not what it is called. */
static void nothing_wrong_is_kept(struct box *b)
{
	AUTO_FREE char *path = xasprintf("%s/images/blobs/sha256", b->home);
	AUTO_STRBUF struct strbuf index = STRBUF_INIT(1 << 20);
	AUTO_DIR DIR *dir = opendir(path);
	const struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		AUTO_STRBUF struct strbuf text = STRBUF_INIT(1 << 24);
		struct digest named, is;

		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(io_read_file(dirfd(dir), e->d_name, &text), 0);
		is = digest_of(strbuf_str(&text), text.len);
		assert_true(digest_parse(e->d_name, &named) && digest_equal(&named, &is));
	}
	free(path);
	path = xasprintf("%s/images/index.json", b->home);
	assert_int_equal(io_read_file(AT_FDCWD, path, &index), 0);
	assert_null(strstr(strbuf_str(&index), "digest"));
}

#define MANIFEST "application/vnd.oci.image.manifest.v1+json"

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

/* --- layers ----------------------------------------------------------------------------------- */

/* An image of one layer, which is text: a script's answers end with a NUL. */
static void script_image(struct box *b, const char *layer, const char *const *blob_answers)
{
	AUTO_FREE char *layer_is = descriptor("application/vnd.oci.image.layer.v1.tar", layer);
	struct digest digest = digest_of(layer, strlen(layer));
	char hex[DIGEST_HEX_LEN + 1];
	AUTO_FREE char *config = xasprintf(
		"{\"architecture\":\"%s\",\"os\":\"linux\",\"rootfs\":{\"diff_ids\":[\"sha256:%s\"]}}",
		layout_arch(), digest_hex(&digest, hex));
	AUTO_FREE char *config_is = descriptor("application/vnd.oci.image.config.v1+json", config);
	AUTO_FREE char *manifest =
		xasprintf("{\"config\":%s,\"layers\":[%s]}", config_is, layer_is);
	size_t n = 1;

	b->script = (struct http_script){ .answers = { NULL } };
	b->script.answers[n++] = ok(b, MANIFEST, manifest);
	b->script.answers[n++] = ok(b, "application/octet-stream", config);
	while (*blob_answers)
		b->script.answers[n++] = *blob_answers++;
}

#define BLOB(length, body) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" body
#define LAYER              "a layer that is no tar, but a blob"

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
		"HTTP/1.1 206 Partial\r\nContent-Range: bytes 12-33/34\r\nContent-Length: 22\r\n\r\n"
		" is no tar, but a blob",
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
		cmocka_unit_test(layers_that_are_not_what_they_should_be_are_not_kept),
		TEST(a_broken_layer_goes_on_where_it_ended),
		TEST(one_who_sends_all_again_is_believed),
		TEST(a_registry_that_is_never_content_is_left),
		TEST(a_pull_can_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
