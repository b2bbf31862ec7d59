/* Records and locks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/file.h>

#include "tests/support/store_home.h"

static const char version[] = "dsabcdefghijklm/versions/abc1234.json";

static void assert_record(struct store_home *h, const char *path, const char *want)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(1 << 16);
	struct error err;

	assert_int_equal(store_get_record(h->store, path, &text, &err), 0);
	assert_string_equal(strbuf_str(&text), want);
}

static void a_record_is_there_once_it_is_put(void **state)
{
	struct store_home *h = *state;
	struct error err;

	assert_int_equal(store_put_record(h->store, version, "{}\n", false, &err), 0);
	assert_record(h, version, "{}\n");
	assert_true(store_home_has(h, "store/datasets/dsabcdefghijklm/versions/abc1234.json"));
}

static void a_record_is_replaced_only_when_asked(void **state)
{
	struct store_home *h = *state;
	struct error err;

	assert_int_equal(store_put_record(h->store, version, "one", false, &err), 0);
	assert_int_equal(store_put_record(h->store, version, "two", false, &err), SLUICE_EXISTS);
	assert_string_equal(err.msg,
	                    "record 'dsabcdefghijklm/versions/abc1234.json' exists already");
	assert_record(h, version, "one");
	assert_int_equal(store_put_record(h->store, version, "two", true, &err), 0);
	assert_record(h, version, "two");
}

static void a_missing_record_is_not_found(void **state)
{
	struct store_home *h = *state;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(100);
	struct error err;

	assert_int_equal(store_get_record(h->store, version, &text, &err), SLUICE_NOT_FOUND);
	assert_int_equal(store_delete_record(h->store, version, &err), SLUICE_NOT_FOUND);
	assert_int_equal(store_put_record(h->store, version, "one", false, &err), 0);
	assert_int_equal(store_delete_record(h->store, version, &err), 0);
	assert_int_equal(store_get_record(h->store, version, &text, &err), SLUICE_NOT_FOUND);
	assert_int_equal(store_put_record(h->store, version, "two", false, &err), 0);
}

static void a_record_longer_than_the_reader_allows_is_a_limit(void **state)
{
	struct store_home *h = *state;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(3);
	struct error err;

	assert_int_equal(store_put_record(h->store, version, "four", false, &err), 0);
	assert_int_equal(store_get_record(h->store, version, &text, &err), SLUICE_LIMIT);
	assert_int_equal(store_put_record(h->store, version, "thr", true, &err), 0);
	strbuf_clear(&text);
	assert_int_equal(store_get_record(h->store, version, &text, &err), 0);
}

static void no_record_leaves_its_directory(void **state)
{
	struct store_home *h = *state;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(100);
	struct error err;

	store_home_text(h, "outside", "secret");
	assert_int_equal(symlinkat(h->path, h->dir, "store/datasets/link"), 0);
	assert_int_equal(store_get_record(h->store, "../../outside", &text, &err), SLUICE_SYSTEM);
	assert_int_equal(store_get_record(h->store, "link/outside", &text, &err), SLUICE_SYSTEM);
	assert_int_equal(store_put_record(h->store, "link/x", "", false, &err), SLUICE_SYSTEM);
	assert_int_equal(store_delete_record(h->store, "link/outside", &err), SLUICE_SYSTEM);
	assert_true(store_home_has(h, "outside"));
}

static int add_name(void *arg, const char *name)
{
	struct strbuf *sb = arg;

	strbuf_addstr(sb, name);
	strbuf_addch(sb, ' ');
	return strcmp(name, "stop") == 0 ? 7 : 0;
}

static void names_are_listed_by_their_bytes_without_temporary_ones(void **state)
{
	struct store_home *h = *state;
	AUTO_STRBUF struct strbuf names = STRBUF_INIT(1000);
	struct error err;
	int lock;

	assert_int_equal(store_list_records(h->store, "ds1", add_name, &names, &err), 0);
	assert_int_equal(names.len, 0);
	assert_int_equal(store_put_record(h->store, "ds1/tags/b", "", false, &err), 0);
	assert_int_equal(store_put_record(h->store, "ds1/tags/B", "", false, &err), 0);
	assert_int_equal(store_put_record(h->store, "ds1/tags/a b", "", false, &err), 0);
	assert_int_equal(store_put_record(h->store, "ds1/tags/lock", "", false, &err), 0);
	store_home_text(h, "store/datasets/ds1/tags/.tmp-x", "");
	lock = store_lock_dataset(h->store, "ds1", &err);
	assert_int_equal(store_list_records(h->store, "ds1/tags", add_name, &names, &err), 0);
	assert_string_equal(strbuf_str(&names), "B a b b lock ");
	strbuf_clear(&names);
	assert_int_equal(store_list_records(h->store, "ds1", add_name, &names, &err), 0);
	assert_string_equal(strbuf_str(&names), "tags ");
	strbuf_clear(&names);
	assert_int_equal(store_list_records(h->store, "", add_name, &names, &err), 0);
	assert_string_equal(strbuf_str(&names), "ds1 ");
	assert_int_equal(store_put_record(h->store, "stop/x", "", false, &err), 0);
	assert_int_equal(store_list_records(h->store, "", add_name, &names, &err), 7);
	close(lock);
}

static bool is_free(struct store_home *h, const char *path, int how)
{
	AUTO_FD int fd = openat(h->dir, path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return flock(fd, how | LOCK_NB) == 0;
}

static void locks_exclude_whom_they_should(void **state)
{
	struct store_home *h = *state;
	struct error err;
	int fd = store_lock(h->store, LOCK_SHARED, &err);

	assert_true(fd >= 0);
	assert_true(is_free(h, "store/lock", LOCK_SH));
	assert_false(is_free(h, "store/lock", LOCK_EX));
	close(fd);
	fd = store_lock(h->store, LOCK_EXCLUSIVE, &err);
	assert_true(fd >= 0);
	assert_false(is_free(h, "store/lock", LOCK_SH));
	close(fd);
	assert_true(is_free(h, "store/lock", LOCK_EX));
	fd = store_lock_names(h->store, &err);
	assert_false(is_free(h, "store/names.lock", LOCK_SH));
	close(fd);
	fd = store_lock_dataset(h->store, "dsabc", &err);
	assert_false(is_free(h, "store/datasets/dsabc/.lock", LOCK_SH));
	close(fd);
	assert_true(is_free(h, "store/datasets/dsabc/.lock", LOCK_EX));
}

static void the_store_knows_its_path(void **state)
{
	struct store_home *h = *state;
	char want[128];
	struct error err;

	snprintf(want, sizeof want, "%s/store", h->path);
	assert_string_equal(store_path(h->store), want);
	assert_int_equal(store_sync(h->store, &err), 0);
	store_close(NULL);
}

static void a_home_that_is_a_file_is_refused(void **state)
{
	struct store_home *h = *state;
	struct store *store;
	struct error err;
	char path[128];

	store_home_text(h, "file", "");
	snprintf(path, sizeof path, "%s/file", h->path);
	assert_int_equal(store_open(path, &store, &err), SLUICE_SYSTEM);
	assert_non_null(strstr(err.msg, "cannot make directory '"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, store_home_setup, store_home_teardown)
		TEST(a_record_is_there_once_it_is_put),
		TEST(a_record_is_replaced_only_when_asked),
		TEST(a_missing_record_is_not_found),
		TEST(a_record_longer_than_the_reader_allows_is_a_limit),
		TEST(no_record_leaves_its_directory),
		TEST(names_are_listed_by_their_bytes_without_temporary_ones),
		TEST(locks_exclude_whom_they_should),
		TEST(the_store_knows_its_path),
		TEST(a_home_that_is_a_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
