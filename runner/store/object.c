/*
 * Objects: files named by their content, below HOME/store.
 *
 * A name is given with link(), which never replaces: that it is taken means that the content is
 * there.  With two exceptions, both by rename, so that the name is never absent:
 *
 * - A power cut may leave a name whose content was never written, because objects get their names
 *   before the one sync of a commit.  The journalling file systems order things so that such a file
 *   is too short; so a taken name counts only if its size (for a manifest's text: its bytes) is
 *   right, and is given to our file otherwise.  No committed version can be meant by it.
 * - A file system allows so many links to a file (ext4: 65,000), and each tree takes one.  When
 *   they are used up, the name goes to a fresh copy; the trees keep the old one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "store/internal.h"

enum { RENEWALS_MAX = 100 };

mode_t object_mode(char kind)
{
	return kind == 'x' || kind == 'C' ? 0555 : 0444;
}

const char *object_path(char kind, const struct digest *digest, char path[OBJECT_PATH_SIZE])
{
	bool large = kind == 'c' || kind == 'C';
	const char *folder = kind == OBJECT_MANIFEST ? "manifests" : large ? "large" : "objects";
	const char *twin = object_mode(kind) & 0111 ? ".x" : "";
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(digest, hex);
	(void)snprintf(path, OBJECT_PATH_SIZE, "%s/%.2s/%s%s", folder, hex, hex + 2, twin);
	return path;
}

int temp_open(struct store *store, struct temp *ret_temp)
{
	struct temp temp = { .fd = openat(store->tmp, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) };

	/* Network file systems cannot make a file without a name. */
	if (temp.fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		id_new_dataset(temp.name);
		temp.fd = openat(store->tmp, temp.name,
		                 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	if (temp.fd < 0)
		return -errno;
	*ret_temp = temp;
	return 0;
}

void temp_close(struct store *store, struct temp *temp)
{
	if (temp->name[0])
		(void)unlinkat(store->tmp, temp->name, 0);
	(void)close(temp->fd);
}

/* Gives the file behind `fd` a name.  Without the capability for the first way, or on kernels
 * before 6.10, it goes through /proc. */
static int link_fd(int fd, int dirfd, const char *name)
{
	char proc[32];

	if (linkat(fd, "", dirfd, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT && errno != EPERM)
		return -errno;
	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, proc, dirfd, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

/* Makes the ab/ of an object's path. */
static int make_fan(struct store *store, const char *path)
{
	char fan[OBJECT_PATH_SIZE];
	const char *slash = strrchr(path, '/');

	(void)snprintf(fan, sizeof fan, "%.*s", (int)(slash - path), path);
	return mkdirat(store->fd, fan, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

static int link_as_object(struct store *store, int fd, const char *path)
{
	int rc = link_fd(fd, store->fd, path);

	if (rc != -ENOENT)
		return rc;
	rc = make_fan(store, path);
	return rc < 0 ? rc : link_fd(fd, store->fd, path);
}

/* Gives the object's name to the file behind `fd`, whoever has it. */
static int replace_object(struct store *store, int fd, const char *path)
{
	char name[DATASET_ID_LEN + 1];
	int rc;

	id_new_dataset(name);
	rc = link_fd(fd, store->tmp, name);
	if (rc < 0)
		return rc;
	if (renameat(store->tmp, name, store->fd, path) != 0)
		rc = -errno;
	/* A rename onto another link of the same file does nothing and leaves both. */
	(void)unlinkat(store->tmp, name, 0);
	return rc;
}

int object_add_fd(struct store *store, const struct store_entry *e, int fd)
{
	char path[OBJECT_PATH_SIZE];
	struct stat there;
	struct stat ours;
	int rc = link_as_object(store, fd, object_path(e->kind, &e->digest, path));

	if (rc == 0)
		return OBJECT_ADDED;
	if (rc != -EEXIST)
		return rc;
	if (fstatat(store->fd, path, &there, AT_SYMLINK_NOFOLLOW) != 0 || fstat(fd, &ours) != 0)
		return -errno;
	if (there.st_dev == ours.st_dev && there.st_ino == ours.st_ino)
		return OBJECT_SAME;
	if (S_ISREG(there.st_mode) && (uint64_t)there.st_size == e->size &&
	    (there.st_mode & 07777) == object_mode(e->kind))
		return OBJECT_PRESENT;
	rc = replace_object(store, fd, path);
	return rc < 0 ? rc : OBJECT_ADDED;
}

/* Does the object hold these very bytes? */
static bool holds(struct store *store, const char *path, const void *data, size_t len)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(len);

	return io_read_file(store->fd, path, &text) == 0 && text.len == len &&
	       memcmp(strbuf_str(&text), data, len) == 0;
}

static int put_bytes(struct store *store, const struct store_entry *e, const void *data)
{
	char path[OBJECT_PATH_SIZE];
	struct temp temp = { .fd = -1 };
	int rc;

	if (holds(store, object_path(e->kind, &e->digest, path), data, (size_t)e->size))
		return OBJECT_PRESENT;
	rc = temp_open(store, &temp);
	if (rc < 0)
		return rc;
	rc = io_write_all(temp.fd, data, (size_t)e->size);
	if (rc == 0 && fchmod(temp.fd, object_mode(e->kind)) != 0)
		rc = -errno;
	if (rc == 0)
		rc = link_as_object(store, temp.fd, path);
	if (rc == -EEXIST && !holds(store, path, data, (size_t)e->size))
		rc = replace_object(store, temp.fd, path);
	temp_close(store, &temp);
	if (rc == -EEXIST)
		return OBJECT_PRESENT;
	return rc < 0 ? rc : OBJECT_ADDED;
}

int object_put(struct store *store, char kind, const void *data, size_t len,
               struct digest *ret_digest, uint64_t *new_bytes, struct error *err)
{
	struct store_entry e = { .kind = kind, .size = len, .digest = digest_of(data, len) };
	int rc = put_bytes(store, &e, data);

	if (rc < 0)
		return error_sys(err, rc, "cannot write an object below '%s'", store->path);
	if (rc == OBJECT_ADDED)
		*new_bytes += len;
	*ret_digest = e.digest;
	return 0;
}

/* Gives the object's name to a fresh copy of it, which has no other links. */
static int renew(struct store *store, const struct store_entry *e, const char *path)
{
	AUTO_FD int old = openat(store->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct temp temp = { .fd = -1 };
	int rc;

	if (old < 0)
		return -errno;
	rc = temp_open(store, &temp);
	if (rc < 0)
		return rc;
	rc = io_copy(old, temp.fd);
	if (rc == 0 && fchmod(temp.fd, object_mode(e->kind)) != 0)
		rc = -errno;
	/* It takes the place of what committed versions rest on: it must not outrun its bytes. */
	if (rc == 0 && fsync(temp.fd) != 0)
		rc = -errno;
	if (rc == 0)
		rc = replace_object(store, temp.fd, path);
	temp_close(store, &temp);
	return rc;
}

/* Two that renew an object at once take its name from one another, and the file that was just found
 * by it may have none any more: then there is another. */
static bool was_renewed(struct store *store, const char *path, int tries)
{
	return errno == ENOENT && tries < RENEWALS_MAX &&
	       faccessat(store->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int object_link(struct store *store, const struct store_entry *e, int dirfd, const char *name)
{
	char path[OBJECT_PATH_SIZE];

	object_path(e->kind, &e->digest, path);
	for (int tries = 0; linkat(store->fd, path, dirfd, name, 0) != 0; tries++) {
		int rc = errno == EMLINK                   ? renew(store, e, path)
		         : was_renewed(store, path, tries) ? 0
		                                           : -errno;

		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool is_object(struct store *store, char kind, const struct digest *digest, struct stat *st)
{
	char path[OBJECT_PATH_SIZE];

	return fstatat(store->fd, object_path(kind, digest, path), st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st->st_mode) && (st->st_mode & 07777) == object_mode(kind);
}

bool object_is_there(struct store *store, const struct store_entry *e)
{
	struct stat list;
	struct stat st;

	return is_object(store, e->kind, &e->digest, &st) && (uint64_t)st.st_size == e->size &&
	       (!is_large(e) || (is_object(store, 'f', &e->digest, &list) && list.st_size > 0));
}

int object_open(struct store *store, const struct store_entry *e, struct error *err)
{
	char path[OBJECT_PATH_SIZE];
	AUTO_FD int fd = -1;
	struct stat st;

	object_path(e->kind, &e->digest, path);
	fd = openat(store->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ELOOP))
		return error_set(err, SLUICE_CORRUPT, "'%s/%s' is missing", store->path, path);
	if (fd < 0 || fstat(fd, &st) != 0)
		return error_sys(err, errno, "cannot open '%s/%s'", store->path, path);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 07777) != object_mode(e->kind))
		return error_set(err, SLUICE_CORRUPT,
		                 "'%s/%s' has mode 0%o, which is not an object's", store->path,
		                 path, (unsigned)(st.st_mode & 07777));
	if ((uint64_t)st.st_size != e->size)
		return error_set(err, SLUICE_CORRUPT,
		                 "'%s/%s' has %lld bytes where it must have %llu", store->path,
		                 path, (long long)st.st_size, (unsigned long long)e->size);
	return take_fd(&fd);
}

int object_read(struct store *store, char kind, const struct digest *digest,
                struct strbuf *ret_text, struct error *err)
{
	char path[OBJECT_PATH_SIZE];
	struct digest is;
	int rc = io_read_file(store->fd, object_path(kind, digest, path), ret_text);

	if (rc == -ENOENT)
		return error_set(err, kind == OBJECT_MANIFEST ? SLUICE_NOT_FOUND : SLUICE_CORRUPT,
		                 "'%s/%s' is missing", store->path, path);
	if (rc < 0)
		return error_sys(err, rc, "cannot read '%s/%s'", store->path, path);
	is = digest_of(strbuf_str(ret_text), ret_text->len);
	if (!digest_equal(&is, digest))
		return error_set(err, SLUICE_CORRUPT,
		                 "'%s/%s' is damaged: its bytes do not have "
		                 "the digest of its name",
		                 store->path, path);
	return 0;
}
