#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/dataset.h"
#include "tests/support/dataset_home.h"

static void put(const char *dir, const char *name, const char *text, mode_t mode)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

/* 5 MiB that begin with the text. */
static void put_large(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	put(dir, name, text, 0644);
	assert_int_equal(truncate(path, 5 << 20), 0);
}

/* An open version with a file that all share, and one of each kind that has `text` alone. */
static struct dataset_version fill(struct dataset_home *f, const char *text)
{
	AUTO_FREE char *dir = NULL;
	struct dataset_version v;

	OK(f, datasets_open_version(f->d, &f->ds, "m", NULL, &v, &f->err));
	OK(f, datasets_open_path(f->d, &v, &dir, &f->err));
	put(dir, "shared", "shared", 0644);
	put(dir, "own", text, 0644);
	put(dir, "tool", text, 0755);
	put_large(dir, "large", text);
	return v;
}

static struct dataset_version commit(struct dataset_home *f, const char *text)
{
	struct dataset_version v = fill(f, text);

	OK(f, datasets_commit(f->d, &v, NULL, NULL, &f->err));
	return v;
}

static const char *dead_run; /* or NULL */

static bool is_dead(void *arg, const char *run)
{
	(void)arg;
	return dead_run && strcmp(dead_run, run) == 0;
}

static struct datasets_gc_result gc(struct dataset_home *f, bool dry_run)
{
	struct progress progress = { .total = 0 };
	const struct datasets_gc_how how = {
		.is_dead = is_dead,
		.dry_run = dry_run,
		.progress = &progress,
	};
	struct datasets_gc_result result;

	OK(f, datasets_gc(f->d, &how, &result, &f->err));
	assert_true(atomic_load(&progress.total) > 0);
	assert_int_equal(atomic_load(&progress.done), atomic_load(&progress.total));
	return result;
}

static void expect_files(const struct dataset_home *f, int objects, int large, int manifests)
{
	assert_int_equal(dataset_home_count_files(f->home, "store/objects"), objects);
	assert_int_equal(dataset_home_count_files(f->home, "store/large"), large);
	assert_int_equal(dataset_home_count_files(f->home, "store/manifests"), manifests);
}

static bool exists(const struct dataset_home *f, const char *path)
{
	AUTO_FREE char *full = xasprintf("%s/%s", f->home, path);

	return access(full, F_OK) == 0;
}

static void what_only_a_deleted_version_had_goes(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version keep = commit(f, "keep");
	struct dataset_version drop = commit(f, "drop");
	struct datasets_gc_result r;

	/* shared; own, tool and chunk list of each */
	expect_files(f, 7, 2, 4);
	r = gc(f, false);
	assert_int_equal(r.store.objects + r.store.trees + r.store.leftovers, 0);
	OK(f, datasets_delete_version(f->d, &drop, 0, &f->err));

	r = gc(f, true);
	assert_int_equal(r.store.objects, 3 + 1 + 2);
	assert_int_equal(r.store.trees, 1);
	expect_files(f, 7, 2, 4);

	r = gc(f, false);
	assert_int_equal(r.store.objects, 3 + 1 + 2);
	assert_int_equal(r.store.trees, 1);
	assert_true(r.store.bytes > 0);
	expect_files(f, 4, 1, 2);
	assert_int_equal(dataset_home_count_files(f->home, "tmp"), 0);
	OK(f, store_verify(datasets_store(f->d), &keep.manifest, &f->err));

	drop = commit(f, "drop");
	OK(f, store_verify(datasets_store(f->d), &drop.manifest, &f->err));
	assert_int_equal(gc(f, false).store.objects, 0);
}

static void a_deleted_dataset_leaves_nothing(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version v = commit(f, "drop");

	OK(f, datasets_delete(f->d, &f->ds, 0, &f->err));
	/* Who asks for its lock makes its directory anew. */
	assert_int_equal(datasets_confirm(f->d, &v, &f->err), SLUICE_NOT_FOUND);
	assert_true(exists(f, "store/datasets"));
	assert_int_equal(gc(f, false).store.leftovers, 1);
	expect_files(f, 0, 0, 0);
	assert_int_equal(dataset_home_count_files(f->home, "store/datasets"), 0);
	assert_int_equal(dataset_home_count_files(f->home, "store/trees"), 0);
}

