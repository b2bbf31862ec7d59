/* Near names, numbers, ids, names, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/near.h"
#include "base/parse.h"

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(near_distance("", "", 3), 0);
	assert_int_equal(near_distance("abc", "abc", 3), 0);
	assert_int_equal(near_distance("abc", "ABC", 3), 0);
	assert_int_equal(near_distance("abc", "ab", 3), 1);
	assert_int_equal(near_distance("abc", "axc", 3), 1);
	assert_int_equal(near_distance("abc", "abxc", 3), 1);
	assert_int_equal(near_distance("abcd", "abdc", 3), 1); /* two letters changed places */
	assert_int_equal(near_distance("kitten", "sitting", 3), 3);
	assert_int_equal(near_distance("kitten", "sitting", 2), 3); /* most + 1 */
	assert_int_equal(near_distance("ca", "abc", 5), 3);         /* optimal string alignment */
	assert_int_equal(near_distance("abc", "abcdefghijk", 2), 3);
}

static void test_limit(void **state)
{
	(void)state;
	assert_int_equal(near_limit(""), 0);
	assert_int_equal(near_limit("a"), 0);
	assert_int_equal(near_limit("ab"), 1);
	assert_int_equal(near_limit("abc"), 1);
	assert_int_equal(near_limit("abcdef"), 2);
	assert_int_equal(near_limit("abcdefghijklmnopqrst"), 3);
}

static void test_long_words_stay_in_bounds(void **state)
{
	char a[300];
	char b[300];

	(void)state;
	memset(a, 'a', sizeof a - 1);
	memset(b, 'b', sizeof b - 1);
	a[sizeof a - 1] = b[sizeof b - 1] = '\0';
	assert_int_equal(near_distance(a, b, 3), 4);
	assert_int_equal(near_distance(a, a, 3), 0);
}

static void test_parse_u64(void **state)
{
	static const char *const bad[] = { "",
		                           " 1",
		                           "1 ",
		                           "+1",
		                           "-1",
		                           "0x1",
		                           "1a",
		                           "1.0",
		                           "18446744073709551616",
		                           "99999999999999999999999" };
	uint64_t v = 7;

	(void)state;
	assert_true(parse_u64("0", UINT64_MAX, &v));
	assert_int_equal(v, 0);
	assert_true(parse_u64("18446744073709551615", UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
	assert_true(parse_u64("100", 100, &v));
	assert_int_equal(v, 100);
	assert_false(parse_u64("101", 100, &v));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(parse_u64(bad[i], UINT64_MAX, &v));
	assert_int_equal(v, 100);
}

static void test_new_ids_have_their_shape(void **state)
{
	char ds[DATASET_ID_LEN + 1];
	char other[DATASET_ID_LEN + 1];
	char ver[VERSION_ID_LEN + 1];
	char uuid[UUID_LEN + 1];

	(void)state;
	for (int i = 0; i < 200; i++) {
		id_new_dataset(ds);
		id_new_dataset(other);
		id_new_version(ver);
		id_new_uuid(uuid);
		assert_true(id_is_dataset(ds));
		assert_string_not_equal(ds, other);
		assert_true(id_is_version(ver));
		assert_true(id_is_uuid(uuid));
		assert_int_equal(uuid[14], '4');
		assert_non_null(strchr("89ab", uuid[19]));
		assert_int_equal(strlen(ds), DATASET_ID_LEN);
		assert_int_equal(strlen(uuid), UUID_LEN);
	}
}

static void test_what_is_an_id(void **state)
{
	(void)state;
	assert_true(id_is_dataset("ds0123456789abc"));
	assert_false(id_is_dataset("ds0123456789ab"));
	assert_false(id_is_dataset("ds0123456789abcd"));
	assert_false(id_is_dataset("dS0123456789abc"));
	assert_false(id_is_dataset("xs0123456789abc"));
	assert_false(id_is_dataset(""));
	assert_true(id_is_version("abc1234"));
	assert_false(id_is_version("abc123"));
	assert_false(id_is_version("abc12345"));
	assert_false(id_is_version("ABC1234"));
	assert_false(id_is_version("abc-234"));
	assert_true(id_is_uuid("01234567-89ab-4cde-8f01-23456789abcd"));
	assert_false(id_is_uuid("01234567-89ab-4cde-8f01-23456789abc"));
	assert_false(id_is_uuid("0123456789ab-4cde-8f01-23456789abcd-"));
	assert_false(id_is_uuid(""));
}

static void test_what_is_a_name(void **state)
{
	char longest[NAME_MAX_LEN + 2];

	(void)state;
	assert_true(id_is_name("a"));
	assert_true(id_is_name("My data_set-1.0"));
	assert_false(id_is_name(""));
	assert_false(id_is_name(".hidden"));
	assert_false(id_is_name("-option"));
	assert_false(id_is_name(" blank"));
	assert_false(id_is_name("blank "));
	assert_false(id_is_name("a/b"));
	assert_false(id_is_name("a:b"));
	assert_false(id_is_name("a\nb"));
	assert_false(id_is_name("\xc3\xa4"));
	assert_false(id_is_name("ds0123456789abc"));
	memset(longest, 'n', sizeof longest);
	longest[NAME_MAX_LEN] = '\0';
	assert_true(id_is_name(longest));
	longest[NAME_MAX_LEN] = 'n';
	longest[NAME_MAX_LEN + 1] = '\0';
	assert_false(id_is_name(longest));
}

static void test_errors_gain_words(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(error_sys(&err, -ENOSPC, "cannot link '%s'", "x"), SLUICE_SYSTEM);
	assert_int_equal(err.sys, ENOSPC);
	assert_int_equal(error_wrap(&err, "cannot commit '%s'", "model"), SLUICE_SYSTEM);
	assert_string_equal(err.msg,
	                    "cannot commit 'model': cannot link 'x': No space left on device "
	                    "(blocks or inodes); free some there and do it again");
	assert_int_equal(error_set(&err, SLUICE_NOT_FOUND, "no run '%d'", 3), SLUICE_NOT_FOUND);
	assert_string_equal(err.msg, "no run '3'");
	assert_int_equal(err.sys, 0);
}

static void test_long_errors_lose_their_end(void **state)
{
	struct error err;
	char words[2000];

	(void)state;
	memset(words, 'w', sizeof words);
	words[sizeof words - 1] = '\0';
	(void)error_set(&err, SLUICE_INVALID, "%s", words);
	assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
	(void)error_wrap(&err, "front");
	assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
	assert_memory_equal(err.msg, "front: www", 10);
	(void)error_wrap(&err, "%s", words);
	assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
}

static void test_time_text(void **state)
{
	char buf[CLOCK_TEXT_SIZE];

	(void)state;
	assert_string_equal(clock_format(0, buf), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_format(1647937733042, buf), "2022-03-22T08:28:53.042Z");
	assert_int_equal(clock_parse("2022-03-22T08:28:53.042Z"), 1647937733000);
	assert_int_equal(clock_parse("2022-03-22T09:28:53+01:00"), 1647937733000);
	assert_int_equal(clock_parse("0001-01-01T00:00:00Z"), 0);
	assert_int_equal(clock_parse("today"), 0);
	assert_int_equal(clock_parse(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_long_words_stay_in_bounds),
		cmocka_unit_test(test_parse_u64),
		cmocka_unit_test(test_new_ids_have_their_shape),
		cmocka_unit_test(test_what_is_an_id),
		cmocka_unit_test(test_what_is_a_name),
		cmocka_unit_test(test_errors_gain_words),
		cmocka_unit_test(test_long_errors_lose_their_end),
		cmocka_unit_test(test_time_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
