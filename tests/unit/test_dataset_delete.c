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
#include "base/io.h"
#include "base/usage.h"
#include "base/xalloc.h"
#include "dataset/dataset.h"
#include "tests/support/dataset_home.h"

static void expect_said(const struct dataset_home *f, const char *text)
{
	if (!strstr(f->err.msg, text))
		fail_msg("'%s' does not say: %s", f->err.msg, text);
}

static struct dataset_version commit(struct dataset_home *f)
{
	struct dataset_version v;

	OK(f, datasets_open_version(f->d, &f->ds, "m", NULL, &v, &f->err));
	OK(f, datasets_commit(f->d, &v, NULL, NULL, &f->err));
	return v;
}

static int resolve(struct dataset_home *f, const char *point)
{
	AUTO_FREE char *ref = xasprintf("d%s%s", point[0] ? ":" : "", point);
	struct dataset_version v;

	return datasets_resolve(f->d, ref, &v, &f->err);
}

static bool exists(const struct dataset_home *f, const char *path)
{
	AUTO_FREE char *full = xasprintf("%s/store/datasets/%s", f->home, path);

	return access(full, F_OK) == 0;
}

/* A run that has no end, with a job 'train' that reads or makes the version. */
static void add_run(struct dataset_home *f, const struct dataset_version *v, bool is_output)
{
	struct catalog *c = datasets_catalog(f->d);
	struct catalog_run run = { .uuid = "11111111-1111-4111-8111-111111111111",
		                   .workflow = "w",
		                   .phase = "RUNNING",
		                   .created_ms = 1 };
	struct catalog_link link = { .job = "train",
		                     .is_output = is_output,
		                     .name = "x",
		                     .dataset = v->dataset,
		                     .version = v->id };
	int64_t number;

	memcpy(link.run, run.uuid, sizeof link.run);
	OK(f, catalog_add_run(c, &run, &number, &f->err));
	OK(f, catalog_put_link(c, &link, &f->err));
	assert_int_equal(number, 1);
}

static void end_run(struct dataset_home *f)
{
	struct catalog_run run = { .uuid = "11111111-1111-4111-8111-111111111111",
		                   .workflow = "w",
		                   .phase = "SUCCEEDED",
		                   .finished_ms = 2 };

	OK(f, catalog_update_run(datasets_catalog(f->d), &run, &f->err));
}

static void a_version_is_deleted_and_the_one_before_is_the_latest(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version one = commit(f);
	struct dataset_version two = commit(f);
	struct dataset_version latest;

	OK(f, datasets_delete_version(f->d, &two, 0, &f->err));
	assert_int_equal(resolve(f, two.id), SLUICE_NOT_FOUND);
	OK(f, datasets_resolve(f->d, "d", &latest, &f->err));
	assert_string_equal(latest.id, one.id);
	assert_int_equal(datasets_delete_version(f->d, &two, 0, &f->err), SLUICE_NOT_FOUND);
	assert_int_equal(datasets_confirm(f->d, &two, &f->err), SLUICE_NOT_FOUND);
	OK(f, datasets_confirm(f->d, &one, &f->err));
}

static void a_tag_holds_a_version_unless_it_goes_too(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version v = commit(f);
	struct dataset_version other = commit(f);

	OK(f, datasets_set_tag(f->d, &v, "golden", &f->err));
	OK(f, datasets_set_tag(f->d, &v, "best", &f->err));
	OK(f, datasets_set_tag(f->d, &other, "other", &f->err));
	assert_int_equal(datasets_delete_version(f->d, &v, 0, &f->err), SLUICE_INVALID);
	expect_said(f, "'best', 'golden'");
	OK(f, resolve(f, "golden"));
	OK(f, datasets_delete_version(f->d, &v, DATASET_DELETE_TAGS, &f->err));
	assert_int_equal(resolve(f, "golden"), SLUICE_NOT_FOUND);
	assert_int_equal(resolve(f, "best"), SLUICE_NOT_FOUND);
	OK(f, resolve(f, "other"));
}

static void a_run_holds_what_it_reads_and_makes_until_its_end(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version v = commit(f);

	add_run(f, &v, false);
	assert_int_equal(datasets_delete_version(f->d, &v, DATASET_DELETE_TAGS, &f->err),
	                 SLUICE_INVALID);
	expect_said(f, "job 'train' of run w/1, which reads it");
	assert_int_equal(datasets_delete(f->d, &f->ds, DATASET_DELETE_TAGS, &f->err),
	                 SLUICE_INVALID);
	OK(f, resolve(f, v.id));
	end_run(f);
	OK(f, datasets_delete_version(f->d, &v, 0, &f->err));
}

