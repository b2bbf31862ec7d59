/* Diagnostics as a person sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "spec/near.h"
#include "spec/spec.h"

struct row {
	const char *text;
	uint32_t line, column, width;
	const char *excerpt; /* what stands between the first line and the hint */
};

#define TEN     "0123456789"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN
#define BLANKS  "                                  " /* 34 */
#define JA      "\xe6\x97\xa5\xe6\x9c\xac"

static const struct row rows[] = {
	{ "a: b\nc: dd\n", 2, 4, 2, "c: dd\n   ^~\n" },
	{ "c: dd", 1, 4, 99, "c: dd\n   ^~\n" },
	{ "c: d", 1, 5, 1, "c: d\n    ^\n" },
	{ "\tc:\td e", 1, 5, 1, "\tc:\td e\n\t  \t^\n" },
	{ "\xe6\x97\xa5\xe6\x9c\xac: x", 1, 5, 1, "\xe6\x97\xa5\xe6\x9c\xac: x\n      ^\n" },
	{ "\xe6\x97\xa5\xe6\x9c\xac: x", 1, 1, 2, "\xe6\x97\xa5\xe6\x9c\xac: x\n^~~~\n" },
	{ "e\xcc\x81: x", 1, 5, 1, "e\xcc\x81: x\n   ^\n" },
	{ "a\x1b[1m: x", 1, 6, 1, "a\\x1b[1m: x\n        ^\n" },
	{ "a\xc2\x9b: x", 1, 4, 1, "a\\x9b: x\n      ^\n" },
	{ "\xff: x", 1, 4, 1, "\\xff: x\n      ^\n" },
	{ "\xef\xbb\xbf"
	  "a: x",
	  1, 4, 1, "a: x\n   ^\n" },
	{ "a\r\nb: c\r\nd", 2, 4, 1, "b: c\n   ^\n" },
	{ "a\rb\xe2\x80\xa8"
	  "c: d\xc2\x85"
	  "e",
	  3, 4, 1, "c: d\n   ^\n" },
	{ "a\n", 9, 1, 1, "" },
	{ "a\n\n", 2, 1, 1, "" },
	{ "", 1, 1, 1, "" },
	/* 74 columns are shown as they are, one more is cut. */
	{ SEVENTY "0123", 1, 74, 1, SEVENTY "0123\n" BLANKS BLANKS "     ^\n" },
	{ SEVENTY "01234", 1, 1, 3, SEVENTY "0123...\n^~~\n" },
	{ SEVENTY SEVENTY, 1, 71, 2, "..." SEVENTY "0123...\n   " BLANKS "      ^~\n" },
	{ SEVENTY SEVENTY, 1, 140, 1,
	  "..."
	  "9" TEN TEN TEN TEN "\n   " BLANKS "      ^\n" },
	/* A character of two columns takes two, and a mark none. */
	{ JA JA JA JA JA JA JA JA JA JA JA JA JA JA JA JA JA JA JA JA JA JA, 1, 34, 1,
	  "...\xe6\x9c\xac" JA JA JA JA JA JA JA JA JA JA JA JA JA JA JA "\n   " BLANKS
	  "      ^~\n" },
	{ SEVENTY "0123e\xcc\x81", 1, 1, 1, SEVENTY "0123...\n^\n" },
	{ SEVENTY "012e\xcc\x81", 1, 1, 1, SEVENTY "012e\xcc\x81\n^\n" },
	{ "\xf0\x9f\xaa\x90: x", 1, 2, 1, "\xf0\x9f\xaa\x90: x\n  ^\n" },
	/* What would turn the direction of the text is shown as what it is. */
	{ "a\xe2\x80\xae: x", 1, 3, 1, "a\\x202e: x\n       ^\n" },
};

static void test_excerpt(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		struct spec_diag diag = {
			SPEC_ERROR, { row->line, row->column }, row->width, "m", NULL
		};
		struct spec_text source = { "f", row->text, strlen(row->text), 0, 0, 0, 0 };
		char *shown = spec_diag_format(&source, &diag);
		const char *excerpt = strchr(shown, '\n') + 1;

		assert_string_equal(excerpt, row->excerpt);
		free(shown);
	}
}

