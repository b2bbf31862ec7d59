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

struct fixture {
	char top[64]; /* home, src and out lie in it */
	struct datasets *d;
	struct dataset_version v; /* open */
	struct error err;
};

static char *at(const struct fixture *f, const char *path)
{
	return xasprintf("%s/%s", f->top, path);
}

static void make_dir(const struct fixture *f, const char *path)
{
	AUTO_FREE char *full = at(f, path);

	assert_int_equal(io_mkdirs(full, 0755), 0);
}

static void make_file(const struct fixture *f, const char *path, const char *text, mode_t mode)
{
	AUTO_FREE char *full = at(f, path);
	AUTO_FD int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void make_link(const struct fixture *f, const char *path, const char *target)
{
	AUTO_FREE char *full = at(f, path);

	assert_int_equal(symlink(target, full), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	AUTO_FREE char *home = NULL;
	struct dataset ds;

	assert_non_null(f);
	strcpy(f->top, "/tmp/test-dataset-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	home = at(f, "home");
	make_dir(f, "home");
	make_dir(f, "src/dir/sub");
	make_dir(f, "src/dir/empty");
	make_file(f, "src/one.txt", "one", 0600);
	make_file(f, "src/dir/two.sh", "second", 0700);
	make_file(f, "src/dir/sub/three", "third!!", 0644);
	make_link(f, "src/dir/link", "../../../../etc/passwd");
	assert_int_equal(datasets_open(home, &f->d, &f->err), 0);
	assert_int_equal(datasets_create(f->d, "d", NULL, NULL, &ds, &f->err), 0);
	assert_int_equal(datasets_open_version(f->d, &ds, NULL, NULL, &f->v, &f->err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	datasets_close(f->d);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->top), 0);
	free(f);
	return 0;
}

static int put(struct fixture *f, const char *source, const char *target)
{
	AUTO_FREE char *full = at(f, source);

	f->err.msg[0] = '\0';
	return datasets_put(f->d, &f->v, full, target, &f->err);
}

static int get(struct fixture *f, const char *source, const char *target)
{
	AUTO_FREE char *full = at(f, target);

	f->err.msg[0] = '\0';
	return datasets_get(f->d, &f->v, source, full, NULL, &f->err);
}

static void commit(struct fixture *f)
{
	assert_int_equal(datasets_commit(f->d, &f->v, NULL, NULL, &f->err), 0);
}

static int add_entry(void *arg, const struct store_entry *e)
{
	char *text = arg;
	size_t len = strlen(text);

	(void)snprintf(text + len, 1024 - len, "%c %d %s%s%s\n", e->kind, (int)e->size, e->path,
	               e->target ? " -> " : "", e->target ? e->target : "");
	return 0;
}

static void expect_files(struct fixture *f, const char *prefix, const char *expected)
{
	char text[1024] = "";

	assert_int_equal(datasets_each_file(f->d, &f->v, prefix, add_entry, text, &f->err), 0);
	assert_string_equal(text, expected);
}

static void expect_file(const struct fixture *f, const char *path, const char *text, mode_t mode)
{
	AUTO_FREE char *full = at(f, path);
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(4096);
	struct stat st;

	assert_int_equal(lstat(full, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | mode);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(io_read_file(AT_FDCWD, full, &sb), 0);
	assert_string_equal(strbuf_str(&sb), text);
}

static bool exists(const struct fixture *f, const char *path)
{
	AUTO_FREE char *full = at(f, path);
	struct stat st;

	return lstat(full, &st) == 0;
}

static void put_follows_the_path_rules(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *source, *target, *lands;
	} cases[] = {
		{ "src/one.txt", "", "f 3 one.txt\n" },
		{ "src/one.txt", "/", "f 3 one.txt\n" },
		{ "src/one.txt", "/a//b/", "f 3 a/b/one.txt\n" },
		{ "src/dir/sub", "", "f 7 sub/three\n" },
		{ "src/dir/sub/", "", "f 7 three\n" },
		{ "src/dir/sub", "x", "f 7 x/sub/three\n" },
		{ "src/dir/sub/", "/x", "f 7 x/three\n" },
		{ "src/dir/sub/.", "", "f 7 sub/three\n" },
		{ "src/dir/empty", "", "d 0 empty\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO_FREE char *data = NULL;

		assert_int_equal(put(f, cases[i].source, cases[i].target), 0);
		expect_files(f, "", cases[i].lands);
		assert_int_equal(datasets_open_path(f->d, &f->v, &data, &f->err), 0);
		assert_int_equal(io_remove_tree(AT_FDCWD, data), 0);
	}
}

static const char whole[] = "d 0 dir/empty\n"
			    "l 22 dir/link -> ../../../../etc/passwd\n"
			    "f 7 dir/sub/three\n"
			    "x 6 dir/two.sh\n";

static void an_open_version_lists_as_the_committed_one(void **state)
{
	struct fixture *f = *state;
	char open[1024] = "", committed[1024] = "";

	assert_int_equal(put(f, "src/dir", ""), 0);
	assert_int_equal(datasets_each_file(f->d, &f->v, "", add_entry, open, &f->err), 0);
	expect_files(f, "/dir/sub/", "f 7 dir/sub/three\n");
	expect_files(f, "none", "");
	commit(f);
	assert_int_equal(f->v.files, 3);
	assert_int_equal(datasets_each_file(f->d, &f->v, "", add_entry, committed, &f->err), 0);
	expect_files(f, "/dir/sub/", "f 7 dir/sub/three\n");
	expect_files(f, "none", "");
	assert_string_equal(open, whole);
	/* A link's size is no promise of the manifest. */
	assert_non_null(strstr(committed, "x 6 dir/two.sh\n"));
	assert_non_null(strstr(committed, "d 0 dir/empty\n"));
	assert_non_null(strstr(committed, " dir/link -> ../../../../etc/passwd\n"));
}

static void put_replaces_files_and_adds_to_directories(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f, "src/dir/sub/", "x"), 0);
	make_file(f, "src/dir/sub/three", "new", 0644);
	make_file(f, "src/dir/sub/four", "4", 0644);
	assert_int_equal(put(f, "src/dir/sub/", "x"), 0);
	expect_files(f, "", "f 1 x/four\nf 3 x/three\n");
	assert_int_equal(put(f, "src/one.txt", "x/three"), SLUICE_INVALID);
	assert_non_null(strstr(f->err.msg, "one.txt"));
	make_dir(f, "src/other/one.txt");
	assert_int_equal(put(f, "src/other", "y"), 0);
	assert_int_equal(put(f, "src/one.txt", "y/other"), SLUICE_SYSTEM);
	expect_files(f, "", "f 1 x/four\nf 3 x/three\nd 0 y/other/one.txt\n");
}

static void put_never_writes_through_a_link(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *outside = at(f, "outside");

	make_dir(f, "outside");
	make_dir(f, "src/l");
	make_link(f, "src/l/out", outside);
	make_link(f, "src/l/one.txt", "../outside/victim");
	assert_int_equal(put(f, "src/l/", ""), 0);
	assert_int_equal(put(f, "src/one.txt", "out"), SLUICE_INVALID);
	assert_non_null(strstr(f->err.msg, "symbolic link"));
	assert_int_equal(put(f, "src/dir", "out"), SLUICE_INVALID);
	assert_false(exists(f, "outside/one.txt"));
	assert_false(exists(f, "outside/dir"));
	/* The link itself gives way to the file. */
	assert_int_equal(put(f, "src/one.txt", ""), 0);
	assert_false(exists(f, "outside/victim"));
	expect_files(f, "one.txt", "f 3 one.txt\n");
}

static void put_refuses_what_cannot_be_kept(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *fifo = at(f, "src/dir/pipe");

	assert_int_equal(put(f, "src/none", ""), SLUICE_NOT_FOUND);
	assert_non_null(strstr(f->err.msg, "there is no file or directory"));
	assert_int_equal(put(f, "src/one.txt", "../x"), SLUICE_INVALID);
	assert_int_equal(put(f, "src/one.txt", "a/../../x"), SLUICE_INVALID);
	assert_int_equal(put(f, "", ""), SLUICE_INVALID); /* the home lies in it */
	assert_non_null(strstr(f->err.msg, "into itself"));
	assert_int_equal(mkfifo(fifo, 0644), 0);
	assert_int_equal(put(f, "src/dir/pipe", ""), SLUICE_INVALID);
	assert_int_equal(put(f, "src/dir", ""), SLUICE_INVALID);
	assert_non_null(strstr(f->err.msg, "'pipe'"));
	commit(f);
	assert_int_equal(put(f, "src/one.txt", ""), SLUICE_EXISTS);
	assert_non_null(strstr(f->err.msg, "committed already and cannot change"));
}

static void put_takes_any_name_and_depth(void **state)
{
	struct fixture *f = *state;
	struct strbuf deep = STRBUF_INIT(8192);
	AUTO_FREE char *name = NULL;
	char text[8192] = "";

	strbuf_addstr(&deep, "src/deep");
	for (int i = 0; i < 100; i++)
		strbuf_addstr(&deep, "/d");
	make_dir(f, strbuf_str(&deep));
	strbuf_addstr(&deep, "/a\n\xff b");
	make_file(f, strbuf_str(&deep), "x", 0644);
	assert_int_equal(put(f, "src/deep", ""), 0);
	name = strbuf_detach(&deep);
	(void)snprintf(text, sizeof text, "f 1 %s\n", name + 4);
	expect_files(f, "", text);
	commit(f);
	assert_int_equal(get(f, "/", "out"), 0);
	(void)snprintf(text, sizeof text, "out/%s", name + 4);
	expect_file(f, text, "x", 0644);
}

static void get_follows_the_path_rules(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f, "src/dir", "a"), 0);
	commit(f);
	assert_int_equal(get(f, "/a/dir/two.sh", "out/x/renamed"), 0);
	expect_file(f, "out/x/renamed", "second", 0755);
	assert_int_equal(get(f, "a/dir/sub", "out1"), 0);
	expect_file(f, "out1/a/dir/sub/three", "third!!", 0644);
	assert_int_equal(get(f, "a/dir/sub/", "out2"), 0);
	expect_file(f, "out2/three", "third!!", 0644);
	assert_int_equal(get(f, "/", "out3"), 0);
	expect_file(f, "out3/a/dir/two.sh", "second", 0755);
	assert_true(exists(f, "out3/a/dir/empty"));
	assert_true(exists(f, "out3/a/dir/link"));
	assert_int_equal(get(f, "", "out4"), 0);
	expect_file(f, "out4/a/dir/sub/three", "third!!", 0644);

	assert_int_equal(get(f, "a/none", "out5"), SLUICE_NOT_FOUND);
	assert_int_equal(get(f, "a/dir/two.sh/", "out5"), SLUICE_NOT_FOUND);
	assert_int_equal(get(f, "a/../../x", "out5"), SLUICE_INVALID);
	assert_int_equal(get(f, "a/dir/link/x", "out5"), SLUICE_NOT_FOUND);
	assert_false(exists(f, "out5"));
	assert_int_equal(get(f, "a/dir/two.sh", "out3/"), SLUICE_INVALID);
	assert_int_equal(get(f, "a/dir/two.sh", "out3"), SLUICE_INVALID);
}

