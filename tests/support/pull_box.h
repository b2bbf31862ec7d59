/*
 * A home, and a registry that does as a script says: the images that it is asked for, "a/b:1", have
 * one layer, which is text, because a script's answers end with a NUL.
 */
#ifndef TESTS_SUPPORT_PULL_BOX_H
#define TESTS_SUPPORT_PULL_BOX_H

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
	unsigned stall_s; /* 0: as usual */
	char *owned[12];
	size_t n_owned;
	char digest[72];
	struct error err;
};

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	struct box *b = *state;

	images_close(b->images);
	for (size_t i = 0; i < b->n_owned; i++)
		free(b->owned[i]);
	assert_int_equal(io_remove_tree(AT_FDCWD, b->home), 0);
	free(b);
	return 0;
}

static inline const char *own(struct box *b, char *text /* takes */)
{
	assert_true(b->n_owned < sizeof b->owned / sizeof *b->owned);
	return b->owned[b->n_owned++] = text;
}

/* An answer of 200 with its length, owned by the box. */
static inline const char *ok(struct box *b, const char *type, const char *body)
{
	return own(b, xasprintf("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: %s\r\n"
	                        "Content-Length: %zu\r\n\r\n%s",
	                        type, strlen(body), body));
}

static inline char *descriptor(const char *type, const char *text)
{
	struct digest digest = digest_of(text, strlen(text));
	char hex[DIGEST_HEX_LEN + 1];

	return xasprintf("{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu}", type,
	                 digest_hex(&digest, hex), strlen(text));
}

static inline int pull(struct box *b)
{
	const struct images_pull_how how = { .when = PULL_ALWAYS,
		                             .wait_ms = 1,
		                             .stall_s = b->stall_s };
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
static inline void nothing_wrong_is_kept(struct box *b)
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

/* An image of one layer, which is text: a script's answers end with a NUL. */
static inline void script_image(struct box *b, const char *layer, const char *const *blob_answers)
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

#define LAYER "a layer that is no tar, but a blob"
#define BLOB(length, body) \
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " length "\r\n\r\n" body

/* What follows "a layer that". */
#define BLOB_REST                                                                        \
	"HTTP/1.1 206 Partial\r\nConnection: close\r\nContent-Range: bytes 12-33/34\r\n" \
	"Content-Length: 22\r\n\r\n is no tar, but a blob"

#endif
