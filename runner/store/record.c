#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/usage.h"
#include "base/xalloc.h"
#include "store/internal.h"

/* A record is written by hand nowhere; this only keeps a damaged one from filling the memory. */
enum { RECORD_MAX = 16 << 20 };

/* Makes the directories above a record, each durable before what comes into it; one that another
 * process made a moment ago may not be yet. */
static int make_parents(struct store *store, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		AUTO_FREE char *dir = xstrndup(path, (size_t)(slash - path));
		AUTO_FD int fd = -1;
		int rc = io_mkdirs_beneath(store->datasets, dir, 0755);

		if (rc < 0)
			return rc;
		fd = io_open_beneath(store->datasets, dir, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0)
			return fd;
		rc = io_fsync_dir(fd, "..");
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Opens the directory above a record; *ret_name is the last component, borrowed. */
static int open_parent(struct store *store, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");

	*ret_name = slash ? slash + 1 : path;
	return io_open_beneath(store->datasets, dir, O_RDONLY | O_DIRECTORY, 0);
}

static int put_record(struct store *store, const char *path, const char *text, mode_t mode,
                      bool replace, struct error *err)
{
	const char *name;
	int rc = make_parents(store, path);
	AUTO_FD int dir = rc < 0 ? rc : open_parent(store, path, &name);

	rc = dir < 0 ? dir : io_put_file(dir, name, text, strlen(text), mode, replace);
	if (rc == -EEXIST)
		return error_set(err, SLUICE_EXISTS, "record '%s' exists already", path);
	if (rc < 0)
		return error_sys(err, rc, "cannot write record '%s/datasets/%s'", store->path,
		                 path);
	return 0;
}

int store_put_record(struct store *store, const char *path, const char *text, bool replace,
                     struct error *err)
{
	return put_record(store, path, text, 0644, replace, err);
}

int store_put_private_record(struct store *store, const char *path, const char *text, bool replace,
                             struct error *err)
{
	return put_record(store, path, text, 0600, replace, err);
}

int store_get_record(struct store *store, const char *path, struct strbuf *ret_text,
                     struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(RECORD_MAX);
	AUTO_FD int fd = io_open_beneath(store->datasets, path, O_RDONLY, 0);
	int rc = fd < 0 ? fd : io_read_all(fd, &text);

	if (rc == -ENOENT || rc == -ENOTDIR)
		return error_set(err, SLUICE_NOT_FOUND, "there is no record '%s'", path);
	if (rc < 0)
		return error_sys(err, rc, "cannot read record '%s/datasets/%s'", store->path, path);
	strbuf_add(ret_text, strbuf_str(&text), text.len);
	if (ret_text->failed)
		return error_set(err, SLUICE_LIMIT,
		                 "record '%s' has %zu bytes, more than the %zu allowed", path,
		                 text.len, ret_text->max);
	return 0;
}

bool store_has_record(struct store *store, const char *path)
{
	AUTO_FD int fd = io_open_beneath(store->datasets, path, O_PATH, 0);

	return fd != -ENOENT && fd != -ENOTDIR;
}

int64_t store_record_ms(struct store *store, const char *path)
{
	AUTO_FD int fd = io_open_beneath(store->datasets, path, O_PATH, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

void store_confirm_record(struct store *store, const char *path)
{
	AUTO_FD int fd = io_open_beneath(store->datasets, path, O_RDONLY, 0);

	if (fd >= 0)
		(void)futimens(fd, NULL);
}

int store_delete_record(struct store *store, const char *path, struct error *err)
{
	const char *name;
	AUTO_FD int dir = open_parent(store, path, &name);
	int rc = dir < 0 ? dir : 0;

	if (rc == 0 && unlinkat(dir, name, 0) != 0)
		rc = -errno;
	if (rc == 0)
		rc = io_fsync_dir(dir, ".");
	if (rc == -ENOENT || rc == -ENOTDIR)
		return error_set(err, SLUICE_NOT_FOUND, "there is no record '%s'", path);
	return rc < 0 ? error_sys(err, rc, "cannot delete record '%s/datasets/%s'", store->path,
	                          path)
	              : 0;
}

int store_move_record_aside(struct store *store, const char *path, struct error *err)
{
	const char *name;
	AUTO_FD int dir = open_parent(store, path, &name);
	AUTO_FREE char *aside = dir < 0 ? NULL : xasprintf(".damaged-%s", name);
	int rc = dir < 0 ? dir : 0;

	if (rc == 0 && renameat(dir, name, dir, aside) != 0)
		rc = -errno;
	if (rc == 0)
		rc = io_fsync_dir(dir, ".");
	return rc < 0 ? error_sys(err, rc, "cannot move record '%s/datasets/%s' aside", store->path,
	                          path)
	              : 0;
}

int store_delete_dataset(struct store *store, const char *dataset_id,
                         char ret_deleted[STORE_DELETED_SIZE], struct error *err)
{
	char random[DATASET_ID_LEN + 1];
	int rc = 0;

	id_new_dataset(random);
	(void)snprintf(ret_deleted, STORE_DELETED_SIZE, STORE_DELETED_PREFIX "%s", random);
	if (renameat(store->datasets, dataset_id, store->datasets, ret_deleted) != 0)
		rc = -errno;
	if (rc == -ENOENT)
		return error_set(err, SLUICE_NOT_FOUND, "there is no dataset '%s'", dataset_id);
	if (rc == 0)
		rc = io_fsync_dir(store->datasets, ".");
	return rc < 0 ? error_sys(err, rc, "cannot delete '%s/datasets/%s'", store->path,
	                          dataset_id)
	              : 0;
}

void store_remove_deleted(struct store *store, const char *deleted, struct progress *progress)
{
	AUTO_FREE char *path = xasprintf("%s/datasets/%s", store->path, deleted);

	usage_expect(path, progress);
	(void)!io_remove_tree_watched(store->datasets, deleted, progress);
}

struct names {
	char **name;
	size_t n;
	size_t cap;
};

static void release_names(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->name[i]);
	free(names->name);
}

#define AUTO_NAMES __attribute__((cleanup(release_names)))

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* NULL at the end with errno 0, NULL after a failure with the reason. */
static const struct dirent *next_entry(DIR *dir)
{
	errno = 0;
	return readdir(dir);
}

/* No record's name begins with a point: such files are temporary, or locks. */
static int read_names(int fd /* takes */, struct names *names)
{
	AUTO_DIR DIR *dir = fdopendir(fd);
	const struct dirent *e;

	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	while ((e = next_entry(dir))) {
		if (e->d_name[0] == '.')
			continue;
		names->name = xgrow(names->name, names->n, &names->cap, sizeof *names->name);
		names->name[names->n++] = xstrdup(e->d_name);
	}
	return -errno;
}

int store_list_records(struct store *store, const char *path, store_name_fn *fn, void *arg,
                       struct error *err)
{
	AUTO_NAMES struct names names = { 0 };
	int fd = io_open_beneath(store->datasets, path[0] ? path : ".", O_RDONLY | O_DIRECTORY, 0);
	int rc = fd < 0 ? fd : read_names(fd, &names);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return error_sys(err, rc, "cannot list '%s/datasets/%s'", store->path, path);
	if (names.n > 0)
		qsort(names.name, names.n, sizeof *names.name, by_bytes);
	for (size_t i = 0; i < names.n; i++) {
		rc = fn(arg, names.name[i]);
		if (rc != 0)
			return rc;
	}
	return 0;
}