static void an_open_version_of_a_run_is_held_and_one_of_nobody_is_dropped(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version mine;
	struct dataset_version theirs;

	OK(f, datasets_open_version(f->d, &f->ds, NULL, NULL, &mine, &f->err));
	OK(f, datasets_open_version(f->d, &f->ds, NULL, NULL, &theirs, &f->err));
	add_run(f, &theirs, true);
	assert_int_equal(datasets_delete_version(f->d, &theirs, 0, &f->err), SLUICE_INVALID);
	expect_said(f, "makes it");
	OK(f, datasets_delete_version(f->d, &mine, 0, &f->err));
	assert_int_equal(resolve(f, mine.id), SLUICE_NOT_FOUND);
	OK(f, resolve(f, theirs.id));
}

static void what_goes_is_counted(void **state)
{
	struct dataset_home *f = *state;
	struct progress progress = { 0 };
	AUTO_FREE char *records = xasprintf("%s/store/datasets", f->home);
	struct usage left = { 0 };

	for (int i = 0; i < 5; i++)
		(void)commit(f);
	OK(f, datasets_delete_watched(f->d, &f->ds, 0, &progress, &f->err));
	assert_true(progress.done >= 5);
	assert_int_equal(progress.done, progress.total);
	assert_int_equal(usage_add(records, &left), 0);
	assert_int_equal(left.all, 0);
}

static void a_dataset_goes_with_all_that_it_has(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version v = commit(f);
	struct dataset_version open;
	struct dataset again;

	OK(f, datasets_open_version(f->d, &f->ds, NULL, NULL, &open, &f->err));
	OK(f, datasets_set_tag(f->d, &v, "golden", &f->err));
	assert_int_equal(datasets_delete(f->d, &f->ds, 0, &f->err), SLUICE_INVALID);
	expect_said(f, "'golden'");
	OK(f, datasets_delete(f->d, &f->ds, DATASET_DELETE_TAGS, &f->err));
	assert_false(exists(f, f->ds.id));
	assert_int_equal(datasets_find(f->d, "d", &again, &f->err), SLUICE_NOT_FOUND);
	assert_int_equal(datasets_find(f->d, f->ds.id, &again, &f->err), SLUICE_NOT_FOUND);

	/* Who had it in hands cannot bring parts of it back. */
	assert_int_equal(datasets_open_version(f->d, &f->ds, NULL, NULL, &open, &f->err),
	                 SLUICE_NOT_FOUND);
	assert_int_equal(datasets_set_tag(f->d, &v, "golden", &f->err), SLUICE_INVALID);
	assert_int_equal(datasets_delete(f->d, &f->ds, 0, &f->err), SLUICE_NOT_FOUND);

	/* Not even by a dataset of the same id. */
	OK(f, datasets_create(f->d, "d", NULL, f->ds.id, &again, &f->err));
	assert_int_equal(resolve(f, v.id), SLUICE_NOT_FOUND);
	assert_int_equal(resolve(f, ""), SLUICE_NOT_FOUND);
}

static void what_a_killed_deletion_left_is_finished(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version v = commit(f);
	AUTO_FREE char *record = xasprintf("%s/versions/%s.json", f->ds.id, v.id);
	AUTO_FREE char *path = xasprintf("%s/store/datasets/%s", f->home, record);
	AUTO_FREE char *tag = xasprintf("%s/tags/golden", f->ds.id);
	AUTO_FREE char *what = xasprintf("%s/%s", f->ds.id, v.id);

	OK(f, datasets_set_tag(f->d, &v, "golden", &f->err));
	OK(f, catalog_put_intent(datasets_catalog(f->d), what, &f->err));
	assert_int_equal(unlink(path), 0);
	datasets_close(f->d);
	OK(f, datasets_open(f->home, &f->d, &f->err));
	assert_int_equal(resolve(f, v.id), SLUICE_NOT_FOUND);
	assert_false(exists(f, tag));
	assert_int_equal(resolve(f, "golden"), SLUICE_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, dataset_home_setup_one, dataset_home_teardown)
		T(a_version_is_deleted_and_the_one_before_is_the_latest),
		T(a_tag_holds_a_version_unless_it_goes_too),
		T(a_run_holds_what_it_reads_and_makes_until_its_end),
		T(an_open_version_of_a_run_is_held_and_one_of_nobody_is_dropped),
		T(what_goes_is_counted),
		T(a_dataset_goes_with_all_that_it_has),
		T(what_a_killed_deletion_left_is_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
