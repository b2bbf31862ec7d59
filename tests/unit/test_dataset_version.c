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
#include "base/xalloc.h"
#include "dataset/dataset.h"
#include "tests/support/dataset_home.h"

static void datasets_have_an_id_and_are_found(void **state)
{
	struct dataset_home *f = *state;
	struct dataset made = dataset_home_create(f, "raw-text");
	struct dataset found;
	static const char *const refs[] = { "raw-text", "default/raw-text", "team-x/raw-text",
		                            "gradient/raw-text" };

	assert_true(id_is_dataset(made.id));
	for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++) {
		OK(f, datasets_find(f->d, refs[i], &found, &f->err));
		assert_string_equal(found.id, made.id);
		assert_string_equal(found.name, "raw-text");
		assert_string_equal(found.description, "about it");
		assert_int_equal(found.created_ms, made.created_ms);
	}
	OK(f, datasets_find(f->d, made.id, &found, &f->err));
	assert_string_equal(found.name, "raw-text");
}

static void what_is_not_there_gets_its_nearest_names(void **state)
{
	struct dataset_home *f = *state;
	struct dataset found, made = dataset_home_create(f, "raw-text");
	struct dataset_version v;

	(void)dataset_home_create(f, "raw-tests");
	assert_int_equal(datasets_find(f->d, "raw-txt", &found, &f->err), SLUICE_NOT_FOUND);
	assert_string_equal(f->err.msg, "no dataset 'raw-txt'; nearest: 'raw-text'");
	assert_int_equal(datasets_find(f->d, "raw-test", &found, &f->err), SLUICE_NOT_FOUND);
	assert_string_equal(f->err.msg, "no dataset 'raw-test'; nearest: 'raw-tests', 'raw-text'");
	assert_int_equal(datasets_find(f->d, "other", &found, &f->err), SLUICE_NOT_FOUND);
	assert_string_equal(f->err.msg,
	                    "no dataset 'other'; 'sluice datasets list' shows those that exist, "
	                    "'sluice datasets create --name other' makes one");
	assert_int_equal(datasets_find(f->d, "raw-", &found, &f->err), SLUICE_NOT_FOUND);
	assert_string_equal(f->err.msg, "no dataset 'raw-'; nearest: 'raw-tests', 'raw-text'");
	assert_int_equal(datasets_find(f->d, "gradient/mnist", &found, &f->err), SLUICE_NOT_FOUND);
	assert_non_null(
		strstr(f->err.msg, "a public dataset is fetched when its files are looked at"));
	assert_non_null(strstr(f->err.msg, "sluice datasets create --name mnist"));
	assert_int_equal(datasets_resolve(f->d, "raw-text", &v, &f->err), SLUICE_NOT_FOUND);
	assert_non_null(strstr(f->err.msg, "no committed version yet"));

	v = dataset_home_commit(f->d, &made, "x");
	OK(f, datasets_set_tag(f->d, &v, "production", &f->err));
	assert_int_equal(datasets_resolve(f->d, "raw-text:prodution", &v, &f->err),
	                 SLUICE_NOT_FOUND);
	assert_string_equal(f->err.msg,
	                    "dataset 'raw-text' has no tag 'prodution'; nearest: 'production'");
	assert_int_equal(datasets_resolve(f->d, "raw-text:lastest", &v, &f->err), SLUICE_NOT_FOUND);
	assert_non_null(strstr(f->err.msg, "nearest: 'latest'"));
	assert_int_equal(datasets_resolve(f->d, "raw-text:", &v, &f->err), SLUICE_NOT_FOUND);
}

static void index_version(struct dataset_home *f, const struct dataset *dataset, const char *id)
{
	struct catalog_version row = { .committed = true, .seq = 7 };

	memcpy(row.dataset, dataset->id, sizeof row.dataset);
	memcpy(row.id, id, sizeof row.id);
	OK(f, catalog_put_version(datasets_catalog(f->d), &row, &f->err));
}

