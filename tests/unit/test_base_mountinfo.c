#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mountinfo.h"

static void test_fields(void **state)
{
	const char *at =
		"36 35 98:0 /a\\040b /mnt\\134x rw,noatime master:1 shared:2 - ext3 dev rw\n"
		"37 35 0:5 / /proc rw - proc proc rw";
	struct mountinfo m;

	(void)state;
	assert_true(mountinfo_next(&at, &m));
	assert_int_equal(m.id, 36);
	assert_string_equal(m.root, "/a b");
	assert_string_equal(m.point, "/mnt\\x");
	assert_string_equal(m.type, "ext3");
	assert_true(mountinfo_next(&at, &m));
	assert_int_equal(m.id, 37);
	assert_string_equal(m.root, "/");
	assert_string_equal(m.point, "/proc");
	assert_string_equal(m.type, "proc");
	assert_false(mountinfo_next(&at, &m));
	assert_false(mountinfo_next(&at, &m));
}

static void test_lines_that_are_none(void **state)
{
	static const char *const bad[] = {
		"",
		"\n\n",
		"1 2 3:4 /root /point rw ext4 dev rw\n",
		"1 2 3:4 -",
		"1 2 3:4 - a b c",
		"1 2 3:4 /root - ext4 dev rw",
	};
	char text[256];
	struct mountinfo m;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const char *at = text;

		(void)snprintf(text, sizeof text, "%s\n9 1 0:8 / /tmp rw - tmpfs t rw\n", bad[i]);
		assert_true(mountinfo_next(&at, &m));
		assert_int_equal(m.id, 9);
		assert_false(mountinfo_next(&at, &m));
	}
}

/* The kernel's paths are no longer than PATH_MAX; with what comes after a cut one the line would
 * mean another thing. */
static void test_too_long(void **state)
{
	static char text[2 * PATH_MAX];
	const char *at = text;
	size_t len = 0;
	struct mountinfo m;

	(void)state;
	len += (size_t)snprintf(text, sizeof text, "1 0 8:1 /");
	memset(text + len, 'x', PATH_MAX);
	len += PATH_MAX;
	(void)snprintf(text + len, sizeof text - len,
	               " /p rw - ext4 d rw\n2 0 8:1 / /q rw - xfs d rw\n");
	assert_true(mountinfo_next(&at, &m));
	assert_string_equal(m.point, "/q");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_lines_that_are_none),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
