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
#include "base/xalloc.h"
#include "store/diff.h"

enum { MANY = 3000 }; /* more than a segment has */

struct fixture {
	char top[64];
	struct store *store;
	struct error err;
};

static const struct diff_how plain = { .flags = 0 };

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	AUTO_FREE char *home = NULL;

	strcpy(f->top, "/tmp/test-diff-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	home = xasprintf("%s/home", f->top);
	assert_int_equal(io_mkdirs(home, 0755), 0);
	assert_int_equal(store_open(home, &f->store, &f->err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->top), 0);
	free(f);
	return 0;
}

static void make_file(const struct fixture *f, const char *path, const char *text)
{
	AUTO_FREE char *full = xasprintf("%s/%s", f->top, path);
	AUTO_FREE char *above = xstrndup(full, (size_t)(strrchr(full, '/') - full));
	AUTO_FD int fd = -1;

	assert_int_equal(io_mkdirs(above, 0755), 0);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
}

static struct digest add(struct fixture *f, const char *path)
{
	AUTO_FREE char *full = xasprintf("%s/%s", f->top, path);
	struct store_tree_info info;

	assert_int_equal(store_add_tree(f->store, full, NULL, &info, &f->err), 0);
	return info.manifest;
}

static int add_change(void *arg, const struct diff_change *c)
{
	struct strbuf *sb = arg;

	strbuf_addf(sb, "%c", "ADMR"[c->what]);
	if (c->from)
		strbuf_addf(sb, " -%s", c->from->path);
	if (c->to)
		strbuf_addf(sb, " +%s", c->to->path);
	strbuf_addch(sb, '\n');
	return 0;
}

static void assert_diff(struct fixture *f, unsigned flags, const char *want)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1 << 20);
	struct digest a = add(f, "a");
	struct digest b = add(f, "b");
	struct progress progress = { 0 };
	const struct diff_how how = { .flags = flags, .progress = &progress };

	assert_int_equal(store_diff(f->store, &a, &b, &how, add_change, &sb, &f->err), 0);
	assert_true(atomic_load(&progress.total) > 0);
	assert_int_equal(atomic_load(&progress.done), atomic_load(&progress.total));
	assert_string_equal(strbuf_str(&sb), want);
}

static void test_kinds_of_change(void **state)
{
	struct fixture *f = *state;

	make_file(f, "a/changed", "1");
	make_file(f, "b/changed", "2");
	make_file(f, "a/same", "same");
	make_file(f, "b/same", "same");
	make_file(f, "a/gone", "gone");
	make_file(f, "b/new", "new");
	assert_diff(*state, DIFF_RENAMES, "M -changed +changed\nD -gone\nA +new\n");
}

/* Two of the same content are two renames, the rest was removed; nothing is told of empty files. */
static void test_renames(void **state)
{
	struct fixture *f = *state;

	make_file(f, "a/1", "x");
	make_file(f, "a/2", "x");
	make_file(f, "a/3", "x");
	make_file(f, "b/0", "x");
	make_file(f, "b/z/9", "x");
	make_file(f, "a/empty", "");
	make_file(f, "b/void", "");
	assert_diff(f, DIFF_RENAMES, "R -1 +0\nD -3\nD -empty\nA +void\nR -2 +z/9\n");
	assert_diff(f, 0, "A +0\nD -1\nD -2\nD -3\nD -empty\nA +void\nA +z/9\n");
}

static void test_nothing_on_one_side(void **state)
{
	struct fixture *f = *state;
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1 << 20);
	AUTO_FREE char *empty = NULL;
	struct digest some;
	struct digest none;

	make_file(f, "a/1", "x");
	make_file(f, "b/1", "x");
	assert_diff(f, 0, "");
	some = add(f, "a");
	empty = xasprintf("%s/empty", f->top);
	assert_int_equal(io_mkdirs(empty, 0755), 0);
	none = add(f, "empty");
	assert_int_equal(store_diff(f->store, &some, &none, &plain, add_change, &sb, &f->err), 0);
	assert_int_equal(store_diff(f->store, &none, &some, &plain, add_change, &sb, &f->err), 0);
	assert_string_equal(strbuf_str(&sb), "D -1\nA +1\n");
}

/* Over many segments, shared ones and others: each change is found, and nothing else. */
static void test_many(void **state)
{
	struct fixture *f = *state;
	AUTO_STRBUF struct strbuf want = STRBUF_INIT(1 << 20);

	for (int i = 0; i < MANY; i++) {
		AUTO_FREE char *a = xasprintf("a/%06d", i);
		AUTO_FREE char *b = xasprintf("b/%06d", i);

		if (i % 500 != 7)
			make_file(f, a, "text");
		if (i % 700 != 9)
			make_file(f, b, "text");
		if (i % 500 == 7)
			strbuf_addf(&want, "A +%06d\n", i);
		else if (i % 700 == 9)
			strbuf_addf(&want, "D -%06d\n", i);
	}
	assert_diff(f, 0, strbuf_str(&want));
}

static int stop(void *arg, const struct diff_change *change)
{
	(void)change;
	++*(int *)arg;
	return 42;
}

static void test_stops_when_told(void **state)
{
	struct fixture *f = *state;
	struct digest a;
	struct digest b;
	const struct diff_how renames = { .flags = DIFF_RENAMES };
	int n = 0;

	make_file(f, "a/1", "x");
	make_file(f, "b/2", "y");
	a = add(f, "a");
	b = add(f, "b");
	assert_int_equal(store_diff(f->store, &a, &b, &plain, stop, &n, &f->err), 42);
	assert_int_equal(store_diff(f->store, &a, &b, &renames, stop, &n, &f->err), 42);
	assert_int_equal(n, 2);
	a.b[0] ^= 1;
	assert_int_equal(store_diff(f->store, &a, &b, &plain, stop, &n, &f->err), SLUICE_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kinds_of_change, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_on_one_side, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stops_when_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
