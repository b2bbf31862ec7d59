/*
 * A home with datasets, for a test.  Include after cmocka.  Who needs no more than struct
 * dataset_home takes it with its setup and teardown; fixtures of other kinds have a `struct error
 * err`, too, which OK() prints when a call fails.
 */
#ifndef SUPPORT_DATASET_HOME_H
#define SUPPORT_DATASET_HOME_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/dataset.h"

#define OK(f, call) assert_int_equal(dataset_home_say((call), &(f)->err, __LINE__), 0)

static inline int dataset_home_say(int rc, const struct error *err, int line)
{
	if (rc != 0)
		(void)fprintf(stderr, "line %d: %s\n", line, err->msg);
	return rc;
}

/* An empty home. */
static inline void dataset_home_make(char ret_home[64], struct datasets **ret_datasets)
{
	struct error err;

	strcpy(ret_home, "/tmp/test-dataset-XXXXXX");
	assert_non_null(mkdtemp(ret_home));
	assert_int_equal(datasets_open(ret_home, ret_datasets, &err), 0);
}

static inline void dataset_home_remove(const char *home, struct datasets *datasets)
{
	datasets_close(datasets);
	assert_int_equal(io_remove_tree(AT_FDCWD, home), 0);
}

struct dataset_home {
	char home[64];
	struct datasets *d;
	struct dataset ds; /* see dataset_home_setup_one() */
	struct error err;
};

static inline int dataset_home_setup(void **state)
{
	struct dataset_home *f = calloc(1, sizeof *f);

	assert_non_null(f);
	dataset_home_make(f->home, &f->d);
	*state = f;
	return 0;
}

/* The same with a dataset "d". */
static inline int dataset_home_setup_one(void **state)
{
	struct dataset_home *f;

	(void)dataset_home_setup(state);
	f = *state;
	OK(f, datasets_create(f->d, "d", NULL, NULL, &f->ds, &f->err));
	return 0;
}

static inline int dataset_home_teardown(void **state)
{
	struct dataset_home *f = *state;

	dataset_home_remove(f->home, f->d);
	free(f);
	return 0;
}

static inline void dataset_home_reopen(struct dataset_home *f)
{
	datasets_close(f->d);
	f->d = NULL;
	OK(f, datasets_open(f->home, &f->d, &f->err));
}

/* The catalog is made anew from the records. */
static inline void dataset_home_reopen_without_catalog(struct dataset_home *f)
{
	static const char *const files[] = { "catalog.db", "catalog.db-wal", "catalog.db-shm" };

	datasets_close(f->d);
	f->d = NULL;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", f->home, files[i]);

		(void)unlink(path);
	}
	dataset_home_reopen(f);
}

static inline struct dataset dataset_home_create(struct dataset_home *f, const char *name)
{
	struct dataset made;

	OK(f, datasets_create(f->d, name, "about it", NULL, &made, &f->err));
	return made;
}

/* How much garbage there was. */
static inline uint64_t dataset_home_collect(struct datasets *d, bool dry_run)
{
	const struct datasets_gc_how how = { .dry_run = dry_run };
	struct datasets_gc_result result;
	struct error err;

	if (datasets_gc(d, &how, &result, &err) != 0)
		fail_msg("%s", err.msg);
	return result.store.objects + result.store.trees + result.store.leftovers;
}

static int dataset_home_n_files;

static inline int dataset_home_count_one(const char *path, const struct stat *st, int type,
                                         struct FTW *ftw)
{
	(void)path, (void)st, (void)ftw;
	dataset_home_n_files += type != FTW_D;
	return 0;
}

/* How many files lie below a directory of the home. */
static inline int dataset_home_count_files(const char *home, const char *dir)
{
	AUTO_FREE char *path = xasprintf("%s/%s", home, dir);

	dataset_home_n_files = 0;
	assert_int_equal(nftw(path, dataset_home_count_one, 16, FTW_PHYS), 0);
	return dataset_home_n_files;
}

static inline void dataset_home_write(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
}

/* An open version whose only file is a.txt. */
static inline struct dataset_version dataset_home_open(struct datasets *datasets,
                                                       const struct dataset *ds, const char *text)
{
	struct dataset_version v;
	AUTO_FREE char *path = NULL;
	struct error err;

	if (datasets_open_version(datasets, ds, "a message", NULL, &v, &err) != 0 ||
	    datasets_open_path(datasets, &v, &path, &err) != 0)
		fail_msg("%s", err.msg);
	dataset_home_write(path, "a.txt", text);
	return v;
}

static inline struct dataset_version dataset_home_commit(struct datasets *datasets,
                                                         const struct dataset *ds, const char *text)
{
	struct dataset_version v = dataset_home_open(datasets, ds, text);
	struct error err;

	if (datasets_commit(datasets, &v, NULL, NULL, &err) != 0)
		fail_msg("%s", err.msg);
	return v;
}

#endif
