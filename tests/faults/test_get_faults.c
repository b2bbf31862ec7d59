/*
 * A copy out of the store that is killed, or meets a full or failing disk, at each call that
 * changes the file system: each file at its target is whole, the old or the new; the same copy
 * again makes it complete, and nothing is there then that is not of the version.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
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

enum { FILES = 12, PATH_SIZE = 128, TEXT_SIZE = 64 };

struct fixture {
	char root[64];
	char home[PATH_SIZE];
	char target[PATH_SIZE];
	char ref[PATH_SIZE];
	struct datasets *d;
	struct dataset_version v;
	struct error err;
	int killed, failed;
};

/* Half of them are symbolic links, whose text is the content. */
static void text_of(int i, const char *which, char text[TEXT_SIZE])
{
	(void)snprintf(text, TEXT_SIZE, "the %s content of file %d", which, i);
}

static void make_one(const char *path, int i, const char *which)
{
	char text[TEXT_SIZE];

	text_of(i, which, text);
	if (i % 2) {
		assert_int_equal(symlink(text, path), 0);
	} else {
		AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		assert_true(fd >= 0);
		assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	}
}

static void make_files(const char *dir, int n, const char *which)
{
	AUTO_FREE char *sub = xasprintf("%s/sub", dir);

	assert_int_equal(io_mkdirs(sub, 0755), 0);
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *path = xasprintf("%s/sub/%d", dir, i);

		make_one(path, i, which);
	}
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	AUTO_FREE char *dir = NULL;
	struct dataset ds;

	assert_non_null(f);
	strcpy(f->root, "/tmp/sluice-test-faults-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	(void)snprintf(f->home, sizeof f->home, "%s/home", f->root);
	(void)snprintf(f->target, sizeof f->target, "%s/target", f->root);
	OK(f, datasets_open(f->home, &f->d, &f->err));
	OK(f, datasets_create(f->d, "d", NULL, NULL, &ds, &f->err));
	OK(f, datasets_open_version(f->d, &ds, NULL, NULL, &f->v, &f->err));
	OK(f, datasets_open_path(f->d, &f->v, &dir, &f->err));
	make_files(dir, FILES, "new");
	OK(f, datasets_commit(f->d, &f->v, NULL, NULL, &f->err));
	(void)snprintf(f->ref, sizeof f->ref, "d:%s", f->v.id);
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

/* Half of the files stand there already, with other content. */
static void make_target(const struct fixture *f)
{
	assert_int_equal(io_remove_tree(AT_FDCWD, f->target), 0);
	make_files(f->target, FILES / 2, "old");
}

static unsigned long count_calls(const struct fixture *f)
{
	const char *const argv[] = { GET_VERSION, f->home, f->ref, f->target, NULL };
	AUTO_FREE char *path = xasprintf("%s/count", f->root);
	struct fault_child child;

	make_target(f);
	return fault_child_count(argv, path, &child);
}

/* Whether file i has this content; false too if it is not there. */
static bool has(const struct fixture *f, int i, const char *which)
{
	AUTO_FREE char *path = xasprintf("%s/sub/%d", f->target, i);
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1024);
	char expected[TEXT_SIZE];
	char link[TEXT_SIZE] = "";

	text_of(i, which, expected);
	if (i % 2)
		return readlink(path, link, sizeof link - 1) > 0 && strcmp(link, expected) == 0;
	return access(path, F_OK) == 0 && io_read_file(AT_FDCWD, path, &sb) == 0 &&
	       strcmp(strbuf_str(&sb), expected) == 0;
}

static bool is_absent(const struct fixture *f, int i)
{
	AUTO_FREE char *path = xasprintf("%s/sub/%d", f->target, i);
	struct stat st;

	return lstat(path, &st) != 0;
}

static int n_names;

static int count_name(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path, (void)st, (void)ftw;
	n_names += type != FTW_D;
	return 0;
}

static void suffer(struct fixture *f, const char *how, unsigned long k)
{
	const char *const argv[] = { GET_VERSION, f->home, f->ref, f->target, NULL };
	char fault[32];
	struct fault_child child;

	make_target(f);
	(void)snprintf(fault, sizeof fault, "%s:%lu", how, k);
	child = fault_child_run(argv, "FAULT", fault);
	if (fault_child_was_killed(&child, fault))
		f->killed++;
	else
		f->failed += WEXITSTATUS(child.status);
	for (int i = 0; i < FILES; i++)
		if (!has(f, i, "new") && !(i < FILES / 2 ? has(f, i, "old") : is_absent(f, i)))
			fail_msg("%s: file %d is neither the old nor the new one", fault, i);
	OK(f, datasets_get(f->d, &f->v, "/", f->target, NULL, &f->err));
	for (int i = 0; i < FILES; i++)
		if (!has(f, i, "new"))
			fail_msg("%s: file %d was not copied afterwards", fault, i);
	n_names = 0;
	assert_int_equal(nftw(f->target, count_name, 16, FTW_PHYS), 0);
	if (n_names != FILES)
		fail_msg("%s: %d names where %d belong", fault, n_names, FILES);
}

static void it_goes_on_and_leaves_nothing(void **state)
{
	static const char *const faults[] = { "kill", "ENOSPC", "EIO" };
	struct fixture *f = *state;
	unsigned long calls = count_calls(f);

	assert_true(calls > FILES * 2);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		for (unsigned long k = 1; k <= calls; k++)
			suffer(f, faults[i], k);
	print_message("%lu calls, killed %d times, failed %d times\n", calls, f->killed, f->failed);
	assert_true((unsigned long)f->killed > calls * 3 / 4);
	assert_true(f->failed > FILES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_goes_on_and_leaves_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
