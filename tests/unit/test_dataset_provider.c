#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dataset/provider.h"
#include "tests/support/dataset_home.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCY"

static const struct provider_config bucket = {
	.name = "Our MinIO",
	.bucket = "team.data",
	.prefix = "/a//b/",
	.endpoint = "http://[::1]:9000/",
	.key_id = "test:tester",
	.secret = SECRET,
};

struct fixture {
	char home[64];
	struct datasets *d;
	struct provider p;
	struct error err;
	struct strbuf told;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->told = STRBUF_INIT(STRBUF_BIG);
	dataset_home_make(f->home, &f->d);
	OK(f, providers_create(f->d, &bucket, &f->p, &f->err));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	strbuf_release(&f->told);
	provider_release(&f->p);
	dataset_home_remove(f->home, f->d);
	free(f);
	return 0;
}

static char *record_path(const struct fixture *f)
{
	return xasprintf("%s/store/datasets/providers/%s.json", f->home, f->p.id);
}

static void reopen(struct fixture *f)
{
	datasets_close(f->d);
	f->d = NULL;
	OK(f, datasets_open(f->home, &f->d, &f->err));
}

static void a_record_comes_back_as_it_was_put(void **state)
{
	struct fixture *f = *state;
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	struct s3_bucket b;

	reopen(f);
	assert_true(id_is_provider(f->p.id));
	OK(f, providers_find(datasets_store(f->d), "Our MinIO", &p, &f->err));
	assert_string_equal(p.id, f->p.id);
	assert_string_equal(p.prefix, "a/b/");
	assert_true(p.created_ms > 0 && p.created_ms == p.modified_ms);
	provider_bucket(&p, &b);
	assert_string_equal(b.name, "team.data");
	assert_string_equal(b.endpoint, "http://[::1]:9000");
	assert_string_equal(b.region, "us-east-1");
	assert_string_equal(b.key_id, "test:tester");
	assert_string_equal(b.secret, SECRET);
	assert_null(b.token);
}

