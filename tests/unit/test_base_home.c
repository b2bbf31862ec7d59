/* Where the home is, how it is made, and whose it may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/home.h"
#include "base/io.h"
#include "base/xalloc.h"

static char root[] = "/tmp/sluice-test-XXXXXX";
static char *home; /* root/a/home, not there yet */

static int set_up(void **state)
{
	(void)state;
	(void)strcpy(root + sizeof root - 7, "XXXXXX");
	if (!mkdtemp(root))
		return -1;
	home = xasprintf("%s/a/home", root);
	return setenv("SLUICE_HOME", home, 1);
}

static int tear_down(void **state)
{
	(void)state;
	free(home);
	return io_remove_tree(AT_FDCWD, root);
}

static void put(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", home, name);

	assert_int_equal(io_mkdirs(home, 0755), 0);
	assert_int_equal(io_put_file_fast(AT_FDCWD, path, text, strlen(text), 0644), 0);
	free(path);
}

static void assert_opens(void)
{
	char *path = NULL;
	struct error err = { .msg = "" };

	if (home_open(&path, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(path, home);
	free(path);
}

static void assert_refused(const char *word)
{
	char *path = NULL;
	struct error err;

	assert_int_equal(home_open(&path, &err), SLUICE_INVALID);
	assert_null(path);
	assert_non_null(strstr(err.msg, word));
}

static void test_is_made_and_found_again(void **state)
{
	struct strbuf sb = STRBUF_INIT(100);
	char *format = xasprintf("%s/format", home);
	struct stat st;

	(void)state;
	assert_opens();
	assert_int_equal(io_read_file(AT_FDCWD, format, &sb), 0);
	assert_string_equal(strbuf_str(&sb),
	                    geteuid() == 0 ? "sluice-home 1 root\n" : "sluice-home 1 rootless\n");
	assert_int_equal(stat(home, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_opens();
	strbuf_release(&sb);
	free(format);
}

static void test_the_other_flavour_is_refused(void **state)
{
	(void)state;
	put("format", geteuid() == 0 ? "sluice-home 1 root\n" : "sluice-home 1 rootless\n");
	assert_opens();
	put("format", geteuid() == 0 ? "sluice-home 1 rootless\n" : "sluice-home 1 root\n");
	assert_refused("ordinary user");
}

static void test_one_with_providers_has_a_higher_format(void **state)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(100);
	AUTO_FREE char *format = xasprintf("%s/format", home);
	struct error err;

	(void)state;
	assert_opens();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(home_needs_providers(home, &err), 0);
		strbuf_clear(&sb);
		assert_int_equal(io_read_file(AT_FDCWD, format, &sb), 0);
		assert_string_equal(strbuf_str(&sb), geteuid() == 0 ? "sluice-home 2 root\n"
		                                                    : "sluice-home 2 rootless\n");
		assert_opens();
	}
	put("format", geteuid() == 0 ? "sluice-home 2 rootless\n" : "sluice-home 2 root\n");
	assert_refused("ordinary user");
}

static void test_unknown_formats_are_refused(void **state)
{
	char long_text[300];

	(void)state;
	put("format", "sluice-home 3 root\n");
	assert_refused("format");
	put("format", "");
	assert_refused("format");
	memset(long_text, 'x', sizeof long_text);
	long_text[sizeof long_text - 1] = '\0';
	put("format", long_text);
	assert_refused("format");
}

static void test_other_files_are_not_taken(void **state)
{
	(void)state;
	put("thesis.tex", "precious");
	assert_refused("not sluice's");
}

static void test_what_a_file_system_leaves_is_harmless(void **state)
{
	char *lost = xasprintf("%s/lost+found", home);

	(void)state;
	assert_int_equal(io_mkdirs(lost, 0700), 0);
	put(".tmp-abcdefg", "another first user");
	assert_opens();
	free(lost);
}

static void test_a_foreign_home_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_opens();
	assert_int_equal(chown(home, 12345, 12345), 0);
	assert_refused("12345");
}

static void test_links_are_resolved(void **state)
{
	char *link = xasprintf("%s/link", root);

	(void)state;
	assert_opens();
	assert_int_equal(symlink(home, link), 0);
	assert_int_equal(setenv("SLUICE_HOME", link, 1), 0);
	assert_opens();
	free(link);
}

static void test_relative_becomes_absolute(void **state)
{
	char cwd[4096];

	(void)state;
	assert_non_null(getcwd(cwd, sizeof cwd));
	assert_int_equal(chdir(root), 0);
	assert_int_equal(setenv("SLUICE_HOME", "a/home", 1), 0);
	assert_opens();
	assert_int_equal(chdir(cwd), 0);
}

static void test_where_it_is_without_being_told(void **state)
{
	char *path = NULL;
	struct error err;

	(void)state;
	assert_int_equal(setenv("SLUICE_HOME", "", 1), 0);
	assert_int_equal(setenv("XDG_DATA_HOME", "/xdg", 1), 0);
	assert_int_equal(home_path(&path, &err), 0);
	assert_string_equal(path, geteuid() == 0 ? "/var/lib/sluice" : "/xdg/sluice");
	free(path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_is_made_and_found_again),
		TEST(test_the_other_flavour_is_refused),
		TEST(test_one_with_providers_has_a_higher_format),
		TEST(test_unknown_formats_are_refused),
		TEST(test_other_files_are_not_taken),
		TEST(test_what_a_file_system_leaves_is_harmless),
		TEST(test_a_foreign_home_is_refused),
		TEST(test_links_are_resolved),
		TEST(test_relative_becomes_absolute),
		TEST(test_where_it_is_without_being_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
