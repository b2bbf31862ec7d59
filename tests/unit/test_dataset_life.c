/* What can be changed in the life of a dataset and its versions, and what cannot. */
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

static int never(void *arg, const struct store_entry *entry)
{
	(void)arg;
	fail_msg("'%s' is there", entry->path);
	return 0;
}

static int is_a_txt(void *arg, const struct store_entry *entry)
{
	assert_string_equal(entry->path, "a.txt");
	++*(int *)arg;
	return 0;
}

/* Every function that could change a version, by the handle from before its commit, too. */
static void nothing_changes_a_committed_version(void **state)
{
	static const char *const all[] = { "/" };
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "texts");
	struct dataset_version open = dataset_home_open(f->d, &ds, "one");
	struct dataset_version v = open;
	struct store_tree_info info = { .files = 7 };
	const struct dataset_maker maker = { .job = "job", .attempt = 1 };
	struct dataset_version handles[2];
	AUTO_FREE char *path = NULL;
	int lock = -1;
	int files = 0;

	OK(f, datasets_commit(f->d, &v, NULL, NULL, &f->err));
	handles[0] = v;
	handles[1] = open;
	for (int i = 0; i < 2; i++) {
		struct dataset_version h = handles[i];

		assert_int_equal(datasets_put(f->d, &h, "/proc/self/comm", "", &f->err),
		                 SLUICE_EXISTS);
		assert_int_equal(datasets_remove(f->d, &h, all, 1, NULL, &f->err), SLUICE_EXISTS);
		assert_int_equal(datasets_open_path(f->d, &h, &path, &f->err), SLUICE_EXISTS);
		assert_int_equal(datasets_hand_over(f->d, &h, &maker, &f->err), SLUICE_EXISTS);
		assert_int_equal(datasets_commit(f->d, &h, f->home, NULL, &f->err), SLUICE_EXISTS);
		assert_int_equal(datasets_commit_bytes(f->d, &h, NULL, NULL, &info, &lock, &f->err),
		                 SLUICE_EXISTS);
		assert_int_equal(datasets_commit_record(f->d, &h, NULL, &info, -1, &f->err),
		                 SLUICE_EXISTS);
		assert_int_equal(datasets_drop_version(f->d, &h, &f->err), SLUICE_INVALID);
		assert_false(datasets_is_taken(f->d, &h));
	}
	OK(f, datasets_resolve(f->d, "texts", &open, &f->err));
	assert_string_equal(open.id, v.id);
	assert_true(digest_equal(&open.manifest, &v.manifest));
	assert_int_equal(open.files, 1);
	OK(f, datasets_each_file(f->d, &open, "", is_a_txt, &files, &f->err));
	assert_int_equal(files, 1);
	OK(f, store_verify(datasets_store(f->d), &v.manifest, &f->err));
}

static void a_message_is_all_that_can_be_said_anew(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "texts");
	struct dataset_version v = dataset_home_commit(f->d, &ds, "one");
	struct dataset_version is;

	OK(f, datasets_set_message(f->d, &v, "another", &f->err));
	OK(f, datasets_resolve(f->d, "texts", &is, &f->err));
	assert_string_equal(is.message, "another");
	assert_string_equal(is.id, v.id);
	assert_true(is.committed && digest_equal(&is.manifest, &v.manifest));
	assert_int_equal(is.seq, v.seq);
	assert_int_equal(is.committed_ms, v.committed_ms);
	v.id[0] = v.id[0] == 'a' ? 'b' : 'a';
	assert_int_equal(datasets_set_message(f->d, &v, "x", &f->err), SLUICE_NOT_FOUND);
}

/* --- what a killed writer leaves ---------------------------------------------------------- */

/* As if a writer had been killed after it replaced a record, and before the row. */
static void replace(struct dataset_home *f, const char *what, const char *path, const char *from,
                    const char *to)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(4096);
	AUTO_FREE char *changed = NULL;
	const char *at;

	OK(f, catalog_put_intent(datasets_catalog(f->d), what, &f->err));
	OK(f, store_get_record(datasets_store(f->d), path, &text, &f->err));
	at = strstr(strbuf_str(&text), from);
	assert_non_null(at);
	changed = xasprintf("%.*s%s%s", (int)(at - text.buf), text.buf, to, at + strlen(from));
	OK(f, store_put_record(datasets_store(f->d), path, changed, true, &f->err));
	datasets_close(f->d);
	OK(f, datasets_open(f->home, &f->d, &f->err));
}

