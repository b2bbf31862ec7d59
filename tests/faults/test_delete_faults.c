/*
 * A deletion and the garbage collection after it that are killed, or meet a full or failing disk,
 * at each call that changes the file system: the version, or the dataset, is there whole or gone;
 * what is not meant stays whole; and the next collection leaves nothing behind.
 *
 * A part of the calls is tried by default, each of them with SLUICE_CAMPAIGN=1.
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/dataset.h"
#include "tests/faults/child.h"
#include "tests/support/dataset_home.h"

enum { FILES = 20, PATH_SIZE = 128 };

struct fixture {
	bool whole; /* the dataset is deleted, else one version of it */
	char root[64];
	char home[PATH_SIZE];
	struct datasets *d;
	struct dataset_version keep;
	struct dataset_version doomed;
	char ref[PATH_SIZE]; /* what is deleted */
	struct error err;
	int rounds, killed, survived;
};

/* Half of the files are those of every version. */
static struct dataset_version commit(struct fixture *f, const char *dataset, int round)
{
	AUTO_FREE char *dir = NULL;
	struct dataset ds;
	struct dataset_version v;

	if (datasets_find(f->d, dataset, &ds, &f->err) != 0)
		OK(f, datasets_create(f->d, dataset, NULL, NULL, &ds, &f->err));
	OK(f, datasets_open_version(f->d, &ds, NULL, NULL, &v, &f->err));
	OK(f, datasets_open_path(f->d, &v, &dir, &f->err));
	for (int i = 0; i < FILES; i++) {
		AUTO_FREE char *path = xasprintf("%s/%d", dir, i);
		AUTO_FREE char *text = xasprintf("%d of %d", i, i % 2 ? round : 0);
		AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		assert_true(fd >= 0);
		assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	}
	OK(f, datasets_commit(f->d, &v, NULL, NULL, &f->err));
	return v;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->whole = *(const bool *)*state;
	strcpy(f->root, "/tmp/sluice-test-faults-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	(void)snprintf(f->home, sizeof f->home, "%s/home", f->root);
	OK(f, datasets_open(f->home, &f->d, &f->err));
	f->keep = commit(f, f->whole ? "keep" : "d", 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	datasets_close(f->d);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->root), 0);
	free(f);
	return 0;
}

static void make_doomed(struct fixture *f)
{
	f->rounds++;
	f->doomed = commit(f, "d", f->rounds);
	(void)snprintf(f->ref, sizeof f->ref, "d%s%s", f->whole ? "" : ":",
	               f->whole ? "" : f->doomed.id);
	OK(f, datasets_set_tag(f->d, &f->doomed, "golden", &f->err));
	OK(f, datasets_set_tag(f->d, &f->doomed, "best", &f->err));
	datasets_close(f->d);
	f->d = NULL;
}

/* --- the helper ------------------------------------------------------------------------------ */

static unsigned long count_calls(struct fixture *f)
{
	const char *const argv[] = { DELETE_VERSION, f->home, f->ref, NULL };
	AUTO_FREE char *path = xasprintf("%s/count", f->root);
	struct fault_child child;
	unsigned long calls;

	make_doomed(f);
	calls = fault_child_count(argv, path, &child);
	assert_non_null(strstr(child.out, "collected"));
	OK(f, datasets_open(f->home, &f->d, &f->err));
	return calls;
}

/* --- what must hold after a fault ------------------------------------------------------------- */

static int count_intent(void *arg, const char *what)
{
	(void)what;
	++*(int *)arg;
	return 0;
}

static int count_tag(void *arg, const char *tag, const struct dataset_version *v)
{
	(void)tag;
	(void)v;
	++*(int *)arg;
	return 0;
}