static void only_the_owner_may_read_a_record(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = record_path(f);
	struct provider changed;
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	OK(f, providers_update(f->d, f->p.id, &(struct provider_config){ .region = "x" }, &changed,
	                       &f->err));
	provider_release(&changed);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void an_update_changes_what_is_given(void **state)
{
	struct fixture *f = *state;
	const struct provider_config change = { .name = "other", .endpoint = "", .secret = "new" };
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	AUTO_PROVIDER struct provider found = PROVIDER_INIT;

	OK(f, providers_update(f->d, f->p.id, &change, &p, &f->err));
	OK(f, providers_find(datasets_store(f->d), f->p.id, &found, &f->err));
	assert_string_equal(found.name, "other");
	assert_string_equal(found.bucket, "team.data");
	assert_string_equal(found.prefix, "a/b/");
	assert_null(found.endpoint);
	assert_string_equal(found.secret, "new");
	assert_int_equal(providers_find(datasets_store(f->d), "Our MinIO", &p, &f->err),
	                 SLUICE_NOT_FOUND);
	assert_non_null(strstr(f->err.msg, "'Gradient Managed' (splocal00000000), 'other'"));
}

static void names_are_given_once(void **state)
{
	struct fixture *f = *state;
	struct provider_config same = bucket;
	struct provider p, again;

	assert_int_equal(providers_create(f->d, &same, &p, &f->err), SLUICE_EXISTS);
	same.name = PROVIDER_MANAGED_NAME;
	assert_int_equal(providers_create(f->d, &same, &p, &f->err), SLUICE_EXISTS);
	same.name = "two";
	OK(f, providers_create(f->d, &same, &p, &f->err));
	assert_int_equal(providers_update(f->d, f->p.id, &(struct provider_config){ .name = "two" },
	                                  &f->p, &f->err),
	                 SLUICE_EXISTS);
	OK(f, providers_update(f->d, p.id, &same, &again, &f->err));
	provider_release(&p);
	provider_release(&again);
}

/* No message has the secret: the last of them are about it. */
static void what_cannot_be_is_refused(void **state)
{
	struct fixture *f = *state;
	static const struct provider_config bad[] = {
		{ .name = "spabcdefghijklm" },
		{ .name = "" },
		{ .name = "../x" },
		{ .bucket = "" },
		{ .bucket = "ab" },
		{ .bucket = "s3://bucket/x" },
		{ .bucket = "-bucket" },
		{ .prefix = "a/../b" },
		{ .prefix = "a\nb" },
		{ .endpoint = "minio:9000" },
		{ .endpoint = "https://" },
		{ .endpoint = "https:///x" },
		{ .endpoint = "https://user:" SECRET "@minio" },
		{ .endpoint = "https://minio?x=" SECRET },
		{ .region = "us east" },
		{ .key_id = "" },
		{ .key_id = "a/b" },
		{ .key_id = "a\r\nHost: x" },
		{ .secret = "" },
		{ .secret = SECRET "\n" },
		{ .secret = SECRET " " SECRET },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		AUTO_PROVIDER struct provider p = PROVIDER_INIT;

		assert_int_equal(providers_update(f->d, f->p.id, &bad[i], &p, &f->err),
		                 SLUICE_INVALID);
		assert_null(strstr(f->err.msg, SECRET));
		OK(f, providers_find(datasets_store(f->d), f->p.id, &p, &f->err));
		assert_string_equal(p.secret, SECRET);
	}
}

static void each_thing_it_needs_must_be_given(void **state)
{
	struct fixture *f = *state;
	struct provider_config lacks[] = { bucket, bucket, bucket, bucket };
	struct provider p;

	lacks[0].name = lacks[1].bucket = lacks[2].key_id = lacks[3].secret = NULL;
	for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
		assert_int_equal(providers_create(f->d, &lacks[i], &p, &f->err), SLUICE_INVALID);
}

static int tell(void *arg, const struct provider *p)
{
	struct fixture *f = arg;

	strbuf_addf(&f->told, "%s %s\n", p->name, p->bucket ? p->bucket : "-");
	return 0;
}

static void all_are_told_by_name(void **state)
{
	struct fixture *f = *state;
	struct provider_config first = bucket;
	struct provider p;

	first.name = "Acme";
	OK(f, providers_create(f->d, &first, &p, &f->err));
	provider_release(&p);
	OK(f, providers_each(datasets_store(f->d), tell, f, &f->err));
	assert_string_equal(strbuf_str(&f->told),
	                    "Acme team.data\nGradient Managed -\nOur MinIO team.data\n");
}

static void the_homes_own_is_always_there(void **state)
{
	struct fixture *f = *state;
	static const char *const called[] = { "", PROVIDER_MANAGED_ID, PROVIDER_MANAGED_NAME };
	struct provider p;

	for (size_t i = 0; i < sizeof called / sizeof *called; i++) {
		OK(f, providers_find(datasets_store(f->d), called[i], &p, &f->err));
		assert_string_equal(p.id, PROVIDER_MANAGED_ID);
		assert_null(p.bucket);
		assert_int_equal(providers_delete(f->d, called[i], &f->err), SLUICE_INVALID);
		assert_int_equal(providers_update(f->d, called[i],
		                                  &(struct provider_config){ .name = "x" }, &p,
		                                  &f->err),
		                 SLUICE_INVALID);
	}
}

static void a_dataset_holds_its_provider(void **state)
{
	struct fixture *f = *state;
	struct dataset ds, found;
	struct provider p;

	assert_int_equal(datasets_create_on(f->d, "x", NULL, "spnothere000000", &ds, &f->err),
	                 SLUICE_NOT_FOUND);
	OK(f, datasets_create_on(f->d, "big one", "text", f->p.id, &ds, &f->err));
	reopen(f);
	OK(f, datasets_find(f->d, "big one", &found, &f->err));
	assert_string_equal(found.provider, f->p.id);
	OK(f, datasets_update(f->d, &found, "other", NULL, &f->err));
	assert_string_equal(found.provider, f->p.id);
	assert_int_equal(providers_delete(f->d, f->p.id, &f->err), SLUICE_INVALID);
	assert_non_null(strstr(f->err.msg, "'other'"));
	OK(f, datasets_delete(f->d, &ds, 0, &f->err));
	OK(f, providers_delete(f->d, f->p.id, &f->err));
	assert_int_equal(providers_find(datasets_store(f->d), f->p.id, &p, &f->err),
	                 SLUICE_NOT_FOUND);
	assert_int_equal(providers_delete(f->d, f->p.id, &f->err), SLUICE_NOT_FOUND);
}

/* The catalog is an index: without it the record tells. */
static void a_new_catalog_knows_where_a_dataset_is(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *catalog = xasprintf("%s/catalog.db", f->home);
	struct dataset ds, found;

	OK(f, datasets_create_on(f->d, "x", NULL, f->p.id, &ds, &f->err));
	datasets_close(f->d);
	f->d = NULL;
	assert_int_equal(unlink(catalog), 0);
	OK(f, datasets_open(f->home, &f->d, &f->err));
	OK(f, datasets_find(f->d, "x", &found, &f->err));
	assert_string_equal(found.provider, f->p.id);
}

static void write_record(const struct fixture *f, const char *text)
{
	AUTO_FREE char *path = record_path(f);
	AUTO_FD int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
}

static void on_aside(void *arg, const char *record)
{
	struct fixture *f = arg;

	strbuf_addf(&f->told, "aside %.10s%s", record, strstr(record, f->p.id) ? "SP.json" : "");
}

static void on_named(void *arg, const char *ds)
{
	(void)arg;
	fail_msg("dataset %s lost its name", ds);
}

static void damaged_records_are_told_and_go_aside(void **state)
{
	struct fixture *f = *state;
	const struct datasets_recover_how how = { .aside = on_aside, .named = on_named, .arg = f };
	static const char *const bad[] = {
		"{\"secret_access_key\": \"" SECRET "\"",
		"{\"id\": \"spother00000000\"}",
	};
	struct datasets_recovered result;
	struct dataset ds;
	struct provider p;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_record(f, bad[i]);
		assert_int_equal(providers_find(datasets_store(f->d), f->p.id, &p, &f->err),
		                 SLUICE_CORRUPT);
		assert_null(strstr(f->err.msg, SECRET));
		assert_int_equal(providers_each(datasets_store(f->d), tell, f, &f->err),
		                 SLUICE_CORRUPT);
	}
	OK(f, datasets_create(f->d, "d", NULL, NULL, &ds, &f->err));
	datasets_close(f->d);
	f->d = NULL;
	OK(f, datasets_recover(f->home, &how, &result, &f->err));
	assert_string_equal(strbuf_str(&f->told), "aside providers/SP.json");
	OK(f, datasets_open(f->home, &f->d, &f->err));
	assert_int_equal(providers_find(datasets_store(f->d), f->p.id, &p, &f->err),
	                 SLUICE_NOT_FOUND);
}

