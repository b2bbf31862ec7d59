#include "loop/fetch.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strbuf.h"

enum {
	MAX_WAIT_MS = 30 * 1000,
	MAX_ASKED_MS = 120 * 1000,
};

/* One call of fetch_file(). */
struct fetching {
	struct fetch *fetch;
	int fd;
	struct digest_ctx digest; /* of the bytes in the file */
	uint64_t have;
	uint64_t max; /* for the whole; 0: none */
	int64_t total;
	struct error err;
	bool passing; /* the failure may be over at the next try */
	bool refused; /* the server does not have the rest of what we have */
	unsigned retry_after_s;
};

unsigned fetch_delay_ms(unsigned n, unsigned base_ms, unsigned retry_after_s)
{
	uint64_t ms = (uint64_t)base_ms << (n < 16 ? n - 1 : 15);

	if (retry_after_s)
		return retry_after_s < MAX_ASKED_MS / 1000 ? retry_after_s * 1000 : MAX_ASKED_MS;
	return ms < MAX_WAIT_MS ? (unsigned)ms : MAX_WAIT_MS;
}

static int start_over(struct fetching *f, struct error *err)
{
	(void)digest_final(&f->digest);
	f->have = 0;
	f->fetch->validator[0] = '\0';
	if (ftruncate(f->fd, 0) < 0 || lseek(f->fd, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "cannot empty the file");
	return 0;
}

/* Nothing else could tell that the rest is of the same file. */
static bool may_go_on(const struct fetching *f)
{
	return f->fetch->digest || f->fetch->validator[0];
}

static void keep_validator(struct fetching *f, const struct http_response *r)
{
	const char *value = http_response_header(r, "ETag");
	size_t len;

	/* A weak one does not promise the same bytes. */
	if (!value || strncmp(value, "W/", 2) == 0)
		value = http_response_header(r, "Last-Modified");
	len = value ? strlen(value) : 0;
	if (len >= sizeof f->fetch->validator)
		len = 0;
	if (len > 0)
		memcpy(f->fetch->validator, value, len);
	f->fetch->validator[len] = '\0';
}

static int on_head(void *arg, const struct http_response *r, struct error *err)
{
	struct fetching *f = arg;
	int rc;

	if (r->offset != f->have) {
		rc = start_over(f, err);
		if (rc != 0)
			return rc;
	}
	keep_validator(f, r);
	f->total = r->length < 0 ? -1 : r->length + (int64_t)f->have;
	return 0;
}

static int on_body(void *arg, const void *data, size_t len, struct error *err)
{
	struct fetching *f = arg;
	int rc;

	if (f->max && len > f->max - f->have)
		return error_set(err, SLUICE_LIMIT, "more than the %" PRIu64 " bytes allowed",
		                 f->max);
	rc = io_write_all(f->fd, data, len);
	if (rc < 0)
		return error_sys(err, rc, "cannot write what comes");
	digest_update(&f->digest, data, len);
	f->have += len;
	if (f->fetch->on_progress)
		f->fetch->on_progress(f->fetch->arg, f->have, f->total);
	return 0;
}

static void status_error(struct fetching *f, const struct http_response *r)
{
	ask_say_status("get", f->fetch->request.url, r, &f->err);
	f->passing = http_status_is_passing(r->status);
	f->refused = r->status == 416 && f->have > 0;
	f->retry_after_s = r->retry_after_s;
}

static void on_done(void *arg, const struct http_response *r, const struct error *err)
{
	struct fetching *f = arg;

	if (err) {
		f->err = *err;
		f->passing = err->class == SLUICE_REMOTE;
	} else if (r->status < 200 || r->status > 299) {
		status_error(f, r);
	}
}

static void try_once(struct fetching *f, struct asker *by)
{
	const struct http_hooks hooks = {
		.on_head = on_head, .on_body = on_body, .on_done = on_done, .arg = f
	};
	struct http_request q = f->fetch->request;

	f->err = (struct error){ .class = 0 };
	f->passing = f->refused = false;
	f->retry_after_s = 0;
	q.offset = f->have;
	q.if_range = f->fetch->validator[0] ? f->fetch->validator : NULL;
	q.max_body = 0; /* on_body() counts what there was, too */
	if (f->fetch->on_try)
		f->fetch->on_try(f->fetch->arg, &q);
	(void)http_start(by->http, &q, &hooks);
	(void)uv_run(&by->loop, UV_RUN_DEFAULT);
}

static int try_often(struct fetching *f, struct asker *by, struct error *err)
{
	unsigned tries = f->fetch->tries ? f->fetch->tries : ASK_TRIES;
	unsigned base_ms = f->fetch->wait_ms ? f->fetch->wait_ms : ASK_WAIT_MS;

	for (unsigned n = 1;; n++) {
		try_once(f, by);
		if (!f->err.class)
			return 0;
		*err = f->err;
		if (n == tries || !(f->passing || f->refused))
			return err->class;
		if ((f->refused || !may_go_on(f)) && start_over(f, err) != 0)
			return err->class;
		asker_wait(by, fetch_delay_ms(n, base_ms, f->retry_after_s));
	}
}

/* Hashes what an earlier call left, and ends at its end. */
static int take_up(struct fetching *f, struct error *err)
{
	char buf[8 * 1024];
	ssize_t n;

	if (!may_go_on(f))
		return start_over(f, err);
	if (lseek(f->fd, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "cannot go to the begin of the file");
	while ((n = read(f->fd, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot read what is there already");
		digest_update(&f->digest, buf, (size_t)n);
		f->have += (uint64_t)n;
	}
	return f->max && f->have > f->max ? start_over(f, err) : 0;
}

static int check(struct fetching *f, struct error *err)
{
	struct digest got = digest_final(&f->digest);
	AUTO_FREE char *url = NULL;
	char has[DIGEST_HEX_LEN + 1], wanted[DIGEST_HEX_LEN + 1];

	if (!f->fetch->digest || digest_equal(&got, f->fetch->digest))
		return 0;
	if (start_over(f, err) != 0)
		return err->class;
	url = http_url_for_message(f->fetch->request.url);
	return error_set(err, SLUICE_CORRUPT, "'%s' is not what was asked for: sha256 %s, not %s",
	                 url, digest_hex(&got, has), digest_hex(f->fetch->digest, wanted));
}

static int run(struct fetching *f, struct error *err)
{
	struct asker *own = NULL;
	int rc = f->fetch->by ? 0 : asker_new(&own, err);

	if (rc == 0)
		rc = try_often(f, f->fetch->by ? f->fetch->by : own, err);
	asker_free(own);
	return rc;
}

int fetch_file(struct fetch *fetch, int fd, struct error *err)
{
	struct fetching f = { .fetch = fetch, .fd = fd, .max = fetch->request.max_body };
	int rc;

	digest_init(&f.digest);
	rc = take_up(&f, err);
	if (rc == 0)
		rc = run(&f, err);
	if (rc == 0)
		rc = check(&f, err);
	digest_release(&f.digest);
	return rc;
}
