#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "store/internal.h"

int first_error_keep(struct first_error *first, size_t at, const struct error *err)
{
	(void)pthread_mutex_lock(&first->lock);
	if (!first->set || at < first->at) {
		first->set = true;
		first->at = at;
		first->err = *err;
	}
	(void)pthread_mutex_unlock(&first->lock);
	return err->class;
}

const char *quote(const char *s, char buf[QUOTE_SIZE])
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT((size_t)4 * QUOTE_SIZE);

	strbuf_addprintable(&text, s, QUOTE_SIZE - 8);
	(void)snprintf(buf, QUOTE_SIZE, "%s", strbuf_str(&text));
	return buf;
}

/* Makes and opens one of the store's directories. */
static int open_folder(const char *home, const char *name, int *ret_fd, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", home, name);
	int rc = io_mkdirs(path, 0755);
	int fd;

	if (rc < 0)
		return error_sys(err, rc, "cannot make directory '%s'", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open directory '%s'", path);
	*ret_fd = fd;
	return 0;
}

static int make_folders(const struct store *store, struct error *err)
{
	static const char *const names[] = { "objects", "large", "manifests", "trees", "seen" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (mkdirat(store->fd, names[i], 0755) != 0 && errno != EEXIST)
			return error_sys(err, errno, "cannot make directory '%s/%s'", store->path,
			                 names[i]);
	return 0;
}

int store_open(const char *home, struct store **ret_store, struct error *err)
{
	struct store *store = xcalloc(1, sizeof *store);
	int rc;

	*store = (struct store){ .fd = -1, .tmp = -1, .datasets = -1 };
	store->path = xasprintf("%s/store", home);
	rc = open_folder(home, "store", &store->fd, err);
	if (rc == 0)
		rc = open_folder(home, "store/datasets", &store->datasets, err);
	if (rc == 0)
		rc = open_folder(home, "tmp", &store->tmp, err);
	if (rc == 0)
		rc = make_folders(store, err);
	if (rc < 0) {
		store_close(store);
		return rc;
	}
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	cleanup_fd(&store->fd);
	cleanup_fd(&store->tmp);
	cleanup_fd(&store->datasets);
	free(store->path);
	free(store);
}

const char *store_path(const struct store *store)
{
	return store->path;
}

int store_sync(struct store *store, struct error *err)
{
	if (syncfs(store->fd) != 0)
		return error_sys(err, errno, "cannot write '%s' to disk", store->path);
	return 0;
}

/*
 * Two files: the lock, and a gate before it through which everybody goes.  The kernel lets sharers
 * pass one who waits to be alone, so the sweep closes the gate while it waits.  It opens it again
 * after a while, because one who holds the lock may need another share of it before letting go.
 */
int store_lock(struct store *store, enum lock_how how, struct error *err)
{
	AUTO_FD int gate = lock_take(store->fd, "gate.lock", LOCK_SHARED, true);
	int fd = gate < 0 ? gate : lock_take(store->fd, "lock", how, true);

	return fd < 0 ? error_sys(err, fd, "cannot lock '%s/lock'", store->path) : fd;
}

enum { GATE_CLOSED_MS = 200, GATE_OPEN_MS = 100, GATE_LOOK_MS = 2 };

static void rest_ms(int64_t ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&time, NULL);
}

/* -EWOULDBLOCK if it was not to be had while the gate was closed. */
static int try_lock_sweep(struct store *store)
{
	AUTO_FD int gate = lock_take(store->fd, "gate.lock", LOCK_EXCLUSIVE, true);
	int64_t end = clock_mono_ms() + GATE_CLOSED_MS;
	int fd;

	if (gate < 0)
		return gate;
	while ((fd = lock_take(store->fd, "lock", LOCK_EXCLUSIVE, false)) == -EWOULDBLOCK &&
	       clock_mono_ms() < end)
		rest_ms(GATE_LOOK_MS);
	return fd;
}

int store_lock_sweep(struct store *store, int64_t patience_ms, void (*waiting)(void *arg),
                     void *arg, struct error *err)
{
	int64_t since = clock_mono_ms();
	int fd;

	while ((fd = try_lock_sweep(store)) == -EWOULDBLOCK) {
		if (clock_mono_ms() - since >= patience_ms)
			waiting(arg);
		rest_ms(GATE_OPEN_MS);
	}
	return fd < 0 ? error_sys(err, fd, "cannot lock '%s/lock'", store->path) : fd;
}

int store_lock_names(struct store *store, struct error *err)
{
	int fd = lock_take(store->fd, "names.lock", LOCK_EXCLUSIVE, true);

	return fd < 0 ? error_sys(err, fd, "cannot lock '%s/names.lock'", store->path) : fd;
}

/* Is the locked file still the one that others would lock?  Deleting a dataset takes it away.
 * -ESTALE: it is not. */
static int check_lock_of(struct store *store, const char *dataset_id, int fd)
{
	char path[DATASET_ID_LEN + sizeof "/.lock"];
	struct stat held;
	struct stat there;

	(void)snprintf(path, sizeof path, "%s/.lock", dataset_id);
	if (fstat(fd, &held) != 0)
		return -errno;
	if (fstatat(store->datasets, path, &there, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? -ESTALE : -errno;
	return held.st_dev == there.st_dev && held.st_ino == there.st_ino ? 0 : -ESTALE;
}

/* Whoever removes the whole home under our feet leaves us a directory without a name. */
static bool is_removed(int dirfd)
{
	struct stat st;

	return fstat(dirfd, &st) == 0 && st.st_nlink == 0;
}

/* -ESTALE if the dataset was deleted meanwhile. */
static int try_lock_dataset(struct store *store, const char *dataset_id)
{
	int rc = io_mkdirs_beneath(store->datasets, dataset_id, 0755);
	AUTO_FD int dir = rc < 0 ? rc : io_open_beneath(store->datasets, dataset_id, O_PATH, 0);
	AUTO_FD int fd = dir < 0 ? dir : lock_take(dir, ".lock", LOCK_EXCLUSIVE, true);

	/* The directory may be gone between each two of these steps. */
	if (fd == -ENOENT)
		return is_removed(store->datasets) ? -ENOENT : -ESTALE;
	rc = fd < 0 ? fd : check_lock_of(store, dataset_id, fd);
	return rc < 0 ? rc : take_fd(&fd);
}

int store_lock_dataset(struct store *store, const char *dataset_id, struct error *err)
{
	int fd;

	do
		fd = try_lock_dataset(store, dataset_id);
	while (fd == -ESTALE);
	return fd < 0 ? error_sys(err, fd, "cannot lock dataset '%s'", dataset_id) : fd;
}
