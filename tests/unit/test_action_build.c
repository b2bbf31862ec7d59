/* What each action asks for, from a parsed workflow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action/action.h"
#include "base/strbuf.h"

static const struct action_context nowhere;

static const struct action_context somewhere = {
	.event_url = "https://example.com/repo.git",
	.event_ref = "0123456789012345678901234567890123456789",
};

struct built {
	struct spec_doc *doc;
	struct action_step *step;
	struct error err;
};

/* The only job.  abort() is never reached, and tells static analysis so. */
static const struct spec_job *job_of(const struct built *b)
{
	assert_non_null(b->doc);
	if (!b->doc->spec) {
		fail_msg("%s", b->doc->diags[0].message);
		abort();
	}
	return b->doc->spec->jobs[0];
}

static struct built try_build(const char *job, const struct action_context *context)
{
	struct built b = { 0 };
	char text[1024];

	(void)snprintf(text, sizeof text, "jobs:\n  j:\n%s", job);
	b.doc = spec_parse(text, strlen(text));
	if (action_build(job_of(&b), context, &b.step, &b.err) < 0)
		b.step = NULL;
	return b;
}

static struct built build(const char *job, const struct action_context *context)
{
	struct built b = try_build(job, context);

	if (!b.step) {
		fail_msg("%s", b.err.msg);
		abort();
	}
	return b;
}

static void release(struct built *b)
{
	action_step_free(b->step);
	spec_doc_free(b->doc);
}

static void assert_list(const char *const *list, const char *words)
{
	char joined[256] = "";

	for (size_t i = 0; list && list[i]; i++)
		(void)snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s",
		               i ? " " : "", list[i]);
	assert_string_equal(joined, words);
}

static const char *variable(const struct action_step *step, const char *name)
{
	for (size_t i = 0; step->env[i]; i++)
		if (strncmp(step->env[i], name, strlen(name)) == 0 &&
		    step->env[i][strlen(name)] == '=')
			return step->env[i] + strlen(name) + 1;
	return NULL;
}

static void container_passes_command_and_args(void **state)
{
	struct built b = build("    uses: container@v1\n"
	                       "    with: {image: 'bash:5', args: [bash, -c, 'ls /']}\n",
	                       &nowhere);

	(void)state;
	assert_int_equal(b.step->root, ROOT_IMAGE);
	assert_string_equal(b.step->image, "bash:5");
	assert_null(b.step->entrypoint);
	assert_list((const char *const *)b.step->args, "bash -c ls /");
	release(&b);
	b = build("    uses: container@v1\n    with: {image: a, command: sh}\n", &nowhere);
	assert_list((const char *const *)b.step->entrypoint, "sh");
	assert_null(b.step->args);
	release(&b);
}

static void script_runs_bash_on_a_file(void **state)
{
	struct built b = build("    uses: script@v1\n"
	                       "    with:\n      image: bash:5\n      script: |-\n"
	                       "        false\n        echo on\n",
	                       &nowhere);

	(void)state;
	assert_list((const char *const *)b.step->entrypoint, "bash " REQUEST_SCRIPT_PATH);
	assert_string_equal(b.step->script, "false\necho on");
	release(&b);
}

static void checkout_takes_url_ref_and_place(void **state)
{
	struct built b = build("    uses: git-checkout@v1\n"
	                       "    with: {url: context.event.github.url, "
	                       "ref: context.event.github.ref}\n"
	                       "    outputs: {repo: {type: volume}}\n",
	                       &somewhere);

	(void)state;
	assert_int_equal(b.step->root, ROOT_HOST);
	assert_string_equal(variable(b.step, "SLUICE_GIT_URL"), somewhere.event_url);
	assert_string_equal(variable(b.step, "SLUICE_GIT_REF"), somewhere.event_ref);
	assert_string_equal(variable(b.step, "SLUICE_GIT_DIR"), "/outputs/repo");
	release(&b);
	b = build("    uses: git-checkout@v1\n"
	          "    env: {BRANCH: dev}\n"
	          "    with: {url: 'file:///srv/r', ref: $BRANCH, path: /outputs/a/sub}\n"
	          "    outputs: {a: {type: volume}, b: {type: volume}}\n",
	          &nowhere);
	assert_string_equal(variable(b.step, "SLUICE_GIT_REF"), "dev");
	assert_string_equal(variable(b.step, "SLUICE_GIT_DIR"), "/outputs/a/sub");
	release(&b);
}

