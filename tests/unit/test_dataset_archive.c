/* Archives as the files of a version: what may be in them, and what is refused by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "dataset/archive.h"
#include "tests/support/tar_maker.h"

struct fixture {
	char dir[64];
	int to;
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test-dataset-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->to = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->to >= 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)close(f->to);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->dir), 0);
	free(f);
	return 0;
}

typedef int form_fn(struct archive *a);

/* An archive in memory, of this format and compression. */
static int make(const struct tar_entry *entries, size_t n, form_fn *format, form_fn *filter)
{
	struct bytes out;
	struct archive *a = tar_maker_open(&out);
	AUTO_FD int fd = memfd_create("archive", MFD_CLOEXEC);

	assert_int_equal(format(a), ARCHIVE_OK);
	assert_int_equal(filter(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, out.at, TAR_ROOM, &out.len), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++)
		tar_put(a, &entries[i], entries[i].data ? strlen(entries[i].data) : 0);
	out = tar_maker_close(a, &out);
	assert_int_equal(io_write_all(fd, out.at, out.len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	free(out.at);
	return take_fd(&fd);
}

static int unpack(struct fixture *f, const struct tar_entry *entries, size_t n, form_fn *format,
                  form_fn *filter)
{
	AUTO_FD int fd = make(entries, n, format, filter);

	return archive_unpack(fd, f->to, "a.tar", NULL, &f->err);
}

static void expect_file(const struct fixture *f, const char *path, const char *want, mode_t mode)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	struct stat st;

	assert_int_equal(io_read_file(f->to, path, &text), 0);
	assert_string_equal(strbuf_str(&text), want);
	assert_int_equal(fstatat(f->to, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFREG | mode);
}

static bool is_there(const struct fixture *f, const char *path)
{
	struct stat st;

	return fstatat(f->to, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_every_form(void **state)
{
	static const struct tar_entry entries[] = {
		{ .path = "./", .type = AE_IFDIR },
		{ .path = "top/", .type = AE_IFDIR, .mode = 0700 },
		{ .path = "top/file", .data = "one" },
		{ .path = "./top/run", .data = "two", .mode = 04711 },
		{ .path = "deep/er/\xc3\xa4", .data = "three", .mode = 0600 },
		{ .path = "top/link", .data = "../deep/er", .type = AE_IFLNK },
		{ .path = "top/file", .data = "later" },
		{ .path = "empty/", .type = AE_IFDIR },
	};
	static const struct {
		form_fn *format, *filter;
	} forms[] = {
		{ archive_write_set_format_ustar, archive_write_add_filter_none },
		{ archive_write_set_format_pax, archive_write_add_filter_gzip },
		{ archive_write_set_format_gnutar, archive_write_add_filter_zstd },
		{ archive_write_set_format_pax, archive_write_add_filter_xz },
		{ archive_write_set_format_pax, archive_write_add_filter_bzip2 },
		{ archive_write_set_format_zip, archive_write_add_filter_none },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		char target[32] = "";

		if (unpack(f, entries, sizeof entries / sizeof entries[0], forms[i].format,
		           forms[i].filter) != 0)
			fail_msg("form %zu: %s", i, f->err.msg);
		expect_file(f, "top/file", "later", 0644);
		expect_file(f, "top/run", "two", 0755);
		expect_file(f, "deep/er/\xc3\xa4", "three", 0644);
		assert_true(readlinkat(f->to, "top/link", target, sizeof target - 1) > 0);
		assert_string_equal(target, "../deep/er");
		assert_true(is_there(f, "empty"));
		assert_int_equal(io_remove_tree(f->to, "top"), 0);
		assert_int_equal(io_remove_tree(f->to, "deep"), 0);
		assert_int_equal(io_remove_tree(f->to, "empty"), 0);
	}
}

static void test_hard_links_are_copies(void **state)
{
	static const struct tar_entry entries[] = {
		{ .path = "a", .data = "one", .mode = 0755 },
		{ .path = "b/c", .data = "./a", .type = TAR_HARDLINK },
		{ .path = "a", .data = "a", .type = TAR_HARDLINK },
	};
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(
		unpack(f, entries, 3, archive_write_set_format_pax, archive_write_add_filter_none),
		0);
	expect_file(f, "a", "one", 0755);
	expect_file(f, "b/c", "one", 0755);
	assert_int_equal(fstatat(f->to, "a", &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
}

/* The second entry is refused, and nothing is written outside. */
static void test_refused(void **state)
{
	static const struct {
		struct tar_entry first, second;
		const char *want;
	} row[] = {
		{ { .path = "a", .data = "" },
		  { .path = "/tmp/x", .data = "" },
		  "'/tmp/x' leads out" },
		{ { .path = "a", .data = "" }, { .path = "../x", .data = "" }, "'../x' leads out" },
		{ { .path = "a", .data = "" }, { .path = "d/../../x", .data = "" }, "leads out" },
		{ { .path = "l", .data = "d", .type = AE_IFLNK },
		  { .path = "l/x", .data = "" },
		  "'l/x' stands where another entry has something else" },
		{ { .path = "a", .data = "" },
		  { .path = "a/x", .data = "" },
		  "'a/x' stands where" },
		{ { .path = "a/x", .data = "" }, { .path = "a", .data = "" }, "'a' stands where" },
		{ { .path = "a", .data = "" },
		  { .path = "l", .data = "/etc/passwd", .type = AE_IFLNK },
		  "'l' is a link that may lead out" },
		{ { .path = "a", .data = "" },
		  { .path = "d/l", .data = "../../x", .type = AE_IFLNK },
		  "'d/l' is a link that may lead out" },
		{ { .path = "d/up", .data = "..", .type = AE_IFLNK },
		  { .path = "d/l", .data = "up/../..", .type = AE_IFLNK },
		  "'d/l' is a link that may lead out" },
		{ { .path = "a", .data = "" },
		  { .path = "h", .data = "/etc/passwd", .type = TAR_HARDLINK },
		  "'h' is a hard link to no file" },
		{ { .path = "a", .data = "" },
		  { .path = "h", .data = "../a", .type = TAR_HARDLINK },
		  "'h' is a hard link to no file" },
		{ { .path = "l", .data = "x", .type = AE_IFLNK },
		  { .path = "h", .data = "l", .type = TAR_HARDLINK },
		  "'h' is a hard link to no file" },
		{ { .path = "a", .data = "" },
		  { .path = "p", .type = AE_IFIFO },
		  "'p' is neither" },
		{ { .path = "a", .data = "" },
		  { .path = "c", .type = AE_IFCHR },
		  "'c' is neither" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		const struct tar_entry both[] = { row[i].first, row[i].second };
		int rc = unpack(f, both, 2, archive_write_set_format_pax,
		                archive_write_add_filter_none);

		if (rc != SLUICE_INVALID || !strstr(f->err.msg, row[i].want))
			fail_msg("row %zu: %d '%s' does not say: %s", i, rc, f->err.msg,
			         row[i].want);
		assert_non_null(strstr(f->err.msg, "cannot unpack 'a.tar'"));
		(void)!io_remove_tree(f->to, "a");
		(void)!io_remove_tree(f->to, "d");
		(void)!io_remove_tree(f->to, "l");
	}
}

static void test_damaged(void **state)
{
	static const struct tar_entry entry = { .path = "a", .data = "some content of a file" };
	struct fixture *f = *state;
	AUTO_FD int cut =
		make(&entry, 1, archive_write_set_format_pax, archive_write_add_filter_gzip);
	AUTO_FD int other = memfd_create("no archive", MFD_CLOEXEC);
	struct stat st;

	assert_int_equal(fstat(cut, &st), 0);
	assert_int_equal(ftruncate(cut, st.st_size - 20), 0);
	assert_int_equal(archive_unpack(cut, f->to, "a.tar", NULL, &f->err), SLUICE_INVALID);
	assert_int_equal(io_write_all(other, "text\n", 5), 0);
	assert_int_equal(lseek(other, 0, SEEK_SET), 0);
	assert_int_equal(archive_unpack(other, f->to, "a.tar", NULL, &f->err), SLUICE_INVALID);
	assert_non_null(strstr(f->err.msg, "neither tar nor zip"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_every_form),
		TEST(test_hard_links_are_copies),
		TEST(test_refused),
		TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
