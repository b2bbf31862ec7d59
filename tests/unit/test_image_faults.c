/* A registry, and the server of its tokens, that fail at each step of a pull. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/support/pull_box.h"

#define INDEX "application/vnd.oci.image.index.v1+json"

/* The questions of a pull, in their order.  AT_TOKEN is the other server's. */
enum step { AT_CHALLENGE = 1, AT_INDEX, AT_MANIFEST, AT_CONFIG, AT_LAYER, AT_TOKEN };

struct pair {
	struct box *box;
	struct http_script tokens;
};

static char *body_of(const char *answer)
{
	return strstr(answer, "\r\n\r\n") + 4;
}

/* A token that is good for so many seconds. */
#define TOKEN(name, seconds)                                             \
	"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"token\":\"" name \
	"\",\"expires_in\":" seconds "}"

/* Each question has a good answer, and each answer a connection of its own. */
static void script_pair(struct pair *p)
{
	static const char *const layer[] = { BLOB("34", LAYER), NULL };
	struct box *b = p->box;
	const char *const *good = b->script.answers;
	AUTO_FREE char *is = NULL, *index = NULL;

	p->tokens.answers[0] = TOKEN("one", "300");
	p->tokens.repeat_last = true;
	script_start(&p->tokens);
	script_image(b, LAYER, layer);
	b->script.answers[AT_LAYER] = good[3];
	b->script.answers[AT_CONFIG] = good[2];
	b->script.answers[AT_MANIFEST] = good[1];
	is = descriptor(MANIFEST, body_of(good[AT_MANIFEST]));
	index = xasprintf("{\"manifests\":[%.*s,\"platform\":{\"os\":\"linux\",\"architecture\":"
	                  "\"%s\"}}]}",
	                  (int)strlen(is) - 1, is, layout_arch());
	b->script.answers[AT_INDEX] = ok(b, INDEX, index);
	b->script.answers[AT_CHALLENGE] =
		own(b, xasprintf("HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n"
	                         "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:%d/token\""
	                         "\r\n\r\n",
	                         p->tokens.port));
}

static void pair_begin(struct pair *p)
{
	void *box;

	assert_int_equal(setup(&box), 0);
	*p = (struct pair){ .box = box };
	script_pair(p);
}

static void pair_end(struct pair *p)
{
	void *box = p->box;

	script_stop(&p->tokens);
	assert_int_equal(teardown(&box), 0);
}

static void assert_says(const struct box *b, const char *text)
{
	if (!strstr(b->err.msg, text))
		fail_msg("'%s' does not say '%s'", b->err.msg, text);
}

/* The layer has come, and whoever was to unpack it had it. */
static void assert_arrives(struct box *b)
{
	assert_true(pull(b) < 0);
	assert_says(b, "it is no tar");
}

/* Documents that came before the fault do not come again; the name's own always does. */
static void script_rest(struct http_script *s, enum step step)
{
	if (step <= AT_MANIFEST || step > AT_LAYER)
		return;
	memmove(&s->answers[AT_MANIFEST], &s->answers[step],
	        (AT_TOKEN - step) * sizeof *s->answers);
	s->answers[AT_MANIFEST + AT_TOKEN - step] = NULL;
}

#define HTML "<!DOCTYPE html>\n<title>Sign in to the network</title>"

static const struct {
	const char *answer, *says, *of_token;
} faults[] = {
	{ "", "Empty reply", "Empty reply" },
	{ "HTTP/1.1 200 OK\r\nContent-Le", "breaks off", "breaks off" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{", "cannot get '", "cannot get '" },
	{ "SSH-2.0-OpenSSH_9.2p1\r\n", "HTTP/0.9", "HTTP/0.9" },
	{ "HTTP/1.1 502 Bad\r\n\r\n" HTML, "answers 502", "answers 502" },
	{ "HTTP/1.1 404 None\r\n\r\n" HTML, "answers 404", "answers 404" },
	{ "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" HTML, "", "token server's answer" },
	{ "HTTP/1.1 302 Go\r\nLocation: ftp://h/\r\n\r\n", "ftp", "ftp" },
};

/* At every try of one step.  The message names registry, image and reason, and the layer if there
 * is one; nothing wrong stays. */
static void fail_at(struct pair *p, enum step step, size_t fault)
{
	if (step == AT_TOKEN)
		p->tokens.answers[0] = faults[fault].answer;
	else
		p->box->script.answers[step] = faults[fault].answer;
	for (enum step next = step + 1; next < AT_TOKEN; next++)
		p->box->script.answers[next] = NULL;
	p->box->script.repeat_last = true;
	assert_true(pull(p->box) < 0);
	assert_says(p->box, "cannot pull image '127.0.0.1:");
	assert_says(p->box, "/a/b:1' from registry '127.0.0.1:");
	if (step == AT_LAYER)
		assert_says(p->box, "layer sha256:");
	assert_says(p->box, step == AT_TOKEN ? faults[fault].of_token : faults[fault].says);
	nothing_wrong_is_kept(p->box);
}

static void each_step_may_fail_in_each_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		for (enum step step = AT_CHALLENGE; step <= AT_TOKEN; step++) {
			struct pair p;

			pair_begin(&p);
			fail_at(&p, step, i);
			pair_end(&p);
		}
	}
}

