#include "image/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/wipe.h"
#include "base/xalloc.h"
#include "image/challenge.h"
#include "image/credentials.h"
#include "image/token.h"
#include "loop/fetch.h"
#include "loop/work.h"

enum {
	TRIES = 5,       /* without a byte more */
	FIRST_TRIES = 2, /* of what has never answered */
	WAIT_MS = 1000,
	PROGRESS = 64 * 1024, /* bytes that make a try a good one */
	SHOWN_TEXT = 160,
};

/* What we know of one of the places. */
struct place {
	struct registry *registry;
	const struct endpoint *endpoint;
	bool spoke; /* it has answered in HTTP */
	bool plain; /* ... without encryption */
	struct challenge challenge;
	struct credentials credentials;
	bool looked_up; /* ... they were */
	char *token;
	int64_t token_until_ms;       /* monotonic */
	unsigned serial;              /* of the token, or of the first answer to Basic */
	struct http_transfer *asking; /* for a token */
};

enum call_state { CALL_SENT, CALL_WAITS, CALL_FOR_TOKEN };

struct call {
	struct call *next;
	struct registry *registry;
	enum call_state state;
	char *path;
	const char *method;
	uint64_t max_body;
	const uint64_t *have;
	struct registry_hooks hooks;
	struct http_transfer *transfer; /* CALL_SENT */
	uv_timer_t timer;
	size_t place;
	unsigned tries;
	uint64_t had;    /* bytes at the last try */
	unsigned serial; /* of what the last try showed; 0: nothing */
	bool refused;    /* ... which was fresh, and was not good enough */
	struct error err;
};

struct registry {
	struct http *http;
	uv_loop_t *loop;
	struct place *places;
	size_t n;
	size_t at; /* the place that answered last */
	unsigned wait_ms, stall_s;
	struct call *calls;
	bool canceled;
};

static const char *const accepted[] = {
	"Accept: application/vnd.oci.image.index.v1+json, "
	"application/vnd.docker.distribution.manifest.list.v2+json, "
	"application/vnd.oci.image.manifest.v1+json, "
	"application/vnd.docker.distribution.manifest.v2+json, */*;q=0.1",
	NULL,
};

static struct place *place_of(const struct call *c)
{
	return &c->registry->places[c->place];
}

/* --- the end of a call ------------------------------------------------------------------------ */

static void on_timer_closed(uv_handle_t *handle)
{
	struct call *c = container_of((uv_timer_t *)(void *)handle, struct call, timer);

	free(c->path);
	free(c);
}

static void call_unlink(struct call *c)
{
	struct call **at = &c->registry->calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
}

static void call_finish(struct call *c, const struct http_response *r, const struct error *err)
{
	call_unlink(c);
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
	c->hooks.on_done(c->hooks.arg, r, err);
}

static void call_send(struct call *c);

static void on_timer(uv_timer_t *timer)
{
	struct call *c = container_of(timer, struct call, timer);

	if (!c->registry->canceled) {
		call_send(c);
		return;
	}
	(void)error_set(&c->err, SLUICE_CANCELED, "canceled");
	call_finish(c, NULL, &c->err);
}

static void call_later(struct call *c, unsigned ms)
{
	c->state = CALL_WAITS;
	uv_update_time(c->registry->loop);
	(void)uv_timer_start(&c->timer, on_timer, ms, 0);
}

/* c->err says why.  What may pass is tried again, but not where another place is left to ask. */
static void call_failed(struct call *c, bool passing, unsigned retry_after_s)
{
	struct registry *registry = c->registry;
	bool last = c->place + 1 == registry->n || registry->canceled;
	unsigned most = registry->canceled ? 0 : place_of(c)->spoke ? TRIES : FIRST_TRIES;
	uint64_t have = c->have ? *c->have : 0;

	if (have >= c->had + PROGRESS)
		c->tries = 0;
	if (passing && last && ++c->tries < most) {
		call_later(c, fetch_delay_ms(c->tries, registry->wait_ms, retry_after_s));
		return;
	}
	if (last || c->err.class == SLUICE_CANCELED || c->err.class == SLUICE_SYSTEM) {
		call_finish(c, NULL, &c->err);
		return;
	}
	c->place++;
	c->tries = 0;
	c->serial = 0;
	call_later(c, 0);
}

/* --- who we are ------------------------------------------------------------------------------- */

static bool has_token(const struct place *p)
{
	return p->token && clock_mono_ms() < p->token_until_ms;
}

static void token_drop(struct place *p)
{
	wipe_free(p->token);
	p->token = NULL;
}

/* All that wait for it are sent, or fail as it did. */
static void on_token(void *arg, const char *token, int64_t lifetime_s, const struct error *err)
{
	struct place *p = arg;
	struct call *next;

	p->asking = NULL;
	token_drop(p);
	if (token) {
		p->token = xstrdup(token);
		p->token_until_ms = clock_mono_ms() + lifetime_s * 1000 * 3 / 4;
		p->serial++;
	}
	for (struct call *c = p->registry->calls; c; c = next) {
		next = c->next;
		if (c->state != CALL_FOR_TOKEN || place_of(c) != p)
			continue;
		if (token) {
			call_send(c);
			continue;
		}
		c->err = *err;
		(void)error_wrap(&c->err, "%s", p->endpoint->host);
		call_failed(c, err->class == SLUICE_REMOTE, 0);
	}
}