static void get_reads_open_versions_too(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f, "src/dir", ""), 0);
	assert_int_equal(get(f, "dir/", "out"), 0);
	expect_file(f, "out/sub/three", "third!!", 0644);
}

static void get_never_writes_through_a_link(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *outside = at(f, "outside");

	assert_int_equal(put(f, "src/dir/sub", ""), 0);
	commit(f);
	make_dir(f, "outside");
	make_file(f, "outside/victim", "safe", 0644);
	make_dir(f, "out/sub");
	make_link(f, "out/sub/three", "../../outside/victim");
	assert_int_equal(get(f, "/", "out"), 0);
	expect_file(f, "out/sub/three", "third!!", 0644);
	expect_file(f, "outside/victim", "safe", 0644);
	make_dir(f, "out2");
	make_link(f, "out2/sub", outside);
	assert_int_equal(get(f, "/", "out2"), SLUICE_INVALID);
	assert_non_null(strstr(f->err.msg, "symbolic link"));
	assert_false(exists(f, "outside/three"));
}

static ino_t inode(const struct fixture *f, const char *path)
{
	AUTO_FREE char *full = at(f, path);
	struct stat st;

	assert_int_equal(lstat(full, &st), 0);
	return st.st_ino;
}

static void get_keeps_what_is_there_and_replaces_what_differs(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *script = at(f, "out/dir/two.sh");
	AUTO_FREE char *second = at(f, "second-name");
	ino_t three, shown_link, two;

	assert_int_equal(put(f, "src/dir", ""), 0);
	commit(f);
	assert_int_equal(get(f, "/", "out"), 0);
	three = inode(f, "out/dir/sub/three");
	shown_link = inode(f, "out/dir/link");
	make_file(f, "out/dir/two.sh", "SECOND", 0755);
	make_file(f, "out/mine", "mine", 0600);
	assert_int_equal(get(f, "/", "out"), 0);
	expect_file(f, "out/dir/two.sh", "second", 0755);
	expect_file(f, "out/mine", "mine", 0600);
	assert_true(inode(f, "out/dir/sub/three") == three);
	assert_true(inode(f, "out/dir/link") == shown_link);

	assert_int_equal(chmod(script, 0644), 0);
	assert_int_equal(get(f, "/", "out"), 0);
	expect_file(f, "out/dir/two.sh", "second", 0755);
	/* A change by the second name would be one of both. */
	two = inode(f, "out/dir/two.sh");
	assert_int_equal(link(script, second), 0);
	assert_int_equal(get(f, "/", "out"), 0);
	expect_file(f, "out/dir/two.sh", "second", 0755);
	assert_true(inode(f, "out/dir/two.sh") != two);
}