static void an_open_version_keeps_its_files_and_what_its_commit_has_taken(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version open = fill(f, "open");
	struct dataset_version half = fill(f, "half");
	struct store_tree_info info;
	int lock;

	/* Killed between its bytes and its record. */
	OK(f, datasets_commit_bytes(f->d, &half, NULL, NULL, &info, &lock, &f->err));
	assert_int_equal(close(lock), 0);
	assert_int_equal(gc(f, false).store.objects, 0);
	OK(f, datasets_commit(f->d, &half, NULL, NULL, &f->err));
	OK(f, datasets_commit(f->d, &open, NULL, NULL, &f->err));
	OK(f, store_verify(datasets_store(f->d), &half.manifest, &f->err));
	OK(f, store_verify(datasets_store(f->d), &open.manifest, &f->err));
}

static void an_open_version_of_a_dead_run_is_dropped(void **state)
{
	struct dataset_home *f = *state;
	const struct dataset_maker dead = { .run = "11111111-1111-4111-8111-111111111111" };
	const struct dataset_maker alive = { .run = "22222222-2222-4222-8222-222222222222" };
	AUTO_FREE char *ref = NULL;
	struct dataset_version v, of_dead, of_alive;

	OK(f, datasets_open_version(f->d, &f->ds, NULL, &dead, &of_dead, &f->err));
	OK(f, datasets_open_version(f->d, &f->ds, NULL, &alive, &of_alive, &f->err));
	dead_run = dead.run;
	assert_int_equal(gc(f, true).open_versions, 1);
	assert_int_equal(gc(f, false).open_versions, 1);
	assert_int_equal(gc(f, false).open_versions, 0);
	ref = xasprintf("d:%s", of_alive.id);
	OK(f, datasets_resolve(f->d, ref, &v, &f->err));
	(void)snprintf(ref, strlen(ref) + 1, "d:%s", of_dead.id);
	assert_int_equal(datasets_resolve(f->d, ref, &v, &f->err), SLUICE_NOT_FOUND);
}

static void what_dead_processes_left_half_made_goes(void **state)
{
	static const char *const dirs[] = { "tmp/dsaaaaaaaaaaaaa", "tmp/gc-dsaaaaaaaaaaaaa",
		                            "store/datasets/.deleted-dsaaaaaaaaaaaaa/versions" };
	struct dataset_home *f = *state;
	struct dataset_version v = commit(f, "keep");
	const char *const files[] = {
		"tmp/.tmp-aaaaaaa", "tmp/runtime-works",
		"store/datasets/.deleted-dsaaaaaaaaaaaaa/versions/aaaaaaa.json"
	};
	AUTO_FREE char *record = xasprintf("store/datasets/%s/versions/.tmp-aaaaaaa", f->ds.id);
	AUTO_FREE char *lock = xasprintf("store/datasets/%s/open/.aaaaaaa.lock", f->ds.id);
	AUTO_FREE char *data =
		xasprintf("%s/store/datasets/%s/open/aaaaaaa.data", f->home, f->ds.id);
	struct dataset_version open = fill(f, "open");

	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", f->home, dirs[i]);

		assert_int_equal(io_mkdirs(path, 0755), 0);
	}
	for (size_t i = 0; i < 3; i++)
		put(f->home, files[i], "x", 0644);
	assert_int_equal(io_mkdirs(data, 0755), 0);
	put(f->home, record, "x", 0644);
	put(f->home, lock, "", 0644);
	(void)gc(f, false);
	assert_int_equal(dataset_home_count_files(f->home, "tmp"), 1);
	assert_true(exists(f, "tmp/runtime-works"));
	assert_false(exists(f, dirs[0]));
	assert_false(exists(f, dirs[1]));
	assert_false(exists(f, "store/datasets/.deleted-dsaaaaaaaaaaaaa"));
	assert_false(exists(f, record));
	assert_false(exists(f, lock));
	assert_int_equal(access(data, F_OK), -1);
	OK(f, datasets_commit(f->d, &open, NULL, NULL, &f->err));
	OK(f, store_verify(datasets_store(f->d), &v.manifest, &f->err));
	OK(f, store_verify(datasets_store(f->d), &open.manifest, &f->err));
}

