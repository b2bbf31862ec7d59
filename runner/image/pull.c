/*
 * From a registry into the home.
 *
 * The caller's thread runs a loop of its own, on which the blobs arrive (pull_blobs.c).  Those that
 * are whole and are what their digest says are handed to another thread, which unpacks them
 * meanwhile by loading the image.  At the end one syncfs() covers all, the blobs get their names,
 * and last the image does: a pull that is killed leaves nothing that is trusted, and parts that the
 * next one goes on with.
 *
 * Pulls that want the same blob meet at its lock: one fetches, the others look again every now and
 * then.  None waits while it holds what another one needs to come to its end.
 */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "image/layout.h"
#include "image/partial.h"
#include "image/pull.h"
#include "image/registry.h"
#include "loop/work.h"

enum { WATCH_MS = 100, CONTENT_TYPE_MAX = 128 };

/* --- documents -------------------------------------------------------------------------------- */

struct document {
	struct strbuf text;
	char type[CONTENT_TYPE_MAX]; /* as the server calls it */
	char digest[OCI_DIGEST_SIZE];
	struct error err;
};

static int document_body(void *arg, const void *data, size_t len, struct error *err)
{
	struct document *d = arg;

	(void)err;
	strbuf_add(&d->text, data, len);
	return 0;
}

/* Another try begins anew. */
static int document_head(void *arg, const struct http_response *r, struct error *err)
{
	struct document *d = arg;

	(void)r;
	(void)err;
	strbuf_clear(&d->text);
	return 0;
}

static void keep_header(char *at, size_t size, const char *value)
{
	size_t len = value ? strcspn(value, "; \t") : 0;

	if (len >= size)
		len = 0;
	if (len > 0)
		memcpy(at, value, len);
	at[len] = '\0';
}

static void document_done(void *arg, const struct http_response *r, const struct error *err)
{
	struct document *d = arg;

	if (err) {
		d->err = *err;
		return;
	}
	keep_header(d->type, sizeof d->type, http_response_header(r, "Content-Type"));
	keep_header(d->digest, sizeof d->digest, http_response_header(r, "Docker-Content-Digest"));
}

static int ask(struct pull *p, const char *method, const char *path, struct document *d,
               struct error *err)
{
	const struct registry_ask question = {
		.path = path,
		.method = method,
		.max_body = OCI_DOCUMENT_MAX,
	};

	*d = (struct document){ .text = STRBUF_INIT(OCI_DOCUMENT_MAX) };
	registry_start(p->registry, &question,
	               &(struct registry_hooks){
			       .on_head = document_head,
			       .on_body = document_body,
			       .on_done = document_done,
			       .arg = d,
		       });
	(void)uv_run(&p->loop, UV_RUN_DEFAULT);
	if (d->err.class != 0)
		*err = d->err;
	return d->err.class;
}

static int check_digest(const struct strbuf *text, const char *digest, struct error *err)
{
	struct digest is = digest_of(strbuf_str(text), text->len);
	struct digest want;
	char hex[DIGEST_HEX_LEN + 1];

	if (oci_digest_parse(digest, &want) && digest_equal(&is, &want))
		return 0;
	return error_set(err, SLUICE_CORRUPT,
	                 "what came for %s is something else: its bytes have sha256:%s", digest,
	                 digest_hex(&is, hex));
}

/* What is in the home already, else from PATH; into the home, but for one who only looks. */
static int get_by_digest(struct pull *p, const char *kind, const char *digest,
                         struct strbuf *ret_text, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", kind, digest);
	char stored[OCI_DIGEST_SIZE];
	struct document d;
	int rc = layout_document(p->im, digest, ret_text, err);

	if (rc == 0)
		return 0;
	strbuf_clear(ret_text);
	rc = ask(p, NULL, path, &d, err);
	if (rc == 0)
		rc = check_digest(&d.text, digest, err);
	if (rc == 0 && !p->how->look_only)
		rc = layout_put_document(p->im, strbuf_str(&d.text), d.text.len, stored, err);
	if (rc == 0)
		strbuf_add(ret_text, strbuf_str(&d.text), d.text.len);
	strbuf_release(&d.text);
	return rc;
}

static int read_manifest(void *arg, const char *digest, struct strbuf *ret_text, struct error *err)
{
	return get_by_digest(arg, "manifests", digest, ret_text, err);
}

