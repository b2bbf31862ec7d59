#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
	struct dataset_version one, two; /* both have `shared` and `large` */
	struct error err;
	struct strbuf told;
	struct datasets_verify_result result;
};

static void put(const char *dir, const char *name, const char *text, off_t size)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(ftruncate(fd, size), 0);
}

static struct dataset_version commit(struct fixture *f, const char *own)
{
	AUTO_FREE char *dir = NULL;
	struct dataset_version v;

	OK(f, datasets_open_version(f->d, &f->ds, "m", NULL, &v, &f->err));
	OK(f, datasets_open_path(f->d, &v, &dir, &f->err));
	put(dir, "shared", "shared", 6);
	put(dir, "large", "large", (9 << 20) + 1);
	put(dir, own, own, (off_t)strlen(own));
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
	f->one = commit(f, "first");
	f->two = commit(f, "number two");
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

/* "1 shared" is the file of version one, "2 -" its list of files or record, "- -" the dataset's. */
static void on_damage(void *arg, const struct datasets_damage *damage)
{
	struct fixture *f = arg;
	const char *ver = damage->version;

	assert_string_equal(damage->dataset, f->ds.id);
	strbuf_addf(&f->told, "%s %s\n",
	            !ver                          ? "-"
	            : strcmp(ver, f->one.id) == 0 ? "1"
	                                          : "2",
	            damage->path ? damage->path : "-");
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Versions come in the order of their ids, which are random. */
static void expect(struct fixture *f, const struct dataset_version *only, const char *want)
{
	const struct datasets_verify_how how = { .only = only, .damage = on_damage, .arg = f };
	struct strbuf is = STRBUF_INIT(STRBUF_BIG);
	char *line[16];
	char *rest;
	size_t n = 0;

	strbuf_release(&f->told);
	f->told = STRBUF_INIT(STRBUF_BIG);
	OK(f, datasets_verify(f->d, &how, &f->result, &f->err));
	strbuf_add(&f->told, "\n", 1); /* so that there is text */
	for (char *p = strtok_r(f->told.buf, "\n", &rest); p; p = strtok_r(NULL, "\n", &rest))
		line[n++] = p;
	if (n > 0)
		qsort(line, n, sizeof *line, by_line);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&is, "%s\n", line[i]);
	assert_string_equal(strbuf_str(&is), want);
	assert_int_equal(f->result.damage, n);
	strbuf_release(&is);
}

struct wanted {
	off_t size;
	char path[512];
};
static struct wanted wanted;

static int see(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type == FTW_F && st->st_size == wanted.size)
		(void)snprintf(wanted.path, sizeof wanted.path, "%s", path);
	return 0;
}

/* The only file of the size below a folder of the store. */
static char *object_of(struct fixture *f, const char *folder, off_t size)
{
	AUTO_FREE char *path = xasprintf("%s/store/%s", f->home, folder);

	wanted = (struct wanted){ .size = size };
	assert_int_equal(nftw(path, see, 16, FTW_PHYS), 0);
	assert_true(wanted.path[0]);
	return xstrdup(wanted.path);
}

static void flip(const char *path, off_t at)
{
	AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC);
	char c;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c = (char)(c ^ 1);
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
}

static void what_is_whole_is_hashed_once(void **state)
{
	struct fixture *f = *state;

	expect(f, NULL, "");
	assert_int_equal(f->result.versions, 2);
	/* two roots, two segments; shared, large, first, number two */
	assert_int_equal(f->result.count.objects, 8);
	assert_int_equal(f->result.count.bytes, 6 + (9 << 20) + 1 + 5 + 10);
	assert_int_equal(f->result.count.damaged, 0);
	expect(f, &f->one, "");
	assert_int_equal(f->result.versions, 1);
}

static void a_flipped_bit_is_told_for_each_version(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *small = object_of(f, "objects", 6);
	AUTO_FREE char *large = object_of(f, "large", (9 << 20) + 1);

	flip(large, 9 << 20);
	expect(f, NULL, "1 large\n2 large\n");
	assert_int_equal(f->result.count.damaged, 1);
	flip(large, 9 << 20);
	expect(f, NULL, "");
	flip(small, 5);
	expect(f, NULL, "1 shared\n2 shared\n");
	expect(f, &f->two, "2 shared\n");
}

static void what_is_missing_or_cut_is_told(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *first = object_of(f, "objects", 5);
	AUTO_FREE char *large = object_of(f, "large", (9 << 20) + 1);

	assert_int_equal(unlink(first), 0);
	assert_int_equal(truncate(large, 9 << 20), 0);
	expect(f, NULL, "1 first\n1 large\n2 large\n");
	expect(f, &f->one, "1 first\n1 large\n");
	expect(f, &f->two, "2 large\n");
	assert_int_equal(f->result.count.damaged, 1);
}

static void manifest_path(struct fixture *f, const struct dataset_version *v, char path[256])
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(&v->manifest, hex);
	(void)snprintf(path, 256, "%s/store/manifests/%.2s/%s", f->home, hex, hex + 2);
}

static void a_damaged_list_of_files_is_told(void **state)
{
	struct fixture *f = *state;
	char path[256];

	manifest_path(f, &f->two, path);
	flip(path, 30);
	expect(f, NULL, "2 -\n");
	assert_int_equal(unlink(path), 0);
	expect(f, NULL, "2 -\n");
	assert_int_equal(f->result.count.damaged, 1);
}

static void a_damaged_record_is_told(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *version =
		xasprintf("%s/store/datasets/%s/versions/%s.json", f->home, f->ds.id, f->one.id);
	AUTO_FREE char *dataset = xasprintf("%s/store/datasets/%s/dataset.json", f->home, f->ds.id);

	assert_int_equal(truncate(version, 10), 0);
	expect(f, NULL, "1 -\n");
	assert_int_equal(f->result.versions, 1);
	assert_int_equal(unlink(dataset), 0);
	expect(f, NULL, "- -\n1 -\n");
}

static void a_lost_record_is_told_and_its_bytes_stay(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *record =
		xasprintf("%s/store/datasets/%s/versions/%s.json", f->home, f->ds.id, f->one.id);
	AUTO_FREE char *dataset = xasprintf("%s/store/datasets/%s", f->home, f->ds.id);
	const struct datasets_gc_how how = { .is_dead = NULL };
	const struct datasets_recover_how nobody = { .arg = NULL };
	struct datasets_recovered recovered;
	struct datasets_gc_result r;

	assert_int_equal(unlink(record), 0);
	expect(f, NULL, "1 -\n");
	assert_int_equal(f->result.versions, 1);
	OK(f, datasets_gc(f->d, &how, &r, &f->err));
	assert_int_equal(r.store.objects, 0);
	assert_int_equal(io_remove_tree(AT_FDCWD, dataset), 0);
	expect(f, NULL, "1 -\n2 -\n");
	OK(f, datasets_gc(f->d, &how, &r, &f->err));
	assert_int_equal(r.store.objects, 0);
	datasets_close(f->d);
	OK(f, datasets_recover(f->home, &nobody, &recovered, &f->err));
	OK(f, datasets_open(f->home, &f->d, &f->err));
	expect(f, NULL, "");
	OK(f, datasets_gc(f->d, &how, &r, &f->err));
	assert_true(r.store.objects > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(what_is_whole_is_hashed_once),
		TEST(a_flipped_bit_is_told_for_each_version),
		TEST(what_is_missing_or_cut_is_told),
		TEST(a_damaged_list_of_files_is_told),
		TEST(a_damaged_record_is_told),
		TEST(a_lost_record_is_told_and_its_bytes_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