/* What is remembered of the text changes nothing but the time. */
static void test_any_order(void **state)
{
	static const char text[] = "\xef\xbb\xbf" SEVENTY SEVENTY "\r\n" JA JA JA SEVENTY SEVENTY
				   "\xe2\x80\xa8\n\tb\n" SEVENTY JA SEVENTY;
	struct spec_text source = { .file = "f", .text = text, .len = sizeof(text) - 1 };
	uint32_t step = 7919; /* coprime to the number of places: each is visited once */

	(void)state;
	for (uint32_t round = 0, place = 0; round < 2 * 6 * 160; round++) {
		struct spec_text fresh = { .file = "f", .text = text, .len = source.len };
		struct spec_diag diag = {
			SPEC_ERROR, { 1 + place / 160, 1 + place % 160 }, 2, "m", NULL
		};
		char *shown = spec_diag_format(&source, &diag);
		char *expected = spec_diag_format(&fresh, &diag);

		assert_string_equal(shown, expected);
		free(shown);
		free(expected);
		place = (place + (round < 6 * 160 ? 1 : step)) % (6 * 160);
	}
}

static void test_whole(void **state)
{
	static const char text[] = "jobs:\n  \xe6\x97\xa5: {uss: x}\n";
	struct spec_text source = { .file = "dir/w.yaml", .text = text, .len = strlen(text) };
	struct spec_doc *doc = spec_parse(text, strlen(text));
	char *shown = NULL;

	(void)state;
	assert_int_equal(doc->n_diags, 2);
	shown = spec_diag_format(&source, &doc->diags[1]);
	assert_string_equal(shown, "dir/w.yaml:2:7: error: a job has no key 'uss'\n"
	                           "  \xe6\x97\xa5: {uss: x}\n"
	                           "       ^~~\n"
	                           "  hint: did you mean 'uses'?\n");
	free(shown);
	spec_doc_free(doc);
}

static void test_warning(void **state)
{
	const struct spec_diag diag = { SPEC_WARNING, { 1, 1 }, 1, "careful", "do not" };
	struct spec_text source = { .file = "-", .text = "x", .len = 1 };
	char *shown = spec_diag_format(&source, &diag);

	(void)state;
	assert_string_equal(shown, "-:1:1: warning: careful\nx\n^\n  hint: do not\n");
	free(shown);
}

/* Messages never carry what drives a terminal, nor pages of text. */
static void test_untrusted(void **state)
{
	static const char text[] = "\"a\\e[31m\\x9b\": 1\n" TEN TEN TEN TEN TEN TEN "0: 1\n"
				   "jobs: {a: {uses: container@v1, with: {image: i}}}\n";
	struct spec_doc *doc = spec_parse(text, strlen(text));

	(void)state;
	assert_int_equal(doc->n_diags, 2);
	assert_string_equal(doc->diags[0].message, "a workflow has no key 'a\\x1b[31m\\x9b'");
	assert_string_equal(doc->diags[1].message,
	                    "a workflow has no key '" TEN TEN TEN TEN TEN TEN "...'");
	spec_doc_free(doc);
}

static const char *nearest(const char *wanted)
{
	static const char *const known[] = { "uses", "needs", "with", "outputs", "inputs", "db" };
	struct near near;

	near_init(&near, wanted);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		near_offer(&near, known[i]);
	return near.best;
}

static void test_near(void **state)
{
	(void)state;
	assert_string_equal(nearest("use"), "uses");
	assert_string_equal(nearest("wiht"), "with");
	assert_string_equal(nearest("NEEDS"), "needs");
	assert_string_equal(nearest("ouptuts"), "outputs");
	assert_string_equal(nearest("input"), "inputs");
	assert_string_equal(nearest("dx"), "db");
	assert_null(nearest("x"));
	assert_null(nearest("wall"));
	assert_null(nearest(""));
	assert_null(nearest(TEN TEN TEN TEN TEN TEN TEN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_excerpt),   cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_whole),     cmocka_unit_test(test_warning),
		cmocka_unit_test(test_untrusted), cmocka_unit_test(test_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