static void expect_counted(struct progress *p, uint64_t bytes)
{
	assert_int_equal(atomic_load(&p->total), bytes);
	assert_int_equal(atomic_load(&p->done), bytes);
	atomic_store(&p->total, 0);
	atomic_store(&p->done, 0);
}

static void whoever_looks_sees_every_byte_counted(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *dir = at(f, "src/dir");
	AUTO_FREE char *file = at(f, "src/one.txt");
	AUTO_FREE char *out = at(f, "out");
	struct progress progress = { .total = 0 };
	const struct datasets_put_how how = { .target = "", .progress = &progress };
	const struct store_watch watch = { .progress = &progress };
	const struct datasets_verify_how verify = { .progress = &progress };
	struct datasets_verify_result result;
	struct dataset ds;
	struct dataset_version v;

	assert_int_equal(datasets_put_as(f->d, &f->v, dir, &how, &f->err), 0);
	expect_counted(&progress, 13);
	assert_int_equal(datasets_put_as(f->d, &f->v, file, &how, &f->err), 0);
	expect_counted(&progress, 3);
	assert_int_equal(datasets_commit(f->d, &f->v, NULL, &watch, &f->err), 0);
	expect_counted(&progress, 16);
	for (int i = 0; i < 2; i++) { /* what is there already is compared */
		assert_int_equal(datasets_get(f->d, &f->v, "/", out, &progress, &f->err), 0);
		expect_counted(&progress, 16);
	}
	assert_int_equal(datasets_find(f->d, "d", &ds, &f->err), 0);
	assert_int_equal(datasets_open_version(f->d, &ds, NULL, NULL, &v, &f->err), 0);
	assert_int_equal(datasets_put_commit(f->d, &v, dir, how.target, &watch, &f->err), 0);
	expect_counted(&progress, 13);
	/* What two versions have is hashed once. */
	assert_int_equal(datasets_verify(f->d, &verify, &result, &f->err), 0);
	expect_counted(&progress, 16);
}

