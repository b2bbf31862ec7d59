/* The runtime's copy in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "executor/runtime.h"

enum { LOWEST = 40 };

struct box {
	char dir[64];
};

static int make_box(void **state)
{
	struct box *b = xcalloc(1, sizeof *b);

	(void)snprintf(b->dir, sizeof b->dir, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	*state = b;
	return 0;
}

static int free_box(void **state)
{
	struct box *b = *state;

	assert_int_equal(io_remove_tree(AT_FDCWD, b->dir), 0);
	free(b);
	return 0;
}

/* FROM under another name: what runtime_copy() says of it. */
static int copy_as(const struct box *b, const char *from, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", b->dir, name);
	AUTO_FD int in = open(from, O_RDONLY | O_CLOEXEC);
	AUTO_FD int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	assert_int_equal(io_copy(in, out), 0);
	return runtime_copy(path, LOWEST);
}

static void test_is_sealed_and_runs(void **state)
{
	char name[] = "crun";
	char *const argv[] = { name, NULL };
	char *const env[] = { NULL };
	AUTO_FD int copy = copy_as(*state, "/bin/true", "crun");
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d", copy);
	int status = -1;
	pid_t pid;

	assert_true(copy >= LOWEST);
	assert_int_equal(fcntl(copy, F_GETFD), FD_CLOEXEC);
	/* Just these: with others runc takes it for no copy. */
	assert_int_equal(fcntl(copy, F_GET_SEALS),
	                 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_int_equal(write(copy, "x", 1), -1);
	assert_int_equal(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), -1);
	pid = fork();
	if (pid == 0) {
		(void)execve(path, argv, env);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_others_are_not_copied(void **state)
{
	AUTO_FREE char *script = xasprintf("%s/script", ((struct box *)*state)->dir);
	FILE *f = fopen(script, "w");

	assert_non_null(f);
	assert_true(fputs("#!/bin/sh\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(copy_as(*state, script, "runc"), -1);
	assert_int_equal(copy_as(*state, "/bin/true", "other"), -1);
	assert_int_equal(runtime_copy("/nowhere/crun", LOWEST), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_is_sealed_and_runs, make_box, free_box),
		cmocka_unit_test_setup_teardown(test_others_are_not_copied, make_box, free_box),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
