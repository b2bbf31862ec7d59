#include "store/seen.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "store/internal.h"

enum { SEEN_PATH_SIZE = sizeof "seen/" + DIGEST_HEX_LEN, NS = 1000000000 };

static const char *seen_path(const char *real, char path[SEEN_PATH_SIZE])
{
	struct digest digest = digest_of(real, strlen(real));
	char hex[DIGEST_HEX_LEN + 1];

	(void)snprintf(path, SEEN_PATH_SIZE, "seen/%s", digest_hex(&digest, hex));
	return path;
}

/* --- what was noted -------------------------------------------------------------------------- */

bool seen_parse(const uint8_t *text, size_t len, struct seen *ret_seen)
{
	struct digest is;

	*ret_seen = (struct seen){ .text = NULL };
	if (len < sizeof SEEN_MAGIC + sizeof is || memcmp(text, SEEN_MAGIC, sizeof SEEN_MAGIC) != 0)
		return false;
	is = digest_of(text, len - sizeof is);
	if (memcmp(&is, text + len - sizeof is, sizeof is) != 0)
		return false;
	*ret_seen = (struct seen){ text, len - sizeof is, sizeof SEEN_MAGIC, 0 };
	return true;
}

void seen_open(struct store *store, const char *real, struct seen *ret_seen)
{
	char path[SEEN_PATH_SIZE];
	AUTO_FD int fd =
		openat(store->fd, seen_path(real, path), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	void *text;

	*ret_seen = (struct seen){ .text = NULL };
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0)
		return;
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text != MAP_FAILED && !seen_parse(text, (size_t)st.st_size, ret_seen))
		(void)munmap(text, (size_t)st.st_size);
}

void seen_close(struct seen *seen)
{
	if (seen->text)
		(void)munmap((void *)(uintptr_t)seen->text, seen->len + sizeof(struct digest));
	*seen = (struct seen){ .text = NULL };
}

struct seen_fixed seen_at(const struct seen *seen, size_t offset)
{
	struct seen_fixed fixed;

	memcpy(&fixed, seen->text + offset, sizeof fixed);
	return fixed;
}

/* The path of the next record, and its length; NULL behind the last. */
static const char *next_path(const struct seen *seen, size_t *ret_len)
{
	size_t left = seen->len - seen->at;

	if (!seen->text || left < sizeof(struct seen_fixed))
		return NULL;
	*ret_len = seen_at(seen, seen->at).path_len;
	return *ret_len <= left - sizeof(struct seen_fixed)
	               ? (const char *)seen->text + seen->at + sizeof(struct seen_fixed)
	               : NULL;
}

/* As strcmp() would; what was read may hold any byte. */
static int compare(const char *path, const char *other, size_t len)
{
	size_t own = strlen(path);
	int order = memcmp(path, other, own < len ? own : len);

	return order != 0 || own == len ? order : own < len ? -1 : 1;
}

size_t seen_find(struct seen *seen, const char *path)
{
	const char *next;
	size_t len;

	while ((next = next_path(seen, &len))) {
		size_t at = seen->at;
		int order = compare(path, next, len);

		if (order < 0)
			break;
		seen->at += sizeof(struct seen_fixed) + len;
		seen->n++;
		if (order == 0)
			return at;
	}
	return 0;
}

bool seen_is_at_end(const struct seen *seen)
{
	return seen->text && seen->at == seen->len;
}

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * NS + t->tv_nsec;
}

static bool is_executable(char kind)
{
	return object_mode(kind) & 0111;
}

bool seen_is_same(const struct seen_fixed *was, const struct stat *st)
{
	return S_ISREG(st->st_mode) && was->ino == st->st_ino && was->dev == st->st_dev &&
	       was->size == (uint64_t)st->st_size && was->mtime_ns == ns_of(&st->st_mtim) &&
	       was->ctime_ns == ns_of(&st->st_ctim) &&
	       is_executable(was->kind) == ((st->st_mode & S_IXUSR) != 0);
}

void seen_touch(struct store *store, const char *real)
{
	char path[SEEN_PATH_SIZE];

	(void)utimensat(store->fd, seen_path(real, path), NULL, AT_SYMLINK_NOFOLLOW);
}

/* --- what is to be noted --------------------------------------------------------------------- */

struct seen_writer {
	struct store *store;
	char name[DATASET_ID_LEN + 1]; /* in HOME/tmp until it is whole */
	FILE *file;
	struct digest_ctx ctx;
};

static void put(struct seen_writer *w, const void *data, size_t len)
{
	digest_update(&w->ctx, data, len);
	(void)fwrite(data, 1, len, w->file); /* ferror() tells at the end */
}

struct seen_writer *seen_begin(struct store *store)
{
	struct seen_writer *w = xcalloc(1, sizeof *w);
	int fd;

	w->store = store;
	id_new_dataset(w->name);
	fd = openat(store->tmp, w->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	w->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!w->file) {
		if (fd >= 0)
			(void)close(fd);
		free(w);
		return NULL;
	}
	digest_init(&w->ctx);
	put(w, SEEN_MAGIC, sizeof SEEN_MAGIC);
	return w;
}

void seen_fill(struct seen_fixed *fixed, const struct stat *st)
{
	fixed->dev = st->st_dev;
	fixed->ino = st->st_ino;
	fixed->size = (uint64_t)st->st_size;
	fixed->mtime_ns = ns_of(&st->st_mtim);
	fixed->ctime_ns = ns_of(&st->st_ctim);
}

void seen_add(struct seen_writer *w, const struct seen_fixed *fixed, const char *path)
{
	struct seen_fixed copy = *fixed;
	size_t len = strlen(path);

	copy.path_len = (uint16_t)len; /* a manifest takes none that is longer */
	put(w, &copy, sizeof copy);
	put(w, path, len);
}

void seen_end(struct seen_writer *w, const char *real)
{
	struct digest digest = digest_final(&w->ctx);
	char path[SEEN_PATH_SIZE];

	(void)fwrite(&digest, sizeof digest, 1, w->file);
	if (fflush(w->file) == 0 && !ferror(w->file))
		(void)renameat(w->store->tmp, w->name, w->store->fd, seen_path(real, path));
	(void)unlinkat(w->store->tmp, w->name, 0); /* where it could not be written whole */
	(void)fclose(w->file);
	digest_release(&w->ctx);
	free(w);
}

/* --- what nobody asks for -------------------------------------------------------------------- */

static int sweep_one(int dir, const char *name, time_t before, bool dry_run, uint64_t *count)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_mtime >= before)
		return 0;
	++*count;
	return dry_run || unlinkat(dir, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

int seen_sweep(struct store *store, int64_t age_s, bool dry_run, uint64_t *count)
{
	AUTO_DIR DIR *dir = io_open_dir(store->fd, "seen");
	time_t before = time(NULL) - (time_t)age_s;
	const struct dirent *e;
	int rc = 0;

	if (!dir)
		return -errno;
	while (rc == 0 && (e = readdir(dir)))
		rc = sweep_one(dirfd(dir), e->d_name, before, dry_run, count);
	return rc;
}