static void the_beginning_of_an_id_is_enough(void **state)
{
	struct dataset_home *f = *state;
	struct dataset made = dataset_home_create(f, "raw-text");
	struct dataset_version v;

	index_version(f, &made, "abcd123");
	index_version(f, &made, "abcd456");
	index_version(f, &made, "xyz7777");
	OK(f, datasets_resolve(f->d, "raw-text:abcd4", &v, &f->err));
	assert_string_equal(v.id, "abcd456");
	assert_string_equal(v.dataset_name, "raw-text");
	OK(f, datasets_resolve(f->d, "raw-text:xyz7", &v, &f->err));
	assert_string_equal(v.id, "xyz7777");
	assert_int_equal(datasets_resolve(f->d, "raw-text:xyz", &v, &f->err), SLUICE_NOT_FOUND);
	assert_int_equal(datasets_resolve(f->d, "raw-text:abcd", &v, &f->err), SLUICE_INVALID);
	assert_string_equal(f->err.msg, "2 versions of dataset 'raw-text' begin with 'abcd': "
	                                "'abcd123', 'abcd456'");
}

static void bad_and_taken_names_are_refused(void **state)
{
	struct dataset_home *f = *state;
	struct dataset made;
	static const char *const bad[] = {
		"", ".x", "-x", "a/b", "a:b", "a\nb", "dsaaaaaaaaaaaaa"
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(datasets_create(f->d, bad[i], NULL, NULL, &made, &f->err),
		                 SLUICE_INVALID);
	(void)dataset_home_create(f, "x");
	assert_int_equal(datasets_create(f->d, "x", NULL, NULL, &made, &f->err), SLUICE_EXISTS);
	assert_non_null(strstr(f->err.msg, "there is a dataset 'x' already"));
	assert_int_equal(datasets_create(f->d, NULL, NULL, NULL, &made, &f->err), SLUICE_INVALID);
	assert_int_equal(datasets_create(f->d, NULL, NULL, "nope", &made, &f->err), SLUICE_INVALID);
}

static void an_id_can_be_asked_for(void **state)
{
	struct dataset_home *f = *state;
	struct dataset made, found;

	OK(f, datasets_create(f->d, NULL, NULL, "dsaaaaaaaaaaaaa", &made, &f->err));
	assert_string_equal(made.name, "dsaaaaaaaaaaaaa");
	OK(f, datasets_create(f->d, "named", NULL, "dsbbbbbbbbbbbbb", &made, &f->err));
	OK(f, datasets_find(f->d, "dsbbbbbbbbbbbbb", &found, &f->err));
	assert_string_equal(found.name, "named");
	assert_int_equal(datasets_create(f->d, "b", NULL, "dsbbbbbbbbbbbbb", &made, &f->err),
	                 SLUICE_EXISTS);
}

static void a_version_lives_from_open_to_committed(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "d");
	struct dataset_version v = dataset_home_open(f->d, &ds, "hello"), found;
	AUTO_FREE char *ref = xasprintf("d:%s", v.id);
	AUTO_FREE char *tree = NULL;
	AUTO_FREE char *file = NULL;
	AUTO_FREE char *data = NULL;
	struct stat st;

	assert_true(id_is_version(v.id));
	assert_false(v.committed);
	assert_int_equal(v.seq, 0);
	assert_int_equal(datasets_resolve(f->d, "d", &found, &f->err), SLUICE_NOT_FOUND);
	OK(f, datasets_resolve(f->d, ref, &found, &f->err));
	assert_false(found.committed);
	assert_string_equal(found.message, "a message");
	assert_int_equal(datasets_tree(f->d, &found, &tree, &f->err), SLUICE_INVALID);

	OK(f, datasets_commit(f->d, &v, NULL, NULL, &f->err));
	assert_true(v.committed);
	assert_int_equal(v.seq, 1);
	assert_int_equal(v.files, 1);
	assert_int_equal(v.bytes, 5);
	OK(f, datasets_resolve(f->d, "d", &found, &f->err));
	assert_string_equal(found.id, v.id);
	assert_string_equal(found.dataset_name, "d");
	assert_true(digest_equal(&found.manifest, &v.manifest));
	assert_int_equal(found.bytes, 5);
	OK(f, store_verify(datasets_store(f->d), &found.manifest, &f->err));
	OK(f, datasets_tree(f->d, &found, &tree, &f->err));
	file = xasprintf("%s/a.txt", tree);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_size, 5);

	assert_int_equal(datasets_commit(f->d, &v, NULL, NULL, &f->err), SLUICE_EXISTS);
	assert_non_null(strstr(f->err.msg, "committed already"));
	assert_int_equal(datasets_open_path(f->d, &v, &data, &f->err), SLUICE_EXISTS);
	assert_int_equal(datasets_drop_version(f->d, &v, &f->err), SLUICE_INVALID);
	data = xasprintf("%s/store/datasets/%s/open", f->home, ds.id);
	assert_int_equal(rmdir(data), 0); /* nothing stays behind */
}