static void checkout_refuses_what_could_run_something_else(void **state)
{
	static const struct {
		const char *with, *says;
		bool is_of_the_event; /* which the file alone does not know */
	} cases[] = {
		{ "url: 'ext::sh -c id'", "it must begin with https://", false },
		{ "url: '--upload-pack=x'", "it must begin with https://", false },
		{ "url: 'https://x/', ref: '--force'", "begins with '-'", false },
		{ "url: 'https://x/', path: /etc", "must lie below /outputs/", false },
		{ "url: 'secret:x'", "cannot be a secret", false },
		{ "url: context.event.github.url", "lies in no git checkout", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct action_refusal why = { .message = "" };
		char job[512];
		struct built b;

		(void)snprintf(job, sizeof job,
		               "    uses: git-checkout@v1\n    with: {%s}\n"
		               "    outputs: {r: {type: volume}}\n",
		               cases[i].with);
		b = try_build(job, &nowhere);
		assert_null(b.step);
		if (!strstr(b.err.msg, cases[i].says))
			fail_msg("'%s' does not say '%s'", b.err.msg, cases[i].says);
		assert_int_equal(action_can_run(job_of(&b), &why), cases[i].is_of_the_event);
		assert_string_equal(why.message, cases[i].is_of_the_event ? "" : b.err.msg);
		release(&b);
	}
}

static void what_cannot_run_yet_is_refused_by_name(void **state)
{
	static const struct {
		const char *job, *says;
	} cases[] = {
		{ "    uses: container@v1\n    with: {image: a}\n    timeout: 5\n",
		  "'timeout' of a job is not supported yet" },
		{ "    uses: create-model@v1\n    with: {name: m, type: Custom}\n"
		  "    inputs: {model: {type: dataset, with: {ref: d}}}\n"
		  "    outputs: {model-id: {type: string}}\n",
		  "this action is understood but cannot be run yet" },
		{ "    uses: git-checkout@v1\n    with: {url: 'https://x/', username: u, "
		  "password: 'secret:p'}\n    outputs: {r: {type: volume}}\n",
		  "checking out a private repository is not supported yet" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct built b = { 0 };
		struct action_refusal why;
		char text[512];

		(void)snprintf(text, sizeof text, "jobs:\n  j:\n%s", cases[i].job);
		b.doc = spec_parse(text, strlen(text));
		assert_false(action_can_run(job_of(&b), &why));
		assert_string_equal(why.message, cases[i].says);
		assert_true(why.at.line > 2);
		release(&b);
	}
}

/* JOB, whose long text stands between `before` and `after`. */
static void assert_fits(const char *before, size_t len, const char *after, bool fits)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	struct built b = { 0 };
	struct action_refusal why;

	strbuf_addf(&text, "jobs:\n  j:\n    uses: %s", before);
	for (size_t i = 0; i < len; i++)
		strbuf_addch(&text, 'x');
	strbuf_addstr(&text, after);
	b.doc = spec_parse(strbuf_str(&text), text.len);
	assert_int_equal(action_can_run(job_of(&b), &why), fits);
	if (!fits) {
		assert_non_null(strstr(why.message, "longer than the 131,071 bytes"));
		assert_true(why.at.line > 2);
	}
	release(&b);
}

static void what_no_program_can_be_started_with_is_refused(void **state)
{
	enum { MOST = 131071 };
	static const char env[] = "container@v1\n    with: {image: a}\n    env: {NAME: '";
	static const char argument[] = "container@v1\n    with: {image: a, args: [b, '";
	static const char command[] = "container@v1\n    with: {image: a, command: ['";
	static const char script[] = "script@v1\n    with: {image: a, script: '";

	(void)state;
	assert_fits(env, MOST - 5, "'}\n", true);
	assert_fits(env, MOST - 4, "'}\n", false);
	assert_fits(argument, MOST, "']}\n", true);
	assert_fits(argument, MOST + 1, "']}\n", false);
	assert_fits(command, MOST, "']}\n", true);
	assert_fits(command, MOST + 1, "']}\n", false);
	assert_fits(script, MOST + 1, "'}\n", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(container_passes_command_and_args),
		cmocka_unit_test(script_runs_bash_on_a_file),
		cmocka_unit_test(checkout_takes_url_ref_and_place),
		cmocka_unit_test(checkout_refuses_what_could_run_something_else),
		cmocka_unit_test(what_cannot_run_yet_is_refused_by_name),
		cmocka_unit_test(what_no_program_can_be_started_with_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