/* It may hold a secret. */
static void what_a_killed_writer_left_is_collected(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *dir = xasprintf("%s/store/datasets/providers", f->home);
	AUTO_FREE char *path = xasprintf("%s/.tmp-abc1234", dir);
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	struct datasets_gc_result result;

	dataset_home_write(dir, ".tmp-abc1234", SECRET);
	OK(f, datasets_gc(f->d, &(struct datasets_gc_how){ .dry_run = true }, &result, &f->err));
	assert_int_equal(result.store.leftovers, 1);
	assert_int_equal(access(path, F_OK), 0);
	OK(f, datasets_gc(f->d, &(struct datasets_gc_how){ .dry_run = false }, &result, &f->err));
	assert_int_equal(access(path, F_OK), -1);
	OK(f, providers_find(datasets_store(f->d), f->p.id, &p, &f->err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(a_record_comes_back_as_it_was_put),
		TEST(only_the_owner_may_read_a_record),
		TEST(an_update_changes_what_is_given),
		TEST(names_are_given_once),
		TEST(what_cannot_be_is_refused),
		TEST(each_thing_it_needs_must_be_given),
		TEST(all_are_told_by_name),
		TEST(the_homes_own_is_always_there),
		TEST(a_dataset_holds_its_provider),
		TEST(a_new_catalog_knows_where_a_dataset_is),
		TEST(damaged_records_are_told_and_go_aside),
		TEST(what_a_killed_writer_left_is_collected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
