/* Manifests become directories again, and files come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/wait.h>

#include "base/xalloc.h"
#include "tests/support/store_home.h"

static char *tree_of(struct store_home *h, const struct digest *manifest)
{
	struct error err;
	char *path;

	if (store_tree(h->store, manifest, &path, &err) != 0)
		fail_msg("%s", err.msg);
	return path;
}

static void make_source(struct store_home *h)
{
	store_home_text(h, "in/a/b/file", "hello\n");
	store_home_text(h, "in/a-b", "other\n");
	store_home_write(h, "in/run", "hello\n", 6, 0755);
	assert_int_equal(io_mkdirs_beneath(h->dir, "in/a/empty/deep", 0755), 0);
	assert_int_equal(symlinkat("a/b", h->dir, "in/link"), 0);
}

static void a_tree_is_what_was_added(void **state)
{
	struct store_home *h = *state;
	struct digest d = digest_of("hello\n", 6);
	struct store_tree_info info;
	struct store_tree_info again;
	char object[160];
	char target[16] = "";
	struct stat st;

	make_source(h);
	info = store_home_add(h, "in", 0);
	AUTO_FREE char *path = tree_of(h, &info.manifest);
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	assert_int_equal(fstatat(dir, "a/b/file", &st, 0), 0);
	assert_int_equal(st.st_ino,
	                 store_home_stat(h, store_home_object("objects", &d, "", object)).st_ino);
	assert_int_equal(fstatat(dir, "run", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0555);
	assert_int_equal(fstatat(dir, "a/empty/deep", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(readlinkat(dir, "link", target, sizeof target), 3);
	assert_string_equal(target, "a/b");

	assert_int_equal(store_add_tree(h->store, path, NULL, &again, &(struct error){ 0 }), 0);
	assert_true(digest_equal(&info.manifest, &again.manifest));
	assert_int_equal(again.new_bytes, 0);
}

static void a_tree_is_made_once(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info info;
	struct stat first;
	struct stat second;

	make_source(h);
	info = store_home_add(h, "in", 0);
	AUTO_FREE char *path = tree_of(h, &info.manifest);
	assert_int_equal(stat(path, &first), 0);
	AUTO_FREE char *again = tree_of(h, &info.manifest);
	assert_int_equal(stat(again, &second), 0);
	assert_string_equal(path, again);
	assert_int_equal(first.st_ino, second.st_ino);
	assert_int_equal(first.st_mtim.tv_nsec, second.st_mtim.tv_nsec);
}

static void several_may_ask_for_a_tree_at_once(void **state)
{
	enum { ASKERS = 6 };
	struct store_home *h = *state;
	struct store_tree_info info;
	pid_t pid[ASKERS];
	int status;

	for (int i = 0; i < 300; i++) {
		char path[64];

		snprintf(path, sizeof path, "in/d%d/f%d", i % 5, i);
		store_home_text(h, path, path);
	}
	info = store_home_add(h, "in", 0);
	for (int i = 0; i < ASKERS; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0) {
			struct error err;
			char *path;

			_exit(store_tree(h->store, &info.manifest, &path, &err) != 0);
		}
	}
	for (int i = 0; i < ASKERS; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	/* The losers leave nothing behind. */
	assert_int_equal(unlinkat(h->dir, "tmp", AT_REMOVEDIR), 0);
}

static void an_unknown_manifest_is_not_found(void **state)
{
	struct store_home *h = *state;
	struct digest d = digest_of("x", 1);
	struct error err;
	char *path;

	assert_int_equal(store_tree(h->store, &d, &path, &err), SLUICE_NOT_FOUND);
	assert_int_equal(unlinkat(h->dir, "tmp", AT_REMOVEDIR), 0);
}

static void a_tree_with_a_missing_object_is_not_made(void **state)
{
	struct store_home *h = *state;
	struct digest d = digest_of("other\n", 6);
	struct store_tree_info info;
	struct error err;
	char object[160];
	char *path;

	make_source(h);
	info = store_home_add(h, "in", 0);
	assert_int_equal(unlinkat(h->dir, store_home_object("objects", &d, "", object), 0), 0);
	assert_int_equal(store_tree(h->store, &info.manifest, &path, &err), SLUICE_CORRUPT);
	assert_string_equal(err.msg, "the object of file 'a-b' is missing");
	assert_int_equal(unlinkat(h->dir, "tmp", AT_REMOVEDIR), 0);
}

static void more_links_than_the_file_system_allows_are_made(void **state)
{
	struct store_home *h = *state;
	struct digest d = digest_of("hello\n", 6);
	struct store_tree_info info;
	struct error err;
	char object[160];
	char name[32];
	int n = 0;

	store_home_text(h, "in/a", "hello\n");
	info = store_home_add(h, "in", 0);
	store_home_object("objects", &d, "", object);
	assert_int_equal(mkdirat(h->dir, "links", 0755), 0);
	do
		snprintf(name, sizeof name, "links/%d", n++);
	while (n < 70000 && linkat(h->dir, object, h->dir, name, 0) == 0);
	if (n == 70000)
		skip(); /* this file system allows more */
	ino_t full = store_home_stat(h, object).st_ino;
	free(tree_of(h, &info.manifest));
	assert_true(store_home_stat(h, object).st_ino != full);
	assert_int_equal(store_home_stat(h, object).st_nlink, 2);
	assert_int_equal(store_verify(h->store, &info.manifest, &err), 0);
}