/* Whole, and then deleted for good; or gone. */
static void expect_whole_or_gone(struct fixture *f, const struct fault_child *child)
{
	AUTO_FREE char *ref = xasprintf("d:%s", f->doomed.id);
	struct dataset_version v;
	struct dataset ds;
	int tags = 0;
	int rc = datasets_resolve(f->d, ref, &v, &f->err);

	if (rc != 0) {
		assert_int_equal(rc, SLUICE_NOT_FOUND);
		assert_int_equal(datasets_resolve(f->d, "d:golden", &v, &f->err), rc);
		assert_int_equal(datasets_resolve(f->d, "d:best", &v, &f->err), rc);
		return;
	}
	assert_null(strstr(child->out, "deleted"));
	f->survived++;
	OK(f, store_verify(datasets_store(f->d), &v.manifest, &f->err));
	OK(f, datasets_find(f->d, "d", &ds, &f->err));
	OK(f, datasets_each_tag(f->d, &ds, count_tag, &tags, &f->err));
	assert_int_equal(tags, 2);
	OK(f, f->whole ? datasets_delete(f->d, &ds, DATASET_DELETE_TAGS, &f->err)
	               : datasets_delete_version(f->d, &v, DATASET_DELETE_TAGS, &f->err));
}

static bool nobody_is_dead(void *arg, const char *run)
{
	(void)arg;
	(void)run;
	return false;
}

static void expect_clean(struct fixture *f)
{
	const struct datasets_gc_how how = { .is_dead = nobody_is_dead };
	struct datasets_gc_result result;
	int intents = 0;

	OK(f, datasets_gc(f->d, &how, &result, &f->err));
	OK(f, store_verify(datasets_store(f->d), &f->keep.manifest, &f->err));
	OK(f, catalog_each_intent(datasets_catalog(f->d), count_intent, &intents, &f->err));
	assert_int_equal(intents, 0);
	assert_int_equal(dataset_home_count_files(f->home, "store/objects"), FILES);
	assert_int_equal(dataset_home_count_files(f->home, "store/manifests"), 2);
	assert_int_equal(dataset_home_count_files(f->home, "store/trees"), FILES);
	assert_int_equal(dataset_home_count_files(f->home, "tmp"), 0);
	assert_int_equal(dataset_home_count_files(f->home, "store/datasets"),
	                 3); /* its record, the version's, the lock */
}

static void suffer(struct fixture *f, const char *how, unsigned long k)
{
	const char *const argv[] = { DELETE_VERSION, f->home, f->ref, NULL };
	struct fault_child child;
	char fault[32];

	make_doomed(f);
	(void)snprintf(fault, sizeof fault, "%s:%lu", how, k);
	child = fault_child_run(argv, "FAULT", fault);
	f->killed += fault_child_was_killed(&child, fault);
	OK(f, datasets_open(f->home, &f->d, &f->err));
	expect_whole_or_gone(f, &child);
	expect_clean(f);
}

static void it_is_whole_or_gone(void **state)
{
	static const struct {
		const char *how;
		unsigned long step;
	} faults[] = { { "kill", 3 }, { "ENOSPC", 11 }, { "EIO", 5 } };
	struct fixture *f = *state;
	bool all = getenv("SLUICE_CAMPAIGN") != NULL;
	unsigned long calls = count_calls(f);

	assert_true(calls > 30);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		for (unsigned long k = 1; k <= calls; k += all ? 1 : faults[i].step)
			suffer(f, faults[i].how, k);
	print_message("%lu calls, %d rounds, killed in %d of them, still there after %d\n", calls,
	              f->rounds, f->killed, f->survived);
	assert_true(f->survived > 0);
	assert_true((unsigned long)f->killed > calls / (all ? 1 : faults[0].step) * 3 / 4);
}

int main(void)
{
	static bool version = false;
	static bool dataset = true;
	const struct CMUnitTest tests[] = {
		{ "a_version_is_whole_or_gone", it_is_whole_or_gone, setup, teardown, &version },
		{ "a_dataset_is_whole_or_gone", it_is_whole_or_gone, setup, teardown, &dataset },
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