static void an_open_version_without_files_commits_empty(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "d");
	struct dataset_version v;

	OK(f, datasets_open_version(f->d, &ds, NULL, NULL, &v, &f->err));
	OK(f, datasets_commit(f->d, &v, NULL, NULL, &f->err));
	assert_int_equal(v.files, 0);
	assert_int_equal(v.bytes, 0);
	OK(f, store_verify(datasets_store(f->d), &v.manifest, &f->err));
}

static void a_dropped_version_is_gone(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "d");
	struct dataset_version v = dataset_home_open(f->d, &ds, "x"), found;
	AUTO_FREE char *ref = xasprintf("d:%s", v.id);
	AUTO_FREE char *open = xasprintf("%s/store/datasets/%s/open", f->home, ds.id);

	OK(f, datasets_drop_version(f->d, &v, &f->err));
	assert_int_equal(rmdir(open), 0);
	assert_int_equal(datasets_resolve(f->d, ref, &found, &f->err), SLUICE_NOT_FOUND);
	assert_int_equal(datasets_drop_version(f->d, &v, &f->err), SLUICE_NOT_FOUND);
	assert_int_equal(datasets_commit(f->d, &v, NULL, NULL, &f->err), SLUICE_NOT_FOUND);
}

static int add_seq(void *arg, const struct dataset_version *v)
{
	char *text = arg;
	size_t len = strlen(text);

	(void)snprintf(text + len, 64 - len, "%d ", (int)v->seq);
	return 0;
}

static void latest_is_the_newest_commit(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "d");
	struct dataset_version first = dataset_home_open(f->d, &ds, "1"),
			       second = dataset_home_open(f->d, &ds, "2"), found;
	char committed[64] = "", open[64] = "";

	OK(f, datasets_commit(f->d, &second, NULL, NULL, &f->err));
	OK(f, datasets_commit(f->d, &first, NULL, NULL, &f->err));
	assert_int_equal(second.seq, 1);
	assert_int_equal(first.seq, 2);
	(void)dataset_home_open(f->d, &ds, "3");
	OK(f, datasets_resolve(f->d, "d:latest", &found, &f->err));
	assert_string_equal(found.id, first.id);
	OK(f, datasets_each_version(f->d, &ds, true, add_seq, committed, &f->err));
	assert_string_equal(committed, "2 1 ");
	OK(f, datasets_each_version(f->d, &ds, false, add_seq, open, &f->err));
	assert_string_equal(open, "0 ");
}

static const char run_a[] = "aaaaaaaa-0000-4000-8000-000000000001";
static const char run_b[] = "bbbbbbbb-0000-4000-8000-000000000001";

static void only_its_maker_commits_a_version(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "d");
	const char *const inputs[] = { "dsaaaaaaaaaaaaa:abc1234", NULL };
	struct dataset_maker maker = { .run = run_a, .job = "train", .attempt = 1 };
	const struct dataset_maker wrong[] = {
		{ .run = run_b, .job = "train", .attempt = 1 },
		{ .run = run_a, .job = "eval", .attempt = 1 },
		{ .run = run_a, .job = "train", .attempt = 2 },
		{ .run = NULL },
	};
	struct dataset_version v, found;
	struct store_tree_info info;
	AUTO_FREE char *dir = xasprintf("%s/runs/r/train/1/outputs/m", f->home);
	AUTO_FREE char *record = NULL;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(4096);
	int lock;

	OK(f, datasets_open_version(f->d, &ds, NULL, &maker, &v, &f->err));
	assert_int_equal(io_mkdirs(dir, 0755), 0);
	dataset_home_write(dir, "m.bin", "model");
	assert_int_equal(datasets_commit(f->d, &v, dir, NULL, &f->err), SLUICE_INVALID);
	assert_non_null(strstr(f->err.msg, "attempt 1 of job 'train'"));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		/* Again and again, as after a kill; the directory is gone after the first. */
		OK(f, datasets_commit_bytes(f->d, &v, dir, NULL, &info, &lock, &f->err));
		assert_int_equal(datasets_commit_record(f->d, &v, &wrong[i], &info, lock, &f->err),
		                 SLUICE_INVALID);
	}
	assert_int_equal(access(dir, F_OK), -1);
	maker.inputs = inputs;
	OK(f, datasets_commit_bytes(f->d, &v, dir, NULL, &info, &lock, &f->err));
	OK(f, datasets_commit_record(f->d, &v, &maker, &info, lock, &f->err));
	assert_string_equal(v.run, run_a);
	OK(f, datasets_resolve(f->d, "d", &found, &f->err));
	assert_string_equal(found.job, "train");
	assert_int_equal(found.attempt, 1);
	assert_int_equal(found.bytes, 5);
	record = xasprintf("%s/versions/%s.json", ds.id, v.id);
	OK(f, store_get_record(datasets_store(f->d), record, &text, &f->err));
	assert_non_null(strstr(strbuf_str(&text), "\"dsaaaaaaaaaaaaa:abc1234\""));
}