static void a_prefix_lists_what_lies_at_or_below_it(void **state)
{
	static const struct {
		const char *prefix;
		const char *want;
	} row[] = {
		{ "", "f a-b\nf a/b/file\nd a/empty/deep\nl link -> a/b\nx run\n" },
		{ "a", "f a/b/file\nd a/empty/deep\n" },
		{ "a/b", "f a/b/file\n" },
		{ "a/b/file", "f a/b/file\n" },
		{ "a-b", "f a-b\n" },
		{ "a/b/fil", "" },
		{ "z", "" },
		{ "0", "" },
	};
	struct store_home *h = *state;
	struct store_tree_info info;

	make_source(h);
	info = store_home_add(h, "in", 0);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char *list = store_home_list(h, &info.manifest, row[i].prefix);

		assert_string_equal(list, row[i].want);
		free(list);
	}
}

static int count_to_three(void *arg, const struct store_entry *e)
{
	int *n = arg;

	(void)e;
	return ++*n == 3 ? 42 : 0;
}

static void a_walk_ends_when_told_and_says_so(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info info;
	struct error err;
	int n = 0;

	make_source(h);
	info = store_home_add(h, "in", 0);
	assert_int_equal(store_each(h->store, &info.manifest, "", count_to_three, &n, &err), 42);
	assert_int_equal(n, 3);
}

/* So many files that there are several segments, by the law of the cuts: f201 ends none, but the
 * numbers up to 9999 end about ten. */
static void many_files_make_several_segments(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info info;
	struct store_tree_info stat;
	struct error err;
	char *list;
	size_t lines = 0;
	char root[160];

	for (int i = 0; i < 4000; i++) {
		char path[64];

		snprintf(path, sizeof path, "in/d%d/f%d", i / 400, i);
		store_home_text(h, path, "x");
	}
	info = store_home_add(h, "in", STORE_ADOPT);
	assert_int_equal(store_tree_stat(h->store, &info.manifest, &stat, &err), 0);
	assert_int_equal(stat.files, 4000);
	assert_int_equal(stat.bytes, 4000);
	assert_int_equal(stat.new_bytes, 0);
	/* More than the header and one part, which have less than 128 bytes. */
	store_home_object("manifests", &info.manifest, "", root);
	assert_true(store_home_stat(h, root).st_size > 2 * 128);
	list = store_home_list(h, &info.manifest, "");
	for (const char *p = list; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 4000);
	free(list);
	list = store_home_list(h, &info.manifest, "d7");
	assert_memory_equal(list, "f d7/f2800\n", 11);
	lines = 0;
	for (const char *p = list; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 400);
	free(list);
	assert_int_equal(store_verify(h->store, &info.manifest, &err), 0);
}

static void a_large_file_is_verified_by_its_chunks(void **state)
{
	enum { SIZE = (9 << 20) + 7 };
	struct store_home *h = *state;
	char *zeros = xcalloc(1, SIZE);
	struct store_tree_info info;
	struct error err;
	char object[160];
	char *list;

	store_home_write(h, "in/big", zeros, SIZE, 0644);
	info = store_home_add(h, "in", 0);
	list = store_home_list(h, &info.manifest, "");
	assert_string_equal(list, "c big\n");
	free(list);
	/* Three chunks: the list is made by hand. */
	struct strbuf text = STRBUF_INIT(4096);
	char hex[DIGEST_HEX_LEN + 1];
	struct digest four = digest_of(zeros, 4 << 20);
	struct digest rest = digest_of(zeros, SIZE - (8 << 20));
	struct digest file;
	strbuf_addf(&text, "sluice-chunks 1\n%s\n", digest_hex(&four, hex));
	strbuf_addf(&text, "%s\n", hex);
	strbuf_addf(&text, "%s\nsize %d\n", digest_hex(&rest, hex), SIZE);
	file = digest_of(strbuf_str(&text), text.len);
	strbuf_release(&text);

	assert_int_equal(store_verify(h->store, &info.manifest, &err), 0);
	zeros[5 << 20] = 1;
	store_home_write(h, store_home_object("large", &file, "", object), zeros, SIZE, 0444);
	assert_int_equal(store_verify(h->store, &info.manifest, &err), SLUICE_CORRUPT);
	free(zeros);
}

static void a_damaged_manifest_is_refused(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info info;
	struct store_tree_info stat;
	struct error err;
	char path[160];

	make_source(h);
	info = store_home_add(h, "in", 0);
	store_home_write(h, store_home_object("manifests", &info.manifest, "", path),
	                 "sluice-manifest 1\n", 18, 0444);
	assert_int_equal(store_tree_stat(h->store, &info.manifest, &stat, &err), SLUICE_CORRUPT);
	assert_int_equal(store_verify(h->store, &info.manifest, &err), SLUICE_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, store_home_setup, store_home_teardown)
		TEST(a_tree_is_what_was_added),
		TEST(a_tree_is_made_once),
		TEST(several_may_ask_for_a_tree_at_once),
		TEST(an_unknown_manifest_is_not_found),
		TEST(a_tree_with_a_missing_object_is_not_made),
		TEST(more_links_than_the_file_system_allows_are_made),
		TEST(a_prefix_lists_what_lies_at_or_below_it),
		TEST(a_walk_ends_when_told_and_says_so),
		TEST(many_files_make_several_segments),
		TEST(a_large_file_is_verified_by_its_chunks),
		TEST(a_damaged_manifest_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
