/* Finding a runtime that works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "executor/runtime.h"

enum { SKIPPED = 77 };

static char home[] = "/var/tmp/sluice-runtime-XXXXXX";

static void test_found(void **state)
{
	struct error err;

	(void)state;
	for (int i = 0; i < 2; i++) { /* the second is remembered */
		AUTO_FREE char *path = NULL;

		if (runtime_find(NULL, home, SHIM_PATH, NULL, &path, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(path[0], '/');
	}
}

static void test_no_runtime(void **state)
{
	char *path;
	struct error err;

	(void)state;
	assert_int_equal(runtime_find("no-such-runtime", home, SHIM_PATH, NULL, &path, &err),
	                 SLUICE_MISSING);
	assert_string_equal(err.msg, "the runtime 'no-such-runtime' does not work here: "
	                             "no-such-runtime: not found");
	assert_int_equal(runtime_find("/bin/true", home, SHIM_PATH, NULL, &path, &err),
	                 SLUICE_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_no_runtime),
	};
	int failed;

	if (geteuid() != 0) {
		printf("skipped: containers need root here\n");
		return SKIPPED;
	}
	if (!mkdtemp(home))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)!io_remove_tree(AT_FDCWD, home);
	return failed;
}
