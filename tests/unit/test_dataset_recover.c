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
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dataset/dataset.h"
#include "tests/support/dataset_home.h"

struct fixture {
	char home[64];
	struct datasets *d;
	struct dataset ds;
	struct dataset_version one, two;
	struct error err;
	struct strbuf told;
	struct datasets_recovered result;
};

static struct dataset_version commit(struct fixture *f)
{
	struct dataset_version v;

	OK(f, datasets_open_version(f->d, &f->ds, "m", NULL, &v, &f->err));
	OK(f, datasets_commit(f->d, &v, NULL, NULL, &f->err));
	return v;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->told = STRBUF_INIT(STRBUF_BIG);
	dataset_home_make(f->home, &f->d);
	OK(f, datasets_create(f->d, "d", NULL, NULL, &f->ds, &f->err));
	f->one = commit(f);
	f->two = commit(f);
	OK(f, datasets_set_tag(f->d, &f->one, "golden", &f->err));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	strbuf_release(&f->told);
	dataset_home_remove(f->home, f->d);
	free(f);
	return 0;
}

static void add_run(struct fixture *f, const char *uuid, const char *workflow)
{
	struct catalog *c = datasets_catalog(f->d);
	struct catalog_run run = { .workflow = workflow, .phase = "SUCCEEDED" };
	struct catalog_job job = { .name = "j", .state = "succeeded" };
	int64_t number;

	memcpy(run.uuid, uuid, sizeof run.uuid);
	memcpy(job.run, uuid, sizeof job.run);
	OK(f, catalog_add_run(c, &run, &number, &f->err));
	OK(f, catalog_put_job(c, &job, &f->err));
}

static void on_aside(void *arg, const char *record)
{
	struct fixture *f = arg;

	strbuf_addf(&f->told, "aside %s\n", record + DATASET_ID_LEN + 1);
}

static void on_named(void *arg, const char *ds)
{
	struct fixture *f = arg;

	strbuf_addf(&f->told, "named%s\n", strcmp(ds, f->ds.id) == 0 ? "" : " wrong");
}

static void recover(struct fixture *f, const char *want)
{
	const struct datasets_recover_how how = { .aside = on_aside, .named = on_named, .arg = f };

	datasets_close(f->d);
	f->d = NULL;
	OK(f, datasets_recover(f->home, &how, &f->result, &f->err));
	assert_string_equal(strbuf_str(&f->told), want);
	OK(f, datasets_open(f->home, &f->d, &f->err));
}

static void expect_versions(struct fixture *f, const char *dataset)
{
	struct dataset_version v;
	AUTO_FREE char *golden = xasprintf("%s:golden", dataset);

	OK(f, datasets_resolve(f->d, dataset, &v, &f->err));
	assert_string_equal(v.id, f->two.id);
	OK(f, datasets_resolve(f->d, golden, &v, &f->err));
	assert_string_equal(v.id, f->one.id);
}

static int count_run(void *arg, const struct catalog_run *run)
{
	(void)run;
	++*(int *)arg;
	return 0;
}

static int runs(struct fixture *f)
{
	int n = 0;

	OK(f, catalog_each_run(datasets_catalog(f->d), NULL, NULL, 100, count_run, &n, &f->err));
	return n;
}

static void spoil(const struct fixture *f, const char *name, off_t at, size_t len)
{
	AUTO_FREE char *path = xasprintf("%s/%s", f->home, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
	AUTO_FREE char *rubbish = xmalloc(len);

	assert_true(fd >= 0);
	memset(rubbish, 0x5a, len);
	assert_int_equal(pwrite(fd, rubbish, len, at), len);
}

static const char uuid_one[] = "3f2b8c52-7a51-4d2c-9d7b-0f3f8a1c2b10";
static const char uuid_two[] = "3f2b8c52-7a51-4d2c-9d7b-0f3f8a1c2b11";

static void what_is_whole_stays_as_it_is(void **state)
{
	struct fixture *f = *state;

	add_run(f, uuid_one, "w");
	add_run(f, uuid_two, "w");
	recover(f, "");
	assert_true(f->result.catalog.whole);
	assert_int_equal(f->result.catalog.runs, 2);
	assert_int_equal(f->result.datasets, 1);
	expect_versions(f, "d");
	assert_int_equal(runs(f), 2);
}

static void a_catalog_that_is_gone_is_made_anew(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = xasprintf("%s/catalog.db", f->home);

	datasets_close(f->d);
	f->d = NULL;
	assert_int_equal(unlink(path), 0);
	recover(f, "");
	assert_string_equal(f->result.catalog.kept, "");
	expect_versions(f, "d");
}

static void a_catalog_of_rubbish_is_made_anew(void **state)
{
	struct fixture *f = *state;

	add_run(f, uuid_one, "w");
	datasets_close(f->d);
	f->d = NULL;
	spoil(f, "catalog.db", 0, 4096);
	assert_int_equal(datasets_open(f->home, &f->d, &f->err), SLUICE_CORRUPT);
	assert_non_null(strstr(f->err.msg, "sluice store recover"));
	recover(f, "");
	assert_false(f->result.catalog.whole);
	assert_int_equal(f->result.catalog.runs, 0);
	expect_versions(f, "d");
	assert_int_equal(runs(f), 0);
}

/* The index of datasets lies in other pages than the history. */
static void the_history_survives_a_damaged_index(void **state)
{
	struct fixture *f = *state;

	add_run(f, uuid_one, "w");
	datasets_close(f->d);
	f->d = NULL;
	spoil(f, "catalog.db", 4096 * 2, 4096); /* page 3: the table of datasets' index */
	recover(f, "");
	assert_int_equal(f->result.catalog.runs, 1);
	expect_versions(f, "d");
	assert_int_equal(runs(f), 1);
}

static void damaged_records_go_aside(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *version =
		xasprintf("store/datasets/%s/versions/%s.json", f->ds.id, f->two.id);
	AUTO_FREE char *tag = xasprintf("store/datasets/%s/tags/golden", f->ds.id);
	AUTO_FREE char *want = xasprintf("aside versions/%s.json\naside tags/golden\n", f->two.id);
	struct dataset_version v;

	spoil(f, version, 0, 20);
	spoil(f, tag, 0, 4);
	spoil(f, tag, 4, 4);
	recover(f, want);
	OK(f, datasets_resolve(f->d, "d", &v, &f->err));
	assert_string_equal(v.id, f->one.id);
	assert_int_equal(datasets_resolve(f->d, "d:golden", &v, &f->err), SLUICE_NOT_FOUND);
}

static void a_dataset_without_its_record_gets_its_id_as_name(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *record = xasprintf("store/datasets/%s/dataset.json", f->ds.id);

	spoil(f, record, 0, 10);
	recover(f, "aside dataset.json\nnamed\n");
	assert_int_equal(f->result.datasets, 1);
	expect_versions(f, f->ds.id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(what_is_whole_stays_as_it_is),
		TEST(a_catalog_that_is_gone_is_made_anew),
		TEST(a_catalog_of_rubbish_is_made_anew),
		TEST(the_history_survives_a_damaged_index),
		TEST(damaged_records_go_aside),
		TEST(a_dataset_without_its_record_gets_its_id_as_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