static void nothing_goes_while_it_cannot_be_told_what_is_needed(void **state)
{
	struct dataset_home *f = *state;
	const struct datasets_gc_how how = { .is_dead = is_dead };
	struct datasets_gc_result result;
	struct dataset_version keep = commit(f, "keep");
	struct dataset_version drop = commit(f, "drop");
	char hex[DIGEST_HEX_LEN + 1];
	AUTO_FREE char *path = NULL;

	digest_hex(&keep.manifest, hex);
	path = xasprintf("%s/store/manifests/%.2s/%s", f->home, hex, hex + 2);
	OK(f, datasets_delete_version(f->d, &drop, 0, &f->err));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(datasets_gc(f->d, &how, &result, &f->err), SLUICE_CORRUPT);
	assert_non_null(strstr(f->err.msg, keep.id));
	expect_files(f, 7, 2, 3);
}

static void versions_without_the_record_of_their_dataset_stay(void **state)
{
	struct dataset_home *f = *state;
	AUTO_FREE char *record = xasprintf("%s/store/datasets/%s/dataset.json", f->home, f->ds.id);
	AUTO_FREE char *aside = xasprintf("%s/aside", f->home);
	struct dataset_version v = commit(f, "keep");

	assert_int_equal(rename(record, aside), 0);
	assert_int_equal(gc(f, false).store.objects, 0);
	assert_int_equal(rename(aside, record), 0);
	OK(f, store_verify(datasets_store(f->d), &v.manifest, &f->err));
}

/* --- beside others ---------------------------------------------------------------------------- */

static void *gc_in_thread(void *arg)
{
	struct dataset_home *f = arg;
	const struct datasets_gc_how how = { .is_dead = is_dead };
	struct datasets_gc_result result;
	struct datasets *d;
	struct error err;

	if (datasets_open(f->home, &d, &err) != 0 || datasets_gc(d, &how, &result, &err) != 0)
		return err.msg[0] ? xstrdup(err.msg) : NULL;
	datasets_close(d);
	return NULL;
}

/* A run may hold the lock for one output while another needs it for the next. */
static void a_committer_may_ask_for_the_lock_again_while_the_sweep_waits(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version one = fill(f, "one");
	struct dataset_version two = fill(f, "two");
	struct dataset_version drop = commit(f, "drop");
	struct store_tree_info info_one, info_two;
	int lock_one, lock_two;
	pthread_t thread;
	void *said;

	OK(f, datasets_delete_version(f->d, &drop, 0, &f->err));
	OK(f, datasets_commit_bytes(f->d, &one, NULL, NULL, &info_one, &lock_one, &f->err));
	assert_int_equal(pthread_create(&thread, NULL, gc_in_thread, f), 0);
	OK(f, datasets_commit_bytes(f->d, &two, NULL, NULL, &info_two, &lock_two, &f->err));
	OK(f, datasets_commit_record(f->d, &one, NULL, &info_one, lock_one, &f->err));
	OK(f, datasets_commit_record(f->d, &two, NULL, &info_two, lock_two, &f->err));
	assert_int_equal(pthread_join(thread, &said), 0);
	assert_null(said);
	OK(f, store_verify(datasets_store(f->d), &one.manifest, &f->err));
	OK(f, store_verify(datasets_store(f->d), &two.manifest, &f->err));
	(void)gc(f, false);
	expect_files(f, 7, 2, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, dataset_home_setup_one, dataset_home_teardown)
		T(what_only_a_deleted_version_had_goes),
		T(a_deleted_dataset_leaves_nothing),
		T(an_open_version_keeps_its_files_and_what_its_commit_has_taken),
		T(an_open_version_of_a_dead_run_is_dropped),
		T(what_dead_processes_left_half_made_goes),
		T(nothing_goes_while_it_cannot_be_told_what_is_needed),
		T(versions_without_the_record_of_their_dataset_stay),
		T(a_committer_may_ask_for_the_lock_again_while_the_sweep_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