/* What the name stands for, which may be an index. */
static int get_top(struct pull *p, struct error *err)
{
	const char *wanted = p->ref->digest ? p->ref->digest : p->ref->tag;
	AUTO_FREE char *path = xasprintf("manifests/%s", wanted);
	AUTO_FREE char *what = xasprintf("manifest '%s'", wanted);
	struct document d;
	int rc = ask(p, NULL, path, &d, err);

	if (rc == 0 && p->ref->digest)
		rc = check_digest(&d.text, p->ref->digest, err);
	if (rc == 0)
		rc = oci_top_parse(strbuf_str(&d.text), d.text.len, d.type, what, &p->top, err);
	if (rc == 0) {
		struct digest digest = digest_of(strbuf_str(&d.text), d.text.len);

		oci_digest_format(&digest, p->top.digest);
		if (!p->how->look_only)
			rc = layout_put_document(p->im, strbuf_str(&d.text), d.text.len,
			                         p->top.digest, err);
	}
	/* An index is read again by its digest: one who only looks has it nowhere else. */
	if (rc == 0 && p->how->look_only && !p->top.is_index)
		p->chosen = p->top;
	strbuf_release(&d.text);
	return rc;
}

static int get_manifest(struct pull *p, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	AUTO_FREE char *what = NULL;
	int rc = layout_choose(&p->top, read_manifest, p, &p->chosen, err);

	if (rc != 0 || p->how->look_only)
		return rc;
	what = xasprintf("manifest %s", p->chosen.digest);
	rc = read_manifest(p, p->chosen.digest, &text, err);
	if (rc == 0)
		rc = oci_manifest_parse(strbuf_str(&text), text.len, what, &p->manifest, err);
	return rc;
}

static int get_config(struct pull *p, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(OCI_DOCUMENT_MAX);
	AUTO_OCI_CONFIG struct oci_config config = { 0 };
	const struct oci_descriptor *want = &p->manifest.config;
	int rc;

	if (want->size > OCI_DOCUMENT_MAX)
		return error_set(err, SLUICE_LIMIT, "image config %s is larger than %d MiB",
		                 want->digest, OCI_DOCUMENT_MAX >> 20);
	rc = get_by_digest(p, "blobs", want->digest, &text, err);
	if (rc == 0)
		rc = layout_config(p->im, &p->manifest, &config, err);
	return rc == 0 ? layout_check_platform(&config, "the image", err) : rc;
}

/* --- the other thread ------------------------------------------------------------------------- */

static void *loader(void *arg)
{
	struct pull *p = arg;
	const struct layout_arrivals arrivals = {
		.n = p->n_blobs,
		.next = arrivals_next,
		.arg = &p->arrivals,
		.layers = p->how->progress,
		.shown = p->how->layers,
	};
	struct image *image = NULL;

	p->load_rc = layout_load(p->im, p->chosen.digest, &arrivals, &image, &p->load_err);
	image_free(image);
	(void)uv_async_send(&p->loaded);
	return NULL;
}

/* It ends before the last blob has come only if it cannot go on, or has nothing to unpack, or if
 * another process is about a layer: then who uses the image first sees to the others. */
static void on_loaded(uv_async_t *async)
{
	struct pull *p = container_of(async, struct pull, loaded);

	if (p->load_rc < 0)
		pull_fail(p, &p->load_err);
}

static int store(struct pull *p, struct error *err)
{
	struct images *im = p->im;

	if (syncfs(im->tmp_fd) != 0)
		return error_sys(err, errno, "cannot write the image to the disk");
	for (size_t i = 0; i < p->n_blobs; i++)
		if (p->blobs[i].partial.fd >= 0 && partial_keep(&p->blobs[i].partial, err) != 0)
			return err->class;
	if (fsync(im->blobs_fd) != 0)
		return error_sys(err, errno, "cannot write the blobs to the disk");
	return 0;
}