static void a_version_can_be_handed_over(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "d");
	struct dataset_maker first = { .run = run_a, .job = "train", .attempt = 1 };
	struct dataset_maker second = { .run = run_a, .job = "train", .attempt = 2 };
	struct dataset_version v;
	struct store_tree_info info;
	AUTO_FREE char *one = xasprintf("%s/runs/r/1", f->home);
	AUTO_FREE char *two = xasprintf("%s/runs/r/2", f->home);
	int lock;

	OK(f, datasets_open_version(f->d, &ds, NULL, &first, &v, &f->err));
	assert_int_equal(io_mkdirs(one, 0755), 0);
	assert_int_equal(io_mkdirs(two, 0755), 0);
	dataset_home_write(one, "a", "one");
	dataset_home_write(two, "a", "second");
	OK(f, datasets_commit_bytes(f->d, &v, one, NULL, &info, &lock, &f->err));
	OK(f, datasets_hand_over(f->d, &v, &second, &f->err));
	assert_int_equal(datasets_commit_record(f->d, &v, &first, &info, lock, &f->err),
	                 SLUICE_INVALID);
	OK(f, datasets_commit_bytes(f->d, &v, two, NULL, &info, &lock, &f->err));
	OK(f, datasets_commit_record(f->d, &v, &second, &info, lock, &f->err));
	assert_int_equal(v.bytes, 6);
}

static void a_directory_of_the_user_is_copied(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "d");
	struct dataset_version v;
	AUTO_FREE char *dir = xasprintf("%s/storage/mine", f->home);

	assert_int_equal(io_mkdirs(dir, 0755), 0);
	dataset_home_write(dir, "a", "mine");
	OK(f, datasets_open_version(f->d, &ds, NULL, NULL, &v, &f->err));
	OK(f, datasets_commit(f->d, &v, dir, NULL, &f->err));
	assert_int_equal(v.bytes, 4);
	dataset_home_write(dir, "a", "changed");
	OK(f, store_verify(datasets_store(f->d), &v.manifest, &f->err));
}

static int add_tag(void *arg, const char *tag, const struct dataset_version *v)
{
	char *text = arg;
	size_t len = strlen(text);

	(void)snprintf(text + len, 64 - len, "%s=%d ", tag, (int)v->seq);
	return 0;
}

static void tags_move_between_committed_versions(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "d");
	struct dataset_version a = dataset_home_commit(f->d, &ds, "1"),
			       b = dataset_home_commit(f->d, &ds, "2"), found;
	struct dataset_version open = dataset_home_open(f->d, &ds, "3");
	static const char *const bad[] = { "latest", "abc1234", "", ".x", "a/b", "../x" };
	char text[64] = "";

	OK(f, datasets_set_tag(f->d, &a, "prod", &f->err));
	OK(f, datasets_resolve(f->d, "d:prod", &found, &f->err));
	assert_string_equal(found.id, a.id);
	OK(f, datasets_set_tag(f->d, &b, "prod", &f->err));
	OK(f, datasets_set_tag(f->d, &a, "best one", &f->err));
	OK(f, datasets_each_tag(f->d, &ds, add_tag, text, &f->err));
	assert_string_equal(text, "best one=1 prod=2 ");
	OK(f, datasets_delete_tag(f->d, &ds, "prod", &f->err));
	assert_int_equal(datasets_delete_tag(f->d, &ds, "prod", &f->err), SLUICE_NOT_FOUND);
	assert_string_equal(f->err.msg, "dataset 'd' has no tag 'prod'");
	assert_int_equal(datasets_resolve(f->d, "d:prod", &found, &f->err), SLUICE_NOT_FOUND);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(datasets_set_tag(f->d, &a, bad[i], &f->err), SLUICE_INVALID);
	assert_int_equal(datasets_set_tag(f->d, &a, "abc1234", &f->err), SLUICE_INVALID);
	assert_non_null(strstr(f->err.msg, "the form of a version's id"));
	(void)snprintf(text, sizeof text, "%.4s", b.id); /* what is short for another version */
	assert_int_equal(datasets_set_tag(f->d, &a, text, &f->err), SLUICE_INVALID);
	(void)snprintf(text, sizeof text, "%.3s", b.id);
	OK(f, datasets_set_tag(f->d, &a, text, &f->err));
	assert_int_equal(datasets_set_tag(f->d, &open, "x", &f->err), SLUICE_INVALID);
	assert_non_null(strstr(f->err.msg, "not committed"));
}

