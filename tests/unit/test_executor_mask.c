/* base/mask: against known texts, and against a slow and plain way of doing the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mask.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum { OUT_MAX = 1 << 20 };

static void collect(void *arg, const char *data, size_t len)
{
	strbuf_add(arg, data, len);
}

/* Feeds TEXT in pieces of STEP bytes. */
static char *masked(const char *const *secrets, const char *text, size_t len, size_t step)
{
	struct strbuf out = STRBUF_INIT(OUT_MAX);
	struct mask *mask = mask_new(secrets);
	struct mask_stream s = MASK_STREAM_INIT(mask, collect, &out);

	for (size_t at = 0; at < len; at += step)
		mask_feed(&s, text + at, len - at < step ? len - at : step);
	mask_end(&s);
	mask_free(mask);
	return strbuf_detach(&out);
}

static void expect(const char *const *secrets, const char *text, const char *want)
{
	for (size_t step = 1; step <= strlen(text) + 1; step++) {
		char *got = masked(secrets, text, strlen(text), step);

		assert_string_equal(got, want);
		free(got);
	}
}

#define SECRETS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_plain(void **state)
{
	(void)state;
	expect(SECRETS("hunter2"), "the word is hunter2.", "the word is ***.");
	expect(SECRETS("hunter2"), "hunter2", "***");
	expect(SECRETS("hunter2"), "hunter", "hunter");
	expect(SECRETS("hunter2"), "hunterhunter2", "hunter***");
	expect(SECRETS("hunter2"), "", "");
	expect(SECRETS("x"), "axbxx", "a***b***");
	expect(NULL, "as it is", "as it is");
}

static void test_empty_secret(void **state)
{
	(void)state;
	expect(SECRETS(""), "as it is", "as it is");
	expect(SECRETS("", "is"), "as it is", "as it ***");
}

static void test_prefixes(void **state)
{
	(void)state;
	expect(SECRETS("pass", "password"), "pass passwor password", "*** ***wor ***");
	expect(SECRETS("password", "pass"), "passwordpass", "***");
}

static void test_overlaps(void **state)
{
	(void)state;
	expect(SECRETS("abcd", "cdef"), "xabcdefx", "x***x");
	expect(SECRETS("aba"), "ababa-aba", "***-***");
	expect(SECRETS("aa"), "aaaba", "***ba");
}

static void test_lines(void **state)
{
	(void)state;
	expect(SECRETS("-----KEY\r\nabcdef\n}\n"), "-----KEY\r\nabcdef\n}\n.", "***.");
	expect(SECRETS("-----KEY\r\nabcdef\n}\n"), "  abcdef\n}", "  ***\n}");
	expect(SECRETS("one\ntwo"), "one two one\ntwo", "one two ***");
	expect(SECRETS("value\n"), "a value.", "a ***.");
}

static void test_binary(void **state)
{
	static const char text[] = "\0\xff\0secret\0\xfe";
	char *got = masked(SECRETS("secret"), text, sizeof text - 1, 2);

	(void)state;
	assert_memory_equal(got, "\0\xff\0***\0\xfe", 8);
	free(got);
}

/* Marks every byte of every occurrence; each run of marks is one "***". */
static char *naive(const char *const *secrets, const char *text)
{
	size_t len = strlen(text);
	char *mark = xcalloc(len + 1, 1);
	struct strbuf out = STRBUF_INIT(OUT_MAX);

	for (; *secrets; secrets++)
		for (size_t i = 0; i < len; i++)
			if (strncmp(text + i, *secrets, strlen(*secrets)) == 0)
				memset(mark + i, 1, strlen(*secrets));
	for (size_t i = 0; i < len; i++) {
		if (!mark[i])
			strbuf_addch(&out, text[i]);
		else if (i == 0 || !mark[i - 1])
			strbuf_addstr(&out, "***");
	}
	free(mark);
	return strbuf_detach(&out);
}

static void fill(char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = "ab"[random() % 2];
	buf[len] = '\0';
}

static void test_property(void **state)
{
	enum { ROUNDS = 20000 };

	(void)state;
	srandom(20261123);
	for (int round = 0; round < ROUNDS; round++) {
		char a[8], b[8], c[8], text[41];
		size_t step = 1 + (size_t)random() % 9;
		char *got, *want;

		fill(a, 1 + (size_t)random() % 6);
		fill(b, 1 + (size_t)random() % 6);
		fill(c, 2 + (size_t)random() % 6);
		fill(text, (size_t)random() % 41);
		got = masked(SECRETS(a, b, c), text, strlen(text), step);
		want = naive(SECRETS(a, b, c), text);
		assert_string_equal(got, want);
		free(got);
		free(want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),    cmocka_unit_test(test_empty_secret),
		cmocka_unit_test(test_prefixes), cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_lines),    cmocka_unit_test(test_binary),
		cmocka_unit_test(test_property),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