static int get_layers(struct pull *p, struct error *err)
{
	pthread_t thread;
	int rc;

	pull_list_blobs(p);
	arrivals_init(&p->arrivals, p->n_blobs);
	rc = pthread_create(&thread, NULL, loader, p);
	if (rc != 0)
		return error_sys(err, rc, "cannot start a thread");
	uv_ref((uv_handle_t *)&p->watch);
	(void)uv_timer_start(&p->next, pull_on_next, 0, 0);
	(void)uv_run(&p->loop, UV_RUN_DEFAULT);
	(void)pthread_join(thread, NULL);
	if (p->err.class == 0 && p->load_rc < 0)
		p->err = p->load_err;
	if (p->err.class != 0) {
		*err = p->err;
		return err->class;
	}
	return store(p, err);
}

/* --- all of it -------------------------------------------------------------------------------- */

/* A tag that stands for what it stood for costs one question, which counts as no pull. */
static bool is_unchanged(struct pull *p)
{
	AUTO_FREE char *path = xasprintf("manifests/%s", p->ref->tag ? p->ref->tag : "");
	struct error ignored;
	struct document d;
	bool same;

	if (!p->local || p->ref->digest)
		return false;
	same = ask(p, "HEAD", path, &d, &ignored) == 0 && strcmp(d.digest, p->local) == 0;
	strbuf_release(&d.text);
	return same;
}

static int pull_all(struct pull *p, struct error *err)
{
	AUTO_FREE char *full = reference_format(p->ref);
	AUTO_FD int lock = -1;
	int rc = layout_lock(p->im, LOCK_SHARED, &lock, err);

	if (rc != 0)
		return rc;
	if (is_unchanged(p))
		return PULL_UNCHANGED;
	rc = get_top(p, err);
	if (rc == 0 && !p->chosen.digest[0])
		rc = get_manifest(p, err);
	if (rc != 0 || p->how->look_only)
		return rc;
	rc = get_config(p, err);
	if (rc == 0)
		rc = get_layers(p, err);
	return rc == 0 ? layout_set_name(p->im, full, &p->top, err) : rc;
}

static int pull_on_loop(struct pull *p, struct error *err)
{
	AUTO_ENDPOINTS struct endpoints places = { 0 };
	struct http *http;
	int rc = endpoints_find(p->ref, p->how->registries, &places, err);

	if (rc != 0)
		return rc;
	(void)uv_timer_init(&p->loop, &p->watch);
	(void)uv_timer_start(&p->watch, pull_on_watch, WATCH_MS, WATCH_MS);
	uv_unref((uv_handle_t *)&p->watch);
	(void)uv_timer_init(&p->loop, &p->next);
	(void)uv_async_init(&p->loop, &p->loaded, on_loaded);
	uv_unref((uv_handle_t *)&p->loaded);
	http = http_new(&p->loop, PULL_AT_ONCE);
	p->registry = registry_new(http, &p->loop, &places, p->how->wait_ms, p->how->stall_s);
	rc = pull_all(p, err);
	if (rc < 0)
		(void)error_wrap(err, "cannot pull image '%s' from registry '%s'%s", p->shown,
		                 p->ref->registry,
		                 rc == SLUICE_REMOTE
		                         ? " ('sluice images import' takes it from a file)"
		                         : "");
	registry_free(p->registry);
	http_free(http);
	uv_close((uv_handle_t *)&p->watch, NULL);
	uv_close((uv_handle_t *)&p->next, NULL);
	uv_close((uv_handle_t *)&p->loaded, NULL);
	(void)uv_run(&p->loop, UV_RUN_DEFAULT);
	return rc;
}

int layout_pull(struct images *im, const struct reference *ref, const char *local,
                const struct images_pull_how *how, char ret_digest[OCI_DIGEST_SIZE],
                struct error *err)
{
	AUTO_FREE char *full = reference_format(ref);
	struct pull *p = xcalloc(1, sizeof *p);
	int rc = uv_loop_init(&p->loop);

	p->im = im;
	p->ref = ref;
	p->how = how;
	p->local = local;
	p->shown = reference_short(full);
	rc = rc < 0 ? error_sys(err, rc, "cannot make an event loop") : pull_on_loop(p, err);
	(void)uv_loop_close(&p->loop);
	if (rc == 0)
		memcpy(ret_digest, p->chosen.digest, sizeof p->chosen.digest);
	for (size_t i = 0; i < p->n_blobs; i++)
		partial_close(&p->blobs[i].partial);
	arrivals_release(&p->arrivals);
	oci_manifest_release(&p->manifest);
	free(p->blobs);
	free(p);
	return rc;
}