static int look_up(struct place *p, struct error *err)
{
	const struct endpoint *e = p->endpoint;

	if (p->looked_up)
		return 0;
	p->looked_up = true;
	if (!e->user)
		return credentials_find(e->registry, e->repository, &p->credentials, err);
	p->credentials.user = xstrdup(e->user);
	p->credentials.password = xstrdup(e->password);
	return 0;
}

static int ask_for_token(struct place *p, struct error *err)
{
	AUTO_FREE char *scope = xasprintf("repository:%s:pull", p->endpoint->repository);
	const struct token_ask what = {
		.challenge = &p->challenge,
		.credentials = &p->credentials,
		.scope = scope,
		.ca = p->endpoint->ca,
		.any_cert = p->endpoint->any_cert,
		.stall_s = p->registry->stall_s,
		.secure = !p->plain,
	};

	p->asking = token_get(p->registry->http, &what, on_token, p, err);
	return p->asking ? 0 : err->class;
}

/* Goes on once there is something to show. */
static int authorize(struct call *c, struct error *err)
{
	struct place *p = place_of(c);
	int rc = look_up(p, err);

	if (rc != 0)
		return rc;
	if (p->challenge.scheme == CHALLENGE_BEARER) {
		c->state = CALL_FOR_TOKEN;
		return p->asking ? 0 : ask_for_token(p, err);
	}
	if (!p->credentials.password)
		return error_set(
			err, SLUICE_INVALID,
			"%s wants a login: 'docker login %s' or 'podman login %s' keeps one",
			p->endpoint->host, p->endpoint->registry, p->endpoint->registry);
	p->serial = 1;
	call_later(c, 0);
	return 0;
}

static int refused(const struct place *p, struct error *err)
{
	const struct endpoint *e = p->endpoint;

	if (p->credentials.password || p->credentials.identity)
		return error_set(
			err, SLUICE_INVALID,
			"%s does not let user '%s' pull '%s'; 'docker login %s' changes the "
			"user",
			e->host, p->credentials.user ? p->credentials.user : "<token>",
			e->repository, e->registry);
	return error_set(
		err, SLUICE_INVALID,
		"registry '%s' has no '%s' that everybody may pull: is it another name, or "
		"is a 'docker login %s' wanted?",
		e->registry, e->repository, e->registry);
}

/* 401: what was shown was nothing, or old, or not enough. */
static void on_unauthorized(struct call *c, const struct http_response *r)
{
	struct place *p = place_of(c);
	const char *header;

	if (c->serial && c->serial == p->serial && c->refused) {
		(void)refused(p, &c->err);
		call_failed(c, false, 0);
		return;
	}
	if (p->serial != c->serial) { /* another call has got a new one meanwhile */
		call_send(c);
		return;
	}
	c->refused = c->serial != 0 || p->challenge.scheme == CHALLENGE_NONE;
	challenge_release(&p->challenge);
	for (size_t i = 0; (header = http_response_header_at(r, "WWW-Authenticate", i)); i++)
		challenge_add(&p->challenge, header);
	if (p->challenge.scheme == CHALLENGE_NONE)
		(void)error_set(&c->err, SLUICE_INVALID,
		                "%s answers 401 and does not say what it wants to see",
		                p->endpoint->host);
	else if (authorize(c, &c->err) == 0)
		return;
	call_failed(c, false, 0);
}

/* --- an answer -------------------------------------------------------------------------------- */

/* {"errors": [{"message": "..."}]}, or nothing of what may be a page of HTML. */
static void add_reason(struct strbuf *sb, const char *text)
{
	AUTO_JSON cJSON *doc = NULL;
	struct error ignored;
	const char *message;

	if (json_parse(text, strlen(text), "", &doc, &ignored) != 0)
		return;
	message = json_str(cJSON_GetArrayItem(json_arr(doc, "errors"), 0), "message");
	if (!message)
		return;
	strbuf_addstr(sb, ": ");
	strbuf_addprintable(sb, message, SHOWN_TEXT);
}

static void status_failed(struct call *c, const struct http_response *r)
{
	AUTO_STRBUF struct strbuf reason = STRBUF_INIT(4 * SHOWN_TEXT + 8);
	const struct endpoint *e = place_of(c)->endpoint;
	bool passing = http_status_is_passing(r->status);

	add_reason(&reason, r->text);
	if (r->status == 403)
		(void)refused(place_of(c), &c->err);
	else
		(void)error_set(&c->err,
		                passing            ? SLUICE_REMOTE
		                : r->status == 404 ? SLUICE_NOT_FOUND
		                                   : SLUICE_INVALID,
		                "%s answers %d for %s of '%s'%s", e->host, r->status, c->path,
		                e->repository, strbuf_str(&reason));
	call_failed(c, passing, r->retry_after_s);
}