static void when_the_fault_has_gone_the_same_home_pulls(void **state)
{
	(void)state;
	for (enum step step = AT_CHALLENGE; step <= AT_TOKEN; step++) {
		struct pair p;
		struct http_script whole;

		pair_begin(&p);
		whole = p.box->script;
		fail_at(&p, step, 0);
		p.tokens.answers[0] = TOKEN("one", "300");
		p.box->script = whole;
		script_rest(&p.box->script, step);
		assert_arrives(p.box);
		pair_end(&p);
	}
}

static void what_is_silent_is_asked_again(void **state)
{
	struct pair p;
	const char **at;

	(void)state;
	pair_begin(&p);
	at = p.box->script.answers;
	at[AT_LAYER + 2] = BLOB_REST;
	at[AT_LAYER + 1] = BLOB("34", "a layer that");
	at[AT_CONFIG + 1] = at[AT_CONFIG];
	at[AT_CONFIG] = "";
	p.box->script.end = SCRIPT_HOLD;
	p.box->stall_s = 1;
	assert_arrives(p.box);
	pair_end(&p);
}

/* --- tokens ----------------------------------------------------------------------------------- */

/* A layer breaks off, and the registry takes the token no more. */
static void script_expiry(struct pair *p)
{
	struct http_script *s = &p->box->script;

	s->answers[AT_LAYER] = BLOB("34", "a layer that");
	s->answers[AT_LAYER + 1] = s->answers[AT_CHALLENGE];
	s->answers[AT_LAYER + 2] = BLOB_REST;
	p->tokens.answers[1] = TOKEN("two", "300");
}

static void a_token_that_is_taken_no_more_is_replaced(void **state)
{
	struct pair p;

	(void)state;
	pair_begin(&p);
	script_expiry(&p);
	assert_arrives(p.box);
	assert_non_null(strstr(p.box->script.requests[AT_LAYER + 1], "Bearer one"));
	assert_non_null(strstr(p.box->script.requests[AT_LAYER + 2], "Bearer two"));
	assert_non_null(strstr(p.box->script.requests[AT_LAYER + 2], "Range: bytes=12-"));
	assert_int_equal(p.tokens.n_requests, 2);
	pair_end(&p);
}

static void without_a_new_token_the_pull_ends(void **state)
{
	struct pair p;

	(void)state;
	pair_begin(&p);
	script_expiry(&p);
	p.tokens.answers[1] = "HTTP/1.1 401 No\r\n\r\n";
	assert_true(pull(p.box) < 0);
	assert_says(p.box, "layer sha256:");
	assert_says(p.box, "the token server wants a login");
	nothing_wrong_is_kept(p.box);
	pair_end(&p);
}

static void a_fresh_token_that_is_refused_is_the_end(void **state)
{
	struct pair p;

	(void)state;
	pair_begin(&p);
	script_expiry(&p);
	p.box->script.answers[AT_LAYER + 2] = p.box->script.answers[AT_CHALLENGE];
	assert_true(pull(p.box) < 0);
	assert_says(p.box, "layer sha256:");
	assert_says(p.box, "has no 'a/b' that everybody may pull");
	assert_int_equal(p.tokens.n_requests, 2);
	pair_end(&p);
}

/* The registry asks for a second, in which the token's life ends: another one is had in time. */
static void waits_are_as_long_as_the_registry_asks(void **state)
{
	struct pair p;
	int64_t began_ms = clock_mono_ms();

	(void)state;
	pair_begin(&p);
	script_expiry(&p);
	p.tokens.answers[0] = TOKEN("one", "1");
	p.box->script.answers[AT_LAYER + 1] =
		"HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
	assert_arrives(p.box);
	assert_true(clock_mono_ms() - began_ms >= 1000);
	assert_non_null(strstr(p.box->script.requests[AT_LAYER + 2], "Bearer two"));
	assert_int_equal(p.tokens.n_requests, 2);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_may_fail_in_each_way),
		cmocka_unit_test(when_the_fault_has_gone_the_same_home_pulls),
		cmocka_unit_test(what_is_silent_is_asked_again),
		cmocka_unit_test(a_token_that_is_taken_no_more_is_replaced),
		cmocka_unit_test(without_a_new_token_the_pull_ends),
		cmocka_unit_test(a_fresh_token_that_is_refused_is_the_end),
		cmocka_unit_test(waits_are_as_long_as_the_registry_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