static void what_is_larger_than_a_chunk_is_counted_too(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *file = at(f, "src/large");
	AUTO_FREE char *out = at(f, "large");
	struct progress progress = { .total = 0 };
	const struct datasets_put_how how = { .target = "", .progress = &progress };
	const struct store_watch watch = { .progress = &progress };
	const struct datasets_verify_how verify = { .only = &f->v, .progress = &progress };
	struct datasets_verify_result result;
	enum { SIZE = 9000000, SPARSE = 20000000 };

	make_file(f, "src/large", "only its begin is no hole", 0644);
	assert_int_equal(truncate(file, SPARSE), 0);
	assert_int_equal(datasets_put_as(f->d, &f->v, file, &how, &f->err), 0);
	expect_counted(&progress, SPARSE);
	assert_int_equal(truncate(file, SIZE), 0);
	assert_int_equal(datasets_put_as(f->d, &f->v, file, &how, &f->err), 0);
	expect_counted(&progress, SIZE);
	assert_int_equal(datasets_commit(f->d, &f->v, NULL, &watch, &f->err), 0);
	expect_counted(&progress, SIZE);
	assert_int_equal(datasets_get(f->d, &f->v, "large", out, &progress, &f->err), 0);
	expect_counted(&progress, SIZE);
	assert_int_equal(datasets_verify(f->d, &verify, &result, &f->err), 0);
	expect_counted(&progress, SIZE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(put_follows_the_path_rules),
		T(an_open_version_lists_as_the_committed_one),
		T(put_replaces_files_and_adds_to_directories),
		T(put_never_writes_through_a_link),
		T(put_refuses_what_cannot_be_kept),
		T(put_takes_any_name_and_depth),
		T(get_follows_the_path_rules),
		T(get_reads_open_versions_too),
		T(get_never_writes_through_a_link),
		T(get_keeps_what_is_there_and_replaces_what_differs),
		T(whoever_looks_sees_every_byte_counted),
		T(what_is_larger_than_a_chunk_is_counted_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
