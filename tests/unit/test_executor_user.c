/* An image's user against its passwd and group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "executor/user.h"

static const char passwd[] = "# a comment:x:5:5::/c:/bin/sh\n"
			     "root:x:0:0:root:/root:/bin/sh\n"
			     "broken line\n"
			     "daemon:x:1:1\n"
			     "app:x:1000:100:The App:/home/app:/bin/sh\n"
			     "123:x:7:8::/seven:\n"
			     "homeless:x:9:9:::\n"
			     "last:x:2000:2000::/last:/bin/sh";
static const char group[] = "root:x:0:\nusers:x:100:app,last\nvideo:x:44:last,app\n"
			    "apple:x:45:apple\nlast:x:2000:";

static void expect(const char *spec, uint32_t uid, uint32_t gid, const char *home, size_t n_groups)
{
	struct user u;
	struct error err;

	assert_int_equal(user_find(spec, passwd, group, &u, &err), 0);
	assert_int_equal(u.uid, uid);
	assert_int_equal(u.gid, gid);
	assert_string_equal(u.home, home);
	assert_int_equal(u.n_groups, n_groups);
}

static void test_found(void **state)
{
	(void)state;
	expect("", 0, 0, "/root", 0);
	expect("root", 0, 0, "/root", 0);
	expect("0", 0, 0, "/root", 0);
	expect("app", 1000, 100, "/home/app", 2);
	expect("1000", 1000, 100, "/home/app", 2);
	expect("last", 2000, 2000, "/last", 2);
	expect("daemon", 1, 1, "/", 0);
	expect("homeless", 9, 9, "/", 0);
}

static void test_numbers_without_entry(void **state)
{
	(void)state;
	expect("4711", 4711, 0, "/", 0);
	expect("4711:815", 4711, 815, "/", 0);
	expect("2147483647", 2147483647, 0, "/", 0);
	expect("123", 123, 0, "/", 0); /* a number is never a name */
	expect("7", 7, 8, "/seven", 0);
}

static void test_groups(void **state)
{
	struct user u;
	struct error err;

	(void)state;
	expect("app:video", 1000, 44, "/home/app", 0);
	expect("app:45", 1000, 45, "/home/app", 0);
	expect(":video", 0, 44, "/root", 0);
	expect("app:", 1000, 100, "/home/app", 2);
	assert_int_equal(user_find("app", passwd, group, &u, &err), 0);
	assert_int_equal(u.groups[0], 100);
	assert_int_equal(u.groups[1], 44);
}

static void test_missing(void **state)
{
	struct user u;
	struct error err;
	char longest[400];

	(void)state;
	assert_int_equal(user_find("nobody", passwd, group, &u, &err), SLUICE_INVALID);
	assert_string_equal(err.msg, "the image has no user 'nobody' in its /etc/passwd");
	assert_int_equal(user_find("app:audio", passwd, group, &u, &err), SLUICE_INVALID);
	assert_string_equal(err.msg, "the image has no group 'audio' in its /etc/group");
	assert_int_equal(user_find("2147483648", passwd, group, &u, &err), SLUICE_INVALID);
	assert_int_equal(user_find("-1", passwd, group, &u, &err), SLUICE_INVALID);
	assert_int_equal(user_find("app", "", "", &u, &err), SLUICE_INVALID);
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(user_find(longest, passwd, group, &u, &err), SLUICE_INVALID);
}

static void test_no_files(void **state)
{
	struct user u;
	struct error err;

	(void)state;
	assert_int_equal(user_find("", "", "", &u, &err), 0);
	assert_int_equal(u.uid, 0);
	assert_string_equal(u.home, "/");
	assert_int_equal(user_find("5:6", "", "", &u, &err), 0);
	assert_int_equal(u.gid, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),    cmocka_unit_test(test_numbers_without_entry),
		cmocka_unit_test(test_groups),   cmocka_unit_test(test_missing),
		cmocka_unit_test(test_no_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