static void changes_inside_a_transaction_are_refused(void **state)
{
	struct dataset_home *f = *state;
	struct catalog *c = datasets_catalog(f->d);
	struct dataset ds = dataset_home_create(f, "d"), made;
	struct dataset_version v;

	OK(f, catalog_begin(c, &f->err));
	assert_int_equal(datasets_create(f->d, "e", NULL, NULL, &made, &f->err), SLUICE_INVALID);
	assert_int_equal(datasets_open_version(f->d, &ds, NULL, NULL, &v, &f->err), SLUICE_INVALID);
	assert_non_null(strstr(f->err.msg, "transaction"));
	catalog_rollback(c);
	OK(f, datasets_open_version(f->d, &ds, NULL, NULL, &v, &f->err));
}

static void long_texts_are_refused(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds, made;
	struct dataset_version v;
	char text[1025];

	memset(text, 'x', sizeof text);
	text[1024] = '\0';
	assert_int_equal(datasets_create(f->d, "d", text, NULL, &made, &f->err), SLUICE_INVALID);
	text[1023] = '\0';
	OK(f, datasets_create(f->d, "d", text, NULL, &ds, &f->err));
	OK(f, datasets_open_version(f->d, &ds, text, NULL, &v, &f->err));
	text[1023] = 'x';
	assert_int_equal(datasets_open_version(f->d, &ds, text, NULL, &v, &f->err), SLUICE_INVALID);
}

static void a_damaged_record_is_named(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "d");
	AUTO_FREE char *dir = xasprintf("%s/store/datasets/%s", f->home, ds.id);
	AUTO_FREE char *db = xasprintf("%s/catalog.db", f->home);

	datasets_close(f->d);
	f->d = NULL;
	dataset_home_write(dir, "dataset.json", "{ \"id\": \"dsother\", \"name\": \"x\" }");
	assert_int_equal(unlink(db), 0);
	assert_int_equal(datasets_open(f->home, &f->d, &f->err), SLUICE_CORRUPT);
	assert_non_null(strstr(f->err.msg, "dataset.json' is damaged"));
}

/* Somebody removes all of it while we work: an end with words, and no endless try. */
static void a_home_that_is_removed_is_an_error(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "d");
	struct dataset_version v;

	assert_int_equal(io_remove_tree(AT_FDCWD, f->home), 0);
	assert_true(datasets_open_version(f->d, &ds, NULL, NULL, &v, &f->err) < 0);
	assert_non_null(strstr(f->err.msg, "cannot lock dataset"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, dataset_home_setup, dataset_home_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(datasets_have_an_id_and_are_found),
		T(what_is_not_there_gets_its_nearest_names),
		T(the_beginning_of_an_id_is_enough),
		T(bad_and_taken_names_are_refused),
		T(an_id_can_be_asked_for),
		T(a_version_lives_from_open_to_committed),
		T(an_open_version_without_files_commits_empty),
		T(a_dropped_version_is_gone),
		T(latest_is_the_newest_commit),
		T(only_its_maker_commits_a_version),
		T(a_version_can_be_handed_over),
		T(a_directory_of_the_user_is_copied),
		T(tags_move_between_committed_versions),
		T(changes_inside_a_transaction_are_refused),
		T(long_texts_are_refused),
		T(a_damaged_record_is_named),
		T(a_home_that_is_removed_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
