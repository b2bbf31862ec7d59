/*
 * From a registry into the home.
 *
 * The caller's thread runs a loop of its own, on which the blobs arrive, a few at a time, each into
 * its partial file (partial.h).  Those that are whole and are what their digest says are handed to
 * another thread, which unpacks them meanwhile by loading the image.  At the end one syncfs()
 * covers all, the blobs get their names, and last the image does: a pull that is killed leaves
 * nothing that is trusted, and parts that the next one goes on with.
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

enum {
	AT_ONCE = 3, /* blobs; unpacking begins with the first that is whole */
	WATCH_MS = 100,
	CORRUPT_MAX = 2, /* times that a blob may come wrong */
	CONTENT_TYPE_MAX = 128,
};

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

/* --- blobs ------------------------------------------------------------------------------------ */

static void on_next(uv_timer_t *timer);

static void fail(struct pull *p, const struct error *err)
{
	if (p->err.class == 0)
		p->err = *err;
	registry_cancel(p->registry);
	arrivals_end(&p->arrivals, true);
}

static int blob_failed(const struct pull_blob *b, struct error *err)
{
	const struct pull *p = b->pull;

	return error_wrap(err, "layer %s (%zu of %zu)", b->want->digest, (size_t)(b - p->blobs) + 1,
	                  p->n_blobs);
}

static void blob_over(struct pull_blob *b, int rc, struct error *err)
{
	struct pull *p = b->pull;

	b->state = BLOB_OVER;
	p->n_running--;
	if (rc != 0) {
		(void)blob_failed(b, err);
		fail(p, err);
	} else {
		layer_is(b->shown, LAYER_CAME); /* before others can go on with it */
		arrivals_add(&p->arrivals, b);
	}
	(void)uv_timer_start(&p->next, on_next, 0, 0);
}

/* So many bytes more are there, or less. */
static void count(const struct pull_blob *b, uint64_t bytes)
{
	progress_add(b->pull->how->progress, bytes);
	progress_add(b->shown ? &b->shown->came : NULL, bytes);
}

static int blob_head(void *arg, const struct http_response *r, struct error *err)
{
	struct pull_blob *b = arg;

	if (r->length >= 0 && r->offset + (uint64_t)r->length != b->want->size)
		return error_set(err, SLUICE_CORRUPT,
		                 "the server announces %llu bytes, the manifest %llu",
		                 (unsigned long long)r->offset + (unsigned long long)r->length,
		                 (unsigned long long)b->want->size);
	if (r->offset == b->partial.have)
		return 0;
	count(b, -b->partial.have);
	return partial_restart(&b->partial, err);
}

static int blob_body(void *arg, const void *data, size_t len, struct error *err)
{
	struct pull_blob *b = arg;

	if (len > b->want->size - b->partial.have)
		return error_set(err, SLUICE_CORRUPT,
		                 "more than the %llu bytes that the manifest gives have come",
		                 (unsigned long long)b->want->size);
	count(b, len);
	return partial_write(&b->partial, data, len, err);
}

static void blob_ask(struct pull_blob *b);

/* A registry or a proxy may have a bad copy, or a bad moment. */
static void blob_check(struct pull_blob *b)
{
	uint64_t came = b->partial.have;
	struct error err;
	int rc = 0;

	if (came != b->want->size)
		rc = error_set(&err, SLUICE_CORRUPT, "%llu of %llu bytes have come",
		               (unsigned long long)came, (unsigned long long)b->want->size);
	if (rc == 0)
		rc = partial_check(&b->partial, &err);
	if (rc == SLUICE_CORRUPT && ++b->n_corrupt < CORRUPT_MAX && !b->pull->err.class) {
		if (b->partial.have == 0)
			count(b, -came);
		blob_ask(b);
	} else {
		blob_over(b, rc, &err);
	}
}

static void blob_done(void *arg, const struct http_response *r, const struct error *err)
{
	struct pull_blob *b = arg;
	struct error why;

	(void)r;
	if (!err) {
		blob_check(b);
		return;
	}
	why = *err;
	blob_over(b, why.class, &why);
}

static void blob_ask(struct pull_blob *b)
{
	AUTO_FREE char *path = xasprintf("blobs/%s", b->want->digest);
	const struct registry_ask question = { .path = path, .have = &b->partial.have };

	b->state = BLOB_COMES;
	layer_is(b->shown, LAYER_COMES);
	registry_start(b->pull->registry, &question,
	               &(struct registry_hooks){
			       .on_head = blob_head,
			       .on_body = blob_body,
			       .on_done = blob_done,
			       .arg = b,
		       });
}