static void transfer_failed(struct call *c, const struct error *err)
{
	struct place *p = place_of(c);

	if (err->class == SLUICE_REMOTE && !p->spoke && !p->plain && p->endpoint->may_be_plain) {
		p->plain = true;
		call_send(c);
		return;
	}
	c->err = *err;
	call_failed(c, err->class == SLUICE_REMOTE, 0);
}

static void on_done(void *arg, const struct http_response *r, const struct error *err)
{
	struct call *c = arg;
	struct registry *registry = c->registry;
	struct place *p = place_of(c);

	c->transfer = NULL;
	p->spoke |= r->status != 0;
	if (err) {
		transfer_failed(c, err);
	} else if (r->status == 401) {
		on_unauthorized(c, r);
	} else if (r->status < 200 || r->status > 299) {
		status_failed(c, r);
	} else {
		registry->at = c->place;
		call_finish(c, r, NULL);
	}
}

static int on_head(void *arg, const struct http_response *r, struct error *err)
{
	struct call *c = arg;

	c->refused = false;
	return c->hooks.on_head ? c->hooks.on_head(c->hooks.arg, r, err) : 0;
}

static int on_body(void *arg, const void *data, size_t len, struct error *err)
{
	const struct call *c = arg;

	return c->hooks.on_body(c->hooks.arg, data, len, err);
}

/* --- a question ------------------------------------------------------------------------------- */

static void set_login(struct http_request *q, const struct place *p)
{
	if (p->challenge.scheme == CHALLENGE_BEARER) {
		q->bearer = p->token;
	} else if (p->challenge.scheme == CHALLENGE_BASIC) {
		q->user = p->credentials.user;
		q->password = p->credentials.password;
	}
}

static void call_send(struct call *c)
{
	struct place *p = place_of(c);
	const struct endpoint *e = p->endpoint;
	AUTO_FREE char *url = xasprintf("%s://%s/v2/%s/%s", p->plain ? "http" : "https", e->host,
	                                e->repository, c->path);
	struct http_request q = {
		.url = url,
		.method = c->method,
		.headers = accepted,
		.ca_file = e->ca,
		.any_cert = e->any_cert,
		.max_body = c->max_body,
		.stall_s = c->registry->stall_s,
		.offset = c->have ? *c->have : 0,
	};

	if (c->registry->canceled) {
		call_later(c, 0);
		return;
	}
	if (p->challenge.scheme == CHALLENGE_BEARER && !has_token(p)) {
		if (authorize(c, &c->err) != 0)
			call_failed(c, false, 0);
		return;
	}
	set_login(&q, p);
	c->had = q.offset;
	c->serial = p->serial;
	c->state = CALL_SENT;
	c->transfer = http_start(c->registry->http, &q,
	                         &(struct http_hooks){
					 .on_head = on_head,
					 .on_body = c->hooks.on_body ? on_body : NULL,
					 .on_done = on_done,
					 .arg = c,
				 });
}

void registry_start(struct registry *registry, const struct registry_ask *ask,
                    const struct registry_hooks *hooks)
{
	struct call *c = xcalloc(1, sizeof *c);

	*c = (struct call){
		.next = registry->calls,
		.registry = registry,
		.path = xstrdup(ask->path),
		.method = ask->method,
		.max_body = ask->max_body,
		.have = ask->have,
		.hooks = *hooks,
		.place = registry->at,
	};
	registry->calls = c;
	(void)uv_timer_init(registry->loop, &c->timer);
	call_later(c, 0);
}

void registry_cancel(struct registry *registry)
{
	registry->canceled = true;
	for (struct call *c = registry->calls; c; c = c->next)
		if (c->state == CALL_SENT)
			http_transfer_cancel(c->transfer);
		else if (c->state == CALL_WAITS)
			(void)uv_timer_start(&c->timer, on_timer, 0, 0);
	for (size_t i = 0; i < registry->n; i++)
		if (registry->places[i].asking)
			http_transfer_cancel(registry->places[i].asking);
}

struct registry *registry_new(struct http *http, uv_loop_t *loop, const struct endpoints *places,
                              unsigned wait_ms, unsigned stall_s)
{
	struct registry *registry = xcalloc(1, sizeof *registry);

	*registry = (struct registry){
		.http = http,
		.loop = loop,
		.places = xcalloc(places->n, sizeof *registry->places),
		.n = places->n,
		.wait_ms = wait_ms ? wait_ms : WAIT_MS,
		.stall_s = stall_s,
	};
	for (size_t i = 0; i < places->n; i++)
		registry->places[i] =
			(struct place){ .registry = registry, .endpoint = &places->at[i] };
	return registry;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	assert(!registry->calls);
	for (size_t i = 0; i < registry->n; i++) {
		struct place *p = &registry->places[i];

		token_drop(p);
		challenge_release(&p->challenge);
		credentials_release(&p->credentials);
	}
	free(registry->places);
	free(registry);
}
