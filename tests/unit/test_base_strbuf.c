/* Builders keep their limits; escaping keeps a terminal safe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

static void test_grows_to_its_limit(void **state)
{
	struct strbuf sb = STRBUF_INIT(8);

	(void)state;
	assert_string_equal(strbuf_str(&sb), "");
	strbuf_addstr(&sb, "1234");
	strbuf_addch(&sb, '5');
	strbuf_add(&sb, "678", 3);
	assert_false(sb.failed);
	assert_int_equal(sb.len, 8);
	assert_string_equal(strbuf_str(&sb), "12345678");
	strbuf_release(&sb);
	assert_int_equal(sb.max, 8);
}

static void test_one_more_fails_and_stays_failed(void **state)
{
	struct strbuf sb = STRBUF_INIT(8);

	(void)state;
	strbuf_addstr(&sb, "1234567");
	strbuf_addstr(&sb, "89");
	assert_true(sb.failed);
	strbuf_addch(&sb, 'x');
	assert_true(sb.failed);
	assert_string_equal(strbuf_str(&sb), "1234567");
	strbuf_clear(&sb);
	assert_false(sb.failed);
	strbuf_addstr(&sb, "12345678");
	assert_false(sb.failed);
	strbuf_release(&sb);
}

static void test_format_respects_the_limit(void **state)
{
	struct strbuf sb = STRBUF_INIT(10);

	(void)state;
	strbuf_addf(&sb, "%s-%d", "abc", 123456);
	assert_false(sb.failed);
	assert_string_equal(strbuf_str(&sb), "abc-123456");
	strbuf_addf(&sb, "%d", 7);
	assert_true(sb.failed);
	assert_int_equal(sb.len, 10);
	strbuf_release(&sb);
}

static void test_huge_reserve_is_no_overflow(void **state)
{
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	(void)state;
	strbuf_addch(&sb, 'a');
	assert_null(strbuf_reserve(&sb, SIZE_MAX));
	assert_true(sb.failed);
	strbuf_release(&sb);
}

static void test_detach_hands_out(void **state)
{
	struct strbuf sb = STRBUF_INIT(64);
	char *empty = strbuf_detach(&sb);
	char *text;

	(void)state;
	assert_string_equal(empty, "");
	strbuf_addstr(&sb, "word");
	text = strbuf_detach(&sb);
	assert_string_equal(text, "word");
	assert_int_equal(sb.len, 0);
	assert_null(sb.buf);
	free(text);
	free(empty);
}

static void test_printable(void **state)
{
	struct strbuf sb = STRBUF_INIT(256);

	(void)state;
	strbuf_addprintable(&sb,
	                    "a\x1b[31m\n\x7f"
	                    "é",
	                    100);
	assert_string_equal(strbuf_str(&sb), "a\\x1b[31m\\x0a\\x7fé");
	strbuf_clear(&sb);
	strbuf_addprintable(&sb, "abcdef", 3);
	assert_string_equal(strbuf_str(&sb), "abc...");
	strbuf_clear(&sb);
	strbuf_addprintable(&sb, "abc", 3);
	assert_string_equal(strbuf_str(&sb), "abc");
	strbuf_release(&sb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_to_its_limit),
		cmocka_unit_test(test_one_more_fails_and_stays_failed),
		cmocka_unit_test(test_format_respects_the_limit),
		cmocka_unit_test(test_huge_reserve_is_no_overflow),
		cmocka_unit_test(test_detach_hands_out),
		cmocka_unit_test(test_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
