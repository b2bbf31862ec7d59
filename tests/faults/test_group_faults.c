/*
 * Versions that are committed together, killed or failing at each call that changes the file
 * system: after a failure none is there; after a kill there are none, or all, or those that are
 * missing wait with their bytes in the store and can be committed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dataset/dataset.h"
#include "tests/faults/child.h"

enum { N = 3, PATH_SIZE = 64, STEP = 3 };

struct fixture {
	char home[PATH_SIZE];
	struct datasets *d;
	struct error err;
	int committed; /* versions that there must be */
	int failed, killed, partly;
};

static void ok(struct fixture *f, int rc)
{
	if (rc != 0)
		fail_msg("%s", f->err.msg);
}

static void make_home(struct fixture *f)
{
	static const char *const names[] = { "a", "b" };

	(void)snprintf(f->home, sizeof f->home, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(f->home));
	ok(f, datasets_open(f->home, &f->d, &f->err));
	for (int i = 0; i < 2; i++) {
		struct dataset ds;

		ok(f, datasets_create(f->d, names[i], NULL, NULL, &ds, &f->err));
	}
	datasets_close(f->d);
}

/* Whether the helper said that all is committed. */
static bool all_are_committed(const struct fault_child *child)
{
	return strcmp(child->out, "committed\n") == 0;
}

struct versions {
	struct dataset_version v[64];
	int n;
};

static int add_version(void *arg, const struct dataset_version *v)
{
	struct versions *list = arg;

	list->n++;
	if (list->n <= 64)
		list->v[list->n - 1] = *v;
	return 0;
}

static void list(struct fixture *f, bool committed, struct versions *ret_list)
{
	static const char *const names[] = { "a", "b" };

	ret_list->n = 0;
	for (int i = 0; i < 2; i++) {
		struct dataset ds;

		ok(f, datasets_find(f->d, names[i], &ds, &f->err));
		ok(f, datasets_each_version(f->d, &ds, committed, add_version, ret_list, &f->err));
	}
}

/* Of some that are there and some that are not, those that are not can follow. */
static void go_on(struct fixture *f, struct versions *open)
{
	for (int i = 0; i < open->n; i++) {
		assert_true(datasets_is_taken(f->d, &open->v[i]));
		ok(f, datasets_commit(f->d, &open->v[i], NULL, NULL, &f->err));
	}
	f->partly++;
}

static void look(struct fixture *f, bool said, bool was_killed)
{
	static struct versions is, open;

	ok(f, datasets_open(f->home, &f->d, &f->err));
	list(f, true, &is);
	list(f, false, &open);
	if (said || (was_killed && is.n > f->committed)) {
		if (was_killed && is.n < f->committed + N)
			go_on(f, &open);
		f->committed += N;
		list(f, true, &is);
	}
	assert_int_equal(is.n, f->committed);
	list(f, false, &open);
	for (int i = 0; i < open.n; i++)
		ok(f, datasets_drop_version(f->d, &open.v[i], &f->err));
	datasets_close(f->d);
}

static void suffer(struct fixture *f, const char *how, unsigned long k)
{
	const char *const argv[] = { COMMIT_GROUP, f->home, NULL };
	AUTO_FREE char *fault = xasprintf("%s:%lu", how, k);
	struct fault_child child = fault_child_run(argv, "FAULT", fault);
	bool was_killed = fault_child_was_killed(&child, fault);
	bool said = all_are_committed(&child);

	if (!was_killed)
		assert_int_equal(WEXITSTATUS(child.status), said ? 0 : 1);
	f->killed += was_killed;
	f->failed += !was_killed && !said;
	look(f, said, was_killed);
}

static void all_or_none(void **state)
{
	static const char *const hows[] = { "kill", "ENOSPC", "EIO" };
	unsigned long step = getenv("SLUICE_CAMPAIGN") ? 1 : STEP;
	struct fixture f = { 0 };
	const char *const argv[] = { COMMIT_GROUP, f.home, NULL };
	struct fault_child child;
	AUTO_FREE char *path = NULL;
	unsigned long calls;

	(void)state;
	make_home(&f);
	path = xasprintf("%s/count", f.home);
	calls = fault_child_count(argv, path, &child);
	assert_true(all_are_committed(&child));
	look(&f, true, false);
	for (size_t i = 0; i < 3; i++)
		for (unsigned long k = 1; k <= calls; k += step)
			suffer(&f, hows[i], k);
	print_message("%lu calls: %d killed, %d of them with some committed; %d failed\n", calls,
	              f.killed, f.partly, f.failed);
	assert_true(f.killed > 0 && f.failed > 0);
	assert_int_equal(io_remove_tree(AT_FDCWD, f.home), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_or_none) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