/* Larger than it should be is as wrong as other bytes. */
static void blob_take_up(struct pull_blob *b)
{
	struct error err;
	int rc = 0;

	if (b->partial.have > b->want->size)
		rc = partial_restart(&b->partial, &err);
	count(b, b->partial.have);
	if (rc != 0)
		blob_over(b, rc, &err);
	else if (b->partial.have == b->want->size)
		blob_check(b);
	else
		blob_ask(b);
}

static void blob_start(struct pull_blob *b)
{
	struct pull *p = b->pull;
	struct error err;
	int got = partial_open(&b->partial, p->im, b->want->digest, &err);

	b->state = BLOB_WAITS;
	if (got == PARTIAL_OPEN) {
		blob_take_up(b);
	} else if (got == PARTIAL_STORED) {
		progress_expect(p->how->progress, -b->want->size);
		blob_over(b, 0, NULL);
	} else if (got != PARTIAL_BUSY) {
		blob_over(b, got, &err);
	}
}

/* As many as may come at once; the last ends the loop. */
static void on_next(uv_timer_t *timer)
{
	struct pull *p = container_of(timer, struct pull, next);

	while (p->err.class == 0 && p->n_started < p->n_blobs && p->n_running < AT_ONCE) {
		p->n_running++;
		blob_start(&p->blobs[p->n_started++]);
	}
	if (p->n_running > 0)
		return;
	arrivals_end(&p->arrivals, p->err.class != 0);
	uv_unref((uv_handle_t *)&p->watch);
}

static void show_blobs(struct pull *p)
{
	struct layers_progress *layers = p->how->layers;

	if (!layers)
		return;
	layers->layer = xcalloc(p->n_blobs, sizeof *layers->layer);
	for (size_t i = 0; i < p->n_blobs; i++) {
		const struct oci_descriptor *want = p->blobs[i].want;

		p->blobs[i].shown = &layers->layer[i];
		memcpy(layers->layer[i].digest, want->digest, sizeof want->digest);
		layers->layer[i].size = want->size;
	}
	atomic_store(&layers->n, p->n_blobs);
}

static void list_blobs(struct pull *p)
{
	const struct oci_manifest *m = &p->manifest;

	p->blobs = xcalloc(m->n_layers, sizeof *p->blobs);
	for (size_t i = 0; i < m->n_layers; i++) {
		bool again = false;

		for (size_t k = 0; k < p->n_blobs; k++)
			again |= strcmp(p->blobs[k].want->digest, m->layer[i].digest) == 0;
		if (again)
			continue;
		p->blobs[p->n_blobs++] = (struct pull_blob){ .pull = p,
			                                     .want = &m->layer[i],
			                                     .partial = { .fd = -1 } };
		progress_expect(p->how->progress, m->layer[i].size);
	}
	show_blobs(p);
}

static void on_watch(uv_timer_t *timer)
{
	struct pull *p = container_of(timer, struct pull, watch);
	struct error err;

	if (p->how->stop && atomic_load(p->how->stop) && p->err.class == 0) {
		(void)error_set(&err, SLUICE_CANCELED, "canceled");
		fail(p, &err);
	}
	for (size_t i = 0; i < p->n_started; i++) {
		struct pull_blob *b = &p->blobs[i];

		err = p->err;
		if (b->state == BLOB_WAITS && err.class == 0)
			blob_start(b);
		else if (b->state == BLOB_WAITS)
			blob_over(b, err.class, &err);
	}
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
		fail(p, &p->load_err);
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

	list_blobs(p);
	arrivals_init(&p->arrivals, p->n_blobs);
	rc = pthread_create(&thread, NULL, loader, p);
	if (rc != 0)
		return error_sys(err, rc, "cannot start a thread");
	uv_ref((uv_handle_t *)&p->watch);
	(void)uv_timer_start(&p->next, on_next, 0, 0);
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
	(void)uv_timer_start(&p->watch, on_watch, WATCH_MS, WATCH_MS);
	uv_unref((uv_handle_t *)&p->watch);
	(void)uv_timer_init(&p->loop, &p->next);
	(void)uv_async_init(&p->loop, &p->loaded, on_loaded);
	uv_unref((uv_handle_t *)&p->loaded);
	http = http_new(&p->loop, AT_ONCE);
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
