/* Files: limits, replacing, and staying inside a directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/usage.h"
#include "base/xalloc.h"

static char root[] = "/tmp/sluice-test-XXXXXX";
static int at = -1;

static int set_up(void **state)
{
	(void)state;
	(void)strcpy(root + sizeof root - 7, "XXXXXX");
	if (!mkdtemp(root))
		return -1;
	at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return at < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)close(at);
	return io_remove_tree(AT_FDCWD, root);
}

static void put(const char *name, const char *text)
{
	assert_int_equal(io_put_file_fast(at, name, text, strlen(text), 0644), 0);
}

static void assert_holds(const char *name, const char *text)
{
	struct strbuf sb = STRBUF_INIT(1024);

	assert_int_equal(io_read_file(at, name, &sb), 0);
	assert_string_equal(strbuf_str(&sb), text);
	strbuf_release(&sb);
}

static void assert_absent(const char *name)
{
	assert_int_equal(faccessat(at, name, F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_read_limit_n_and_one_more(void **state)
{
	struct strbuf sb = STRBUF_INIT(5);

	(void)state;
	put("five", "12345");
	assert_int_equal(io_read_file(at, "five", &sb), 0);
	assert_string_equal(strbuf_str(&sb), "12345");
	strbuf_release(&sb);
	put("six", "123456");
	assert_int_equal(io_read_file(at, "six", &sb), -EFBIG);
	strbuf_release(&sb);
	assert_int_equal(io_read_file(at, "none", &sb), -ENOENT);
	put("empty", "");
	assert_int_equal(io_read_file(at, "empty", &sb), 0);
	assert_string_equal(strbuf_str(&sb), "");
	strbuf_release(&sb);
}

static void test_read_goes_over_many_chunks(void **state)
{
	enum { LEN = 700001 };
	char *data = malloc(LEN);
	struct strbuf sb = STRBUF_INIT(LEN);

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < LEN; i++)
		data[i] = (char)(i * 31 % 251);
	assert_int_equal(io_put_file(at, "big", data, LEN, 0600, false), 0);
	assert_int_equal(io_read_file(at, "big", &sb), 0);
	assert_int_equal(sb.len, LEN);
	assert_memory_equal(sb.buf, data, LEN);
	strbuf_release(&sb);
	free(data);
}

static void test_write_to_a_full_device(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, "x", 1), -ENOSPC);
	assert_int_equal(io_write_all(fd, "", 0), 0);
	(void)close(fd);
}

static void test_put_replaces_only_when_told(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(io_put_file(at, "f", "one", 3, 0640, false), 0);
	assert_int_equal(io_put_file(at, "f", "two", 3, 0640, false), -EEXIST);
	assert_holds("f", "one");
	assert_int_equal(io_put_file(at, "f", "three", 5, 0604, true), 0);
	assert_holds("f", "three");
	assert_int_equal(fstatat(at, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(st.st_nlink, 1);
	/* Nothing of it stays behind. */
	assert_int_equal(unlinkat(at, "f", 0), 0);
	assert_int_equal(rmdir(root), 0);
	assert_int_equal(mkdir(root, 0755), 0);
}

static void test_remove_tree_follows_no_link(void **state)
{
	AUTO_FREE char *gone = xasprintf("%s/gone", root);
	struct progress progress = { 0 };
	struct usage usage = { 0 };
	struct usage without = { .without = "ink" };

	(void)state;
	assert_int_equal(mkdirat(at, "keep", 0755), 0);
	put("keep/file", "precious");
	assert_int_equal(io_mkdirs_beneath(at, "gone/a/b", 0755), 0);
	put("gone/a/b/file", "x");
	assert_int_equal(symlinkat("../keep", at, "gone/link"), 0);
	assert_int_equal(symlinkat("../../keep/file", at, "gone/a/link"), 0);
	assert_int_equal(usage_add(gone, &usage), 0);
	assert_int_equal(usage.all, 5);
	assert_int_equal(usage_add(gone, &without), 0);
	assert_int_equal(without.entries, 1);
	assert_int_equal(without.all, 4);
	assert_int_equal(io_remove_tree_watched(at, "gone", &progress), 0);
	assert_int_equal(atomic_load(&progress.done), usage.all);
	assert_absent("gone");
	assert_holds("keep/file", "precious");
	/* A link itself is removed, not what it names. */
	assert_int_equal(symlinkat("keep", at, "to-keep"), 0);
	assert_int_equal(io_remove_tree(at, "to-keep"), 0);
	assert_absent("to-keep");
	assert_holds("keep/file", "precious");
	assert_int_equal(io_remove_tree(at, "never-was"), 0);
}

