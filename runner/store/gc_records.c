/* Records that were half written, and what deleted datasets and versions left beside them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "store/gc.h"
#include "store/internal.h"

static int drop_leftover(int dirfd, const char *name, bool dry_run, uint64_t *count)
{
	++*count;
	return dry_run ? 0 : io_remove_tree(dirfd, name);
}

typedef bool leftover_fn(int dirfd, const char *name);

static int sweep_dir(struct store *store, const char *path, leftover_fn *is_leftover, bool dry_run,
                     uint64_t *count, struct error *err)
{
	AUTO_DIR DIR *dir = io_open_dir(store->datasets, path);
	const struct dirent *e;
	int rc = 0;

	while (rc == 0 && dir && (e = readdir(dir)))
		if (is_leftover(dirfd(dir), e->d_name))
			rc = drop_leftover(dirfd(dir), e->d_name, dry_run, count);
	return rc < 0 ? error_sys(err, rc, "cannot tidy up '%s/datasets/%s'", store->path, path)
	              : 0;
}

static bool is_half_written(int dirfd, const char *name)
{
	(void)dirfd;
	return strncmp(name, ".tmp-", 5) == 0;
}

static bool has_record(int dirfd, const char *ver)
{
	char record[VERSION_ID_LEN + sizeof ".json"];

	(void)snprintf(record, sizeof record, "%.*s.json", (int)VERSION_ID_LEN, ver);
	return faccessat(dirfd, record, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* VER.data, VER.part and .VER.lock of an open version that is no more. */
static bool is_left_open(int dirfd, const char *name)
{
	const char *ver = name[0] == '.' ? name + 1 : name;
	const char *end = strlen(ver) > VERSION_ID_LEN ? ver + VERSION_ID_LEN : "";
	bool is_left = name[0] == '.' ? strcmp(end, ".lock") == 0
	                              : strcmp(end, ".data") == 0 || strcmp(end, ".part") == 0;

	return is_half_written(dirfd, name) || (is_left && !has_record(dirfd, ver));
}

int store_sweep_dataset(struct store *store, const char *dataset_id, bool dry_run, uint64_t *count,
                        struct error *err)
{
	static const struct {
		const char *folder;
		leftover_fn *fn;
	} part[] = {
		{ ".", is_half_written },
		{ "versions", is_half_written },
		{ "tags", is_half_written },
		{ "open", is_left_open },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof part / sizeof *part; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dataset_id, part[i].folder);

		rc = sweep_dir(store, path, part[i].fn, dry_run, count, err);
	}
	return rc;
}

int store_sweep_records(struct store *store, const char *path, bool dry_run, uint64_t *count,
                        struct error *err)
{
	return sweep_dir(store, path, is_half_written, dry_run, count, err);
}

static bool is_deleted(int dirfd, const char *name)
{
	(void)dirfd;
	return strncmp(name, STORE_DELETED_PREFIX, strlen(STORE_DELETED_PREFIX)) == 0;
}

int store_sweep_deleted(struct store *store, bool dry_run, uint64_t *count, struct error *err)
{
	return sweep_dir(store, ".", is_deleted, dry_run, count, err);
}
