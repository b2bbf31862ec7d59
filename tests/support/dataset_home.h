/*
 * What the tests of datasets share.  Include after cmocka.  Their fixtures have a `struct error
 * err`, which OK() prints when a call fails.
 */
#ifndef SUPPORT_DATASET_HOME_H
#define SUPPORT_DATASET_HOME_H

#include <fcntl.h>
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