static void a_killed_rename_is_finished(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "before");
	struct dataset is;
	AUTO_FREE char *path = xasprintf("%s/dataset.json", ds.id);

	replace(f, ds.id, path, "\"before\"", "\"after\"");
	assert_int_equal(datasets_find(f->d, "before", &is, &f->err), SLUICE_NOT_FOUND);
	OK(f, datasets_find(f->d, "after", &is, &f->err));
	assert_string_equal(is.id, ds.id);
}

static void a_killed_move_of_a_tag_is_finished(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "texts");
	struct dataset_version one = dataset_home_commit(f->d, &ds, "one");
	struct dataset_version two = dataset_home_commit(f->d, &ds, "two");
	struct dataset_version is;
	AUTO_FREE char *path = xasprintf("%s/tags/best", ds.id);

	OK(f, datasets_set_tag(f->d, &one, "best", &f->err));
	replace(f, path, path, one.id, two.id);
	OK(f, datasets_resolve(f->d, "texts:best", &is, &f->err));
	assert_string_equal(is.id, two.id);
}

static void a_killed_change_of_a_message_is_finished(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "texts");
	struct dataset_version v = dataset_home_commit(f->d, &ds, "one");
	struct dataset_version is;
	AUTO_FREE char *path = xasprintf("%s/versions/%s.json", ds.id, v.id);
	AUTO_FREE char *what = xasprintf("%s/%s", ds.id, v.id);

	replace(f, what, path, "a message", "a word");
	OK(f, datasets_resolve(f->d, "texts", &is, &f->err));
	assert_string_equal(is.message, "a word");
	assert_true(is.committed);
}

static void a_killed_attempt_to_rename_is_forgotten(void **state)
{
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "before");
	struct dataset is;

	OK(f, catalog_put_intent(datasets_catalog(f->d), ds.id, &f->err));
	datasets_close(f->d);
	OK(f, datasets_open(f->home, &f->d, &f->err));
	OK(f, datasets_find(f->d, "before", &is, &f->err));
	assert_string_equal(is.description, "about it");
	OK(f, datasets_update(f->d, &ds, "after", NULL, &f->err));
	assert_string_equal(ds.name, "after");
	assert_string_equal(ds.description, "about it");
}

/* --- taking out ------------------------------------------------------------------------------- */

static void links_are_taken_out_and_not_followed(void **state)
{
	static const char *const link[] = { "out/link" };
	static const char *const through[] = { "out/link/a.txt" };
	struct dataset_home *f = *state;
	struct dataset ds = dataset_home_create(f, "texts");
	struct dataset_version v = dataset_home_open(f->d, &ds, "one");
	AUTO_FREE char *data = NULL;
	AUTO_FREE char *outside = xasprintf("%s/outside", f->home);
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *at = NULL;

	OK(f, datasets_open_path(f->d, &v, &data, &f->err));
	dir = xasprintf("%s/out", data);
	at = xasprintf("%s/link", dir);
	assert_int_equal(mkdir(outside, 0755), 0);
	assert_int_equal(mkdir(dir, 0755), 0);
	dataset_home_write(outside, "a.txt", "not ours");
	assert_int_equal(symlink(outside, at), 0);
	assert_int_equal(datasets_remove(f->d, &v, through, 1, NULL, &f->err), SLUICE_NOT_FOUND);
	OK(f, datasets_remove(f->d, &v, link, 1, NULL, &f->err));
	OK(f, datasets_each_file(f->d, &v, "out", never, NULL, &f->err));
	assert_int_equal(access(dir, F_OK), -1); /* it was left empty */
	free(take_ptr(&at));
	at = xasprintf("%s/a.txt", outside);
	assert_int_equal(access(at, F_OK), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, dataset_home_setup, dataset_home_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_changes_a_committed_version),
		T(a_message_is_all_that_can_be_said_anew),
		T(a_killed_rename_is_finished),
		T(a_killed_move_of_a_tag_is_finished),
		T(a_killed_change_of_a_message_is_finished),
		T(a_killed_attempt_to_rename_is_forgotten),
		T(links_are_taken_out_and_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
