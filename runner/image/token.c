#include "image/token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/wipe.h"
#include "base/xalloc.h"

enum {
	ANSWER_MAX = 1 << 20, /* some clouds' tokens list every right */
	LIFETIME_S = 60,      /* if the answer names none */
	LIFETIME_MAX_S = 24 * 3600,
	SHOWN_TEXT = 200,
};

struct token_call {
	struct strbuf answer;
	token_fn *fn;
	void *arg;
	bool is_known; /* we said who we are */
};

/* RFC 3986's unreserved characters stay. */
static void add_encoded(struct strbuf *sb, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c))
			strbuf_addch(sb, (char)c);
		else
			strbuf_addf(sb, "%%%02X", c);
	}
}

static void add_parameter(struct strbuf *sb, char before, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	strbuf_addch(sb, before);
	strbuf_addstr(sb, name);
	strbuf_addch(sb, '=');
	add_encoded(sb, value);
}

/* The URL to ask: the realm with its parameters; the caller frees it. */
static char *token_url(const struct challenge *challenge, const char *scope, const char *user)
{
	AUTO_STRBUF struct strbuf url = STRBUF_INIT(STRBUF_BIG);
	char before = strchr(challenge->realm, '?') ? '&' : '?';

	strbuf_addstr(&url, challenge->realm);
	add_parameter(&url, before, "scope", challenge->scope ? challenge->scope : scope);
	add_parameter(&url, '&', "service", challenge->service);
	add_parameter(&url, '&', "account", user);
	return strbuf_detach(&url);
}

/* The form that a refresh token is shown in. */
static char *form(const struct token_ask *ask)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);
	const struct challenge *c = ask->challenge;

	strbuf_addstr(&sb, "grant_type=refresh_token&client_id=sluice");
	add_parameter(&sb, '&', "service", c->service);
	add_parameter(&sb, '&', "scope", c->scope ? c->scope : ask->scope);
	add_parameter(&sb, '&', "refresh_token", ask->credentials->identity);
	return strbuf_detach(&sb);
}

static int on_body(void *arg, const void *data, size_t len, struct error *err)
{
	struct token_call *t = arg;

	(void)err;
	strbuf_add(&t->answer, data, len);
	return 0;
}

static int status_failed(const struct token_call *t, const struct http_response *r,
                         struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(4 * SHOWN_TEXT + 1);

	if (http_status_is_passing(r->status))
		return error_set(err, SLUICE_REMOTE, "the token server answers %d", r->status);
	if (r->status == 401 || r->status == 403)
		return error_set(err, SLUICE_INVALID, "the token server %s",
		                 t->is_known ? "refuses the user or the password"
		                             : "wants a login");
	strbuf_addprintable(&text, r->text, SHOWN_TEXT);
	return error_set(err, SLUICE_INVALID, "the token server answers %d: %s", r->status,
	                 strbuf_str(&text));
}

static int take_answer(const struct token_call *t, const char **ret_token, int64_t *ret_lifetime_s,
                       cJSON **ret_doc, struct error *err)
{
	int rc = json_parse(strbuf_str(&t->answer), t->answer.len, "the token server's answer",
	                    ret_doc, err);

	if (rc != 0)
		return rc;
	*ret_token = json_str(*ret_doc, "token");
	if (!*ret_token)
		*ret_token = json_str(*ret_doc, "access_token");
	*ret_lifetime_s = json_int(*ret_doc, "expires_in", 0);
	if (*ret_lifetime_s == 0)
		*ret_lifetime_s = LIFETIME_S;
	if (*ret_lifetime_s > LIFETIME_MAX_S)
		*ret_lifetime_s = LIFETIME_MAX_S;
	if (*ret_token && **ret_token && !(*ret_token)[strcspn(*ret_token, "\r\n")])
		return 0;
	return error_set(err, SLUICE_INVALID, "the token server's answer holds no token");
}

static void on_done(void *arg, const struct http_response *r, const struct error *failed)
{
	struct token_call *t = arg;
	AUTO_JSON cJSON *doc = NULL;
	const char *token = NULL;
	int64_t lifetime_s = 0;
	struct error err;
	int rc = 0;

	if (failed) {
		err = *failed;
		rc = failed->class;
	} else if (r->status != 200) {
		rc = status_failed(t, r, &err);
	} else {
		rc = take_answer(t, &token, &lifetime_s, &doc, &err);
	}
	t->fn(t->arg, rc == 0 ? token : NULL, lifetime_s, rc == 0 ? NULL : &err);
	if (t->answer.buf)
		explicit_bzero(t->answer.buf, t->answer.len);
	strbuf_release(&t->answer);
	free(t);
}

struct http_transfer *token_get(struct http *http, const struct token_ask *ask, token_fn *fn,
                                void *arg, struct error *err)
{
	static const char *const form_type[] = { "Content-Type: application/x-www-form-urlencoded",
		                                 NULL };
	const struct credentials *who = ask->credentials;
	AUTO_FREE char *url = token_url(ask->challenge, ask->scope, who->user);
	AUTO_WIPE char *body = who->identity ? form(ask) : NULL;
	bool is_known = who->identity || who->password;
	struct http_request q = {
		.url = body ? ask->challenge->realm : url,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.headers = body ? form_type : NULL,
		.user = body ? NULL : who->user,
		.password = body ? NULL : who->password,
		.ca_file = ask->ca,
		.any_cert = ask->any_cert,
		.max_body = ANSWER_MAX,
		.stall_s = ask->stall_s,
	};
	struct token_call *t;

	if (is_known && ask->secure && strncasecmp(q.url, "https:", 6) != 0) {
		(void)error_set(err, SLUICE_INVALID,
		                "it wants the password to be sent to a token server without "
		                "encryption");
		return NULL;
	}
	t = xcalloc(1, sizeof *t);
	*t = (struct token_call){ .fn = fn, .arg = arg, .is_known = is_known };
	t->answer = STRBUF_INIT(ANSWER_MAX);
	return http_start(http, &q,
	                  &(struct http_hooks){ .on_body = on_body, .on_done = on_done, .arg = t });
}