static void test_remove_tree_beside_another_that_does(void **state)
{
	(void)state;
	for (int round = 0; round < 100; round++) {
		int status;
		pid_t other;

		for (char dir[] = "twice/a/b"; dir[6] < 'g'; dir[6]++)
			assert_int_equal(io_mkdirs_beneath(at, dir, 0755), 0);
		put("twice/a/b/file", "x");
		other = fork();
		assert_true(other >= 0);
		if (other == 0)
			_exit(io_remove_tree(at, "twice") != 0);
		assert_int_equal(io_remove_tree(at, "twice"), 0);
		assert_int_equal(waitpid(other, &status, 0), other);
		assert_int_equal(status, 0);
		assert_absent("twice");
	}
}

static void test_open_beneath_stays_below(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(mkdirat(at, "d", 0755), 0);
	put("d/f", "x");
	put("outside", "x");
	assert_int_equal(symlinkat("f", at, "d/link"), 0);
	assert_int_equal(symlinkat("..", at, "d/up"), 0);
	fd = io_open_beneath(at, "d/f", O_RDONLY, 0);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	(void)close(fd);
	assert_int_equal(io_open_beneath(at, "d/link", O_RDONLY, 0), -ELOOP);
	assert_int_equal(io_open_beneath(at, "d/up/outside", O_RDONLY, 0), -ELOOP);
	assert_int_equal(io_open_beneath(at, "../x", O_RDONLY, 0), -EXDEV);
	assert_int_equal(io_open_beneath(at, "d/../../x", O_RDONLY, 0), -EXDEV);
	assert_int_equal(io_open_beneath(at, "/etc/passwd", O_RDONLY, 0), -EXDEV);
	assert_int_equal(io_open_beneath(at, "d/none", O_RDONLY, 0), -ENOENT);
}

static void test_open_in_root_keeps_links_inside(void **state)
{
	char text[2] = "";
	int fd;

	(void)state;
	assert_int_equal(mkdirat(at, "etc", 0755), 0);
	put("etc/real", "R");
	assert_int_equal(symlinkat("/etc/real", at, "absolute"), 0);
	assert_int_equal(symlinkat("../../../../etc/real", at, "climbing"), 0);
	for (int i = 0; i < 2; i++) {
		fd = io_open_in_root(at, i ? "climbing" : "absolute", O_RDONLY);
		assert_true(fd >= 0);
		assert_int_equal(read(fd, text, 1), 1);
		assert_string_equal(text, "R");
		(void)close(fd);
	}
}

