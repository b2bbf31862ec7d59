/*
 * The fetch of a public dataset that is killed, or meets a full or failing disk, at each call that
 * changes the file system (a part of them by default, each with SLUICE_CAMPAIGN=1): the next one
 * has it whole, as one version, and nothing is left of both.
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
#include "base/xalloc.h"
#include "dataset/public.h"
#include "tests/faults/child.h"
#include "tests/support/dataset_home.h"
#include "tests/support/tar_maker.h"

enum { FILES = 3, IN_TAR = 2, PATH_SIZE = 128, STEP = 7 };

struct fixture {
	char root[64];
	char home[PATH_SIZE];
	char catalog[PATH_SIZE];
	struct datasets *d;
	struct error err;
	int files; /* that there must be */
	int killed, failed;
};

static int catalog_path(void *arg, const char **ret_path, struct error *err)
{
	const struct fixture *f = arg;

	(void)err;
	*ret_path = f->catalog;
	return 0;
}

/* With two more files, in an archive. */
static void put_tar(const struct fixture *f, struct strbuf *catalog)
{
	static const struct tar_entry entries[] = {
		{ .path = "sub/x", .data = "x" },
		{ .path = "sub/deep/y", .data = "y" },
		{ .path = NULL },
	};
	AUTO_FREE char *path = xasprintf("%s/tar", f->root);
	struct bytes tar = tar_make(entries);
	struct digest digest = bytes_digest(tar);
	char hex[DIGEST_HEX_LEN + 1];

	assert_int_equal(io_put_file_fast(AT_FDCWD, path, tar.at, tar.len, 0644), 0);
	strbuf_addf(catalog, "    - {url: 'file://%s', sha256: %s, unpack: true}\n", path,
	            digest_hex(&digest, hex));
	free(tar.at);
}

static void put_sources(const struct fixture *f, bool with_tar)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);

	strbuf_addf(&text, "namespace: gradient\ndatasets:\n  d:\n    files:\n");
	for (int i = 0; i < FILES; i++) {
		AUTO_FREE char *path = xasprintf("%s/%d", f->root, i);
		struct digest digest = digest_of(path, strlen(path));
		char hex[DIGEST_HEX_LEN + 1];

		assert_int_equal(io_put_file_fast(AT_FDCWD, path, path, strlen(path), 0644), 0);
		strbuf_addf(&text, "    - {url: 'file://%s', path: sub/%d, sha256: %s}\n", path, i,
		            digest_hex(&digest, hex));
	}
	if (with_tar)
		put_tar(f, &text);
	assert_int_equal(io_put_file_fast(AT_FDCWD, f->catalog, text.buf, text.len, 0644), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct datasets_public how = { .catalog = catalog_path, .arg = f, .fetch = true };

	assert_non_null(f);
	strcpy(f->root, "/tmp/sluice-test-faults-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	(void)snprintf(f->home, sizeof f->home, "%s/home", f->root);
	(void)snprintf(f->catalog, sizeof f->catalog, "%s/catalog.yaml", f->root);
	put_sources(f, false);
	OK(f, datasets_open(f->home, &f->d, &f->err));
	datasets_use_public(f->d, &how);
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

static int count(void *arg, const struct dataset_version *v)
{
	(void)v;
	++*(int *)arg;
	return 0;
}

static int count_entry(void *arg, const struct store_entry *entry)
{
	(void)entry;
	++*(int *)arg;
	return 0;
}

static bool nobody_is_dead(void *arg, const char *run)
{
	(void)arg, (void)run;
	return false;
}

/* Asks again, looks at what came, and removes it for the next round. */
static void expect_whole(struct fixture *f, const char *fault)
{
	const struct datasets_gc_how gc = { .is_dead = nobody_is_dead };
	AUTO_FREE char *left = xasprintf("%s/public/gradient.d", f->home);
	struct datasets_gc_result result;
	struct dataset_version v;
	struct dataset dataset;
	int committed = 0, open = 0, files = 0;

	OK(f, datasets_resolve(f->d, "gradient/d", &v, &f->err));
	OK(f, store_verify(datasets_store(f->d), &v.manifest, &f->err));
	OK(f, datasets_each_file(f->d, &v, "sub", count_entry, &files, &f->err));
	OK(f, datasets_find(f->d, "d", &dataset, &f->err));
	OK(f, datasets_each_version(f->d, &dataset, true, count, &committed, &f->err));
	OK(f, datasets_each_version(f->d, &dataset, false, count, &open, &f->err));
	if (files != f->files || committed != 1)
		fail_msg("%s: %d files, %d versions", fault, files, committed);
	/* One that was killed when all was done may leave its directory to the next fetch. */
	if (open > 0)
		fail_msg("%s: %d open versions", fault, open);
	OK(f, datasets_delete(f->d, &dataset, 0, &f->err));
	assert_int_equal(io_remove_tree(AT_FDCWD, left), 0);
	OK(f, datasets_gc(f->d, &gc, &result, &f->err));
}

static unsigned long count_calls(struct fixture *f)
{
	const char *const argv[] = { FETCH_PUBLIC, f->home, f->catalog, "gradient/d", NULL };
	AUTO_FREE char *path = xasprintf("%s/count", f->root);
	struct fault_child child;
	unsigned long calls = fault_child_count(argv, path, &child);

	expect_whole(f, "none");
	return calls;
}

static void suffer(struct fixture *f, const char *how, unsigned long k)
{
	const char *const argv[] = { FETCH_PUBLIC, f->home, f->catalog, "gradient/d", NULL };
	char fault[32];
	struct fault_child child;

	(void)snprintf(fault, sizeof fault, "%s:%lu", how, k);
	child = fault_child_run(argv, "FAULT", fault);
	if (fault_child_was_killed(&child, fault))
		f->killed++;
	else
		f->failed += WEXITSTATUS(child.status);
	expect_whole(f, fault);
}

static void suffer_all(struct fixture *f)
{
	static const char *const faults[] = { "kill", "ENOSPC", "EIO" };
	unsigned long step = getenv("SLUICE_CAMPAIGN") ? 1 : STEP;
	unsigned long calls = count_calls(f);

	assert_true(calls > FILES * 3);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		for (unsigned long k = 1; k <= calls; k += step)
			suffer(f, faults[i], k);
	print_message("%lu calls, killed %d times, failed %d times\n", calls, f->killed, f->failed);
	assert_true((unsigned long)f->killed > calls / step * 3 / 4);
	assert_true(f->failed > FILES);
}

static void the_next_has_it_whole(void **state)
{
	struct fixture *f = *state;

	f->files = FILES;
	suffer_all(f);
}

static void also_what_is_unpacked(void **state)
{
	struct fixture *f = *state;

	put_sources(f, true);
	f->files = FILES + IN_TAR;
	suffer_all(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_next_has_it_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(also_what_is_unpacked, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
