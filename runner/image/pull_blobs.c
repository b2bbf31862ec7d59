/* The blobs of a pull arrive, a few at a time, each into its partial file. */
#include <stdatomic.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "image/pull.h"
#include "image/registry.h"
#include "loop/work.h"

enum { CORRUPT_MAX = 2 }; /* times that a blob may come wrong */

void pull_fail(struct pull *p, const struct error *err)
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
		pull_fail(p, err);
	} else {
		layer_is(b->shown, LAYER_CAME); /* before others can go on with it */
		arrivals_add(&p->arrivals, b);
	}
	(void)uv_timer_start(&p->next, pull_on_next, 0, 0);
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

void pull_on_next(uv_timer_t *timer)
{
	struct pull *p = container_of(timer, struct pull, next);

	while (p->err.class == 0 && p->n_started < p->n_blobs && p->n_running < PULL_AT_ONCE) {
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

void pull_list_blobs(struct pull *p)
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

void pull_on_watch(uv_timer_t *timer)
{
	struct pull *p = container_of(timer, struct pull, watch);
	struct error err;

	if (p->how->stop && atomic_load(p->how->stop) && p->err.class == 0) {
		(void)error_set(&err, SLUICE_CANCELED, "canceled");
		pull_fail(p, &err);
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