static void test_mkdirs_beneath(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(io_mkdirs_beneath(at, "x//y/z/", 0700), 0);
	assert_int_equal(fstatat(at, "x/y/z", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(at, "x/y", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(io_mkdirs_beneath(at, "x/y/z", 0700), 0);
	assert_int_equal(symlinkat("/tmp", at, "out"), 0);
	assert_true(io_mkdirs_beneath(at, "out/sluice-never", 0755) < 0);
	assert_int_equal(access("/tmp/sluice-never", F_OK), -1);
	assert_int_equal(io_mkdirs_beneath(at, "../sluice-never", 0755), -EXDEV);
	put("file", "x");
	assert_true(io_mkdirs_beneath(at, "file/below", 0755) < 0);
}

static void test_copy(void **state)
{
	int in;
	int out;

	(void)state;
	put("from", "0123456789");
	in = openat(at, "from", O_RDONLY | O_CLOEXEC);
	out = openat(at, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_true(in >= 0 && out >= 0);
	assert_int_equal(lseek(in, 4, SEEK_SET), 4);
	assert_int_equal(io_copy(in, out), 0);
	assert_holds("to", "456789");
	(void)close(in);
	(void)close(out);
	/* A file whose size says 0. */
	in = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	out = openat(at, "proc", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_true(in >= 0 && out >= 0);
	assert_int_equal(io_copy(in, out), 0);
	assert_true(lseek(out, 0, SEEK_END) > 0);
	(void)close(in);
	(void)close(out);
}

/* /tmp may be a file system that reflinks, so that it is not shown here how: only that. */
static void test_copy_keeps_holes(void **state)
{
	enum { FAR = 1 << 30 };
	struct stat from;
	struct stat to;
	char end[4] = "";
	int in;
	int out;

	(void)state;
	in = openat(at, "sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	out = openat(at, "sparse-copy", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_true(in >= 0 && out >= 0);
	assert_int_equal(pwrite(in, "begin", 5, 0), 5);
	assert_int_equal(pwrite(in, "far", 3, FAR), 3);
	assert_int_equal(ftruncate(in, FAR + 100 * 4096), 0);
	assert_int_equal(io_copy(in, out), 0);
	assert_int_equal(fstat(in, &from), 0);
	assert_int_equal(fstat(out, &to), 0);
	assert_int_equal(to.st_size, from.st_size);
	assert_true(to.st_blocks <= from.st_blocks);
	assert_int_equal(pread(out, end, 3, FAR), 3);
	assert_string_equal(end, "far");
	assert_int_equal(pread(out, end, 3, 2), 3);
	assert_string_equal(end, "gin");
	assert_int_equal(pread(out, end, 1, FAR - 1), 1);
	assert_int_equal(end[0], 0);
	(void)close(in);
	(void)close(out);
}

static void test_component(void **state)
{
	(void)state;
	assert_true(io_is_component("a"));
	assert_true(io_is_component("..."));
	assert_true(io_is_component(".hidden"));
	assert_false(io_is_component(""));
	assert_false(io_is_component("."));
	assert_false(io_is_component(".."));
	assert_false(io_is_component("a/b"));
	assert_false(io_is_component("a/"));
}

/* Where the file system has such a mark. */
static void test_set_apart(void **state)
{
	int before, after;

	(void)state;
	if (ioctl(at, FS_IOC_GETFLAGS, &before) != 0)
		skip();
	after = before | FS_TOPDIR_FL;
	if (ioctl(at, FS_IOC_SETFLAGS, &after) != 0)
		skip();
	assert_int_equal(ioctl(at, FS_IOC_SETFLAGS, &before), 0);
	io_set_apart(root);
	io_set_apart(root);
	assert_int_equal(ioctl(at, FS_IOC_GETFLAGS, &after), 0);
	assert_int_equal(after, before | FS_TOPDIR_FL);
	io_set_apart("/dev/null");
	io_set_apart("/nowhere");
}

static void test_lock_excludes(void **state)
{
	int first = lock_take(at, "lock", LOCK_EXCLUSIVE, false);
	int shared;

	(void)state;
	assert_true(first >= 0);
	assert_int_equal(lock_take(at, "lock", LOCK_EXCLUSIVE, false), -EWOULDBLOCK);
	assert_int_equal(lock_take(at, "lock", LOCK_SHARED, false), -EWOULDBLOCK);
	(void)close(first);
	first = lock_take(at, "lock", LOCK_SHARED, false);
	shared = lock_take(at, "lock", LOCK_SHARED, true);
	assert_true(first >= 0 && shared >= 0);
	assert_int_equal(lock_take(at, "lock", LOCK_EXCLUSIVE, false), -EWOULDBLOCK);
	(void)close(first);
	(void)close(shared);
	assert_int_equal(lock_take(at, "no/such/lock", LOCK_SHARED, false), -ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_limit_n_and_one_more),
		TEST(test_read_goes_over_many_chunks),
		TEST(test_write_to_a_full_device),
		TEST(test_put_replaces_only_when_told),
		TEST(test_remove_tree_follows_no_link),
		TEST(test_remove_tree_beside_another_that_does),
		TEST(test_open_beneath_stays_below),
		TEST(test_open_in_root_keeps_links_inside),
		TEST(test_mkdirs_beneath),
		TEST(test_copy),
		TEST(test_copy_keeps_holes),
		TEST(test_component),
		TEST(test_set_apart),
		TEST(test_lock_excludes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
