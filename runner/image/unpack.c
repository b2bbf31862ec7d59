/*
 * Modes and times of directories come last: a directory of mode 0555 still has to be filled, and
 * filling it moves its time.
 */
#include "image/unpack.h"

#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/byte_names.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/userns.h"
#include "base/xalloc.h"
#include "image/place.h"

/* A directory whose mode and time are still to be set. */
struct later {
	char *path;
	size_t seq;
	mode_t mode;
	struct timespec mtime;
};

struct unpack {
	struct tree tree;
	const struct unpack_limits *limits;
	struct stream *stream; /* of a layer, or else ... */
	const struct unpack_source *source;
	const char *top;          /* all names begin with it */
	struct error *read_error; /* of the last reading, if it failed: class is not 0 */
	struct archive *tar;
	uint64_t entries, bytes;
	struct later *later;
	size_t n_later, cap_later;
};

static struct timespec entry_mtime(struct archive_entry *e)
{
	return (struct timespec){
		.tv_sec = archive_entry_mtime_is_set(e) ? archive_entry_mtime(e) : 0,
		.tv_nsec = archive_entry_mtime_is_set(e) ? archive_entry_mtime_nsec(e) : 0,
	};
}

static int set_times(int fd, struct timespec mtime)
{
	const struct timespec both[2] = { mtime, mtime };

	return futimens(fd, both) != 0 ? -errno : 0;
}

static int set_times_at(const struct place *place, struct archive_entry *e)
{
	const struct timespec both[2] = { entry_mtime(e), entry_mtime(e) };

	return utimensat(place->parent, place->name, both, AT_SYMLINK_NOFOLLOW) != 0 ? -errno : 0;
}

static bool is_owner(int64_t id)
{
	return id >= 0 && id < UINT32_MAX;
}

static int check_owner(const char *path, struct archive_entry *e, struct error *err)
{
	if (!is_owner(archive_entry_uid(e)) || !is_owner(archive_entry_gid(e)))
		return place_refuse(path, "its owner is no user or group id", err);
	return 0;
}

/* With a NAME of "" what PARENT itself is.  Whom there is not here, an ordinary user's containers
 * have not either: it stays root's. */
static int chown_at(const struct unpack *u, int parent, const char *name, struct archive_entry *e)
{
	uid_t uid = (uid_t)archive_entry_uid(e);
	gid_t gid = (gid_t)archive_entry_gid(e);

	if (!u->tree.can_chown ||
	    fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0)
		return 0;
	return errno == EINVAL && u->tree.is_users ? 0 : -errno;
}

static int set_owner_at(const struct unpack *u, const struct place *place, struct archive_entry *e)
{
	return chown_at(u, place->parent, place->name, e);
}

static int set_owner(const struct unpack *u, int fd, struct archive_entry *e)
{
	return chown_at(u, fd, "", e);
}

/* overlayfs obeys xattrs of its own (redirects into other layers!): a layer brings none. */
static bool is_kept_xattr(const char *name)
{
	if (strncmp(name, "user.", 5) == 0)
		return strncmp(name, "user.overlay.", 13) != 0;
	return strcmp(name, "security.capability") == 0;
}

/* A file system without them, or the lack of the right to set them, is no reason to refuse an
 * image. */
static int set_xattrs(int fd, struct archive_entry *e)
{
	const char *name;
	const void *value;
	size_t size;

	(void)archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK)
		if (name && is_kept_xattr(name) && fsetxattr(fd, name, value, size, 0) != 0 &&
		    errno != ENOTSUP && errno != EPERM)
			return -errno;
	return 0;
}

/* The order matters: a change of owner drops setuid bits and capabilities. */
static int set_file_meta(const struct unpack *u, int fd, struct archive_entry *e)
{
	int rc = set_owner(u, fd, e);

	if (rc == 0)
		rc = set_xattrs(fd, e);
	if (rc == 0 && fchmod(fd, archive_entry_perm(e) & 07777) != 0)
		rc = -errno;
	return rc == 0 ? set_times(fd, entry_mtime(e)) : rc;
}

/* What the reading side says of a failure goes before what libarchive makes of it. */
static int tar_failed(const struct unpack *u, const char *path, struct error *err)
{
	const char *why = archive_error_string(u->tar);

	if (u->read_error->class != 0) {
		*err = *u->read_error;
		return err->class;
	}
	if (path)
		return place_refuse(path, why ? why : "bad data", err);
	return error_set(err, SLUICE_INVALID, "it is no tar: %s", why ? why : "bad data");
}

/* Between its blocks, and behind the last, a sparse file has holes. */
static int copy_data(const struct unpack *u, int fd, const struct place *place, int64_t size,
                     struct error *err)
{
	int64_t at = 0;

	for (;;) {
		const void *data;
		size_t len = 0;
		la_int64_t offset = 0;
		int got = archive_read_data_block(u->tar, &data, &len, &offset);

		if (got == ARCHIVE_EOF)
			break;
		if (got < ARCHIVE_WARN)
			return tar_failed(u, place->path, err);
		if (offset != at && lseek(fd, offset, SEEK_SET) < 0)
			return place_failed(errno, place->path, err);
		got = io_write_all(fd, data, len);
		if (got < 0)
			return place_failed(got, place->path, err);
		at = offset + (int64_t)len;
	}
	return at != size && ftruncate(fd, size) != 0 ? place_failed(errno, place->path, err) : 0;
}

static int put_file(struct unpack *u, struct place *place, struct archive_entry *e,
                    struct error *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int64_t size = archive_entry_size(e);
	int rc = place_clear(place, err);
	AUTO_FD int fd = rc == 0 ? openat(place->parent, place->name, flags, 0600) : -1;

	if (rc != 0)
		return rc;
	if (fd < 0)
		return place_failed(errno, place->path, err);
	if (size < 0 || (uint64_t)size > u->limits->bytes - u->bytes)
		return error_set(err, SLUICE_LIMIT, "its files are larger than %" PRIu64 " bytes",
		                 u->limits->bytes);
	u->bytes += (uint64_t)size;
	rc = copy_data(u, fd, place, size, err);
	if (rc != 0)
		return rc;
	rc = set_file_meta(u, fd, e);
	return rc < 0 ? place_failed(rc, place->path, err) : 0;
}

static int put_dir(struct unpack *u, struct place *place, struct archive_entry *e,
                   struct error *err)
{
	AUTO_FD int fd = -1;
	int rc = 0;

	if (place->path[0])
		rc = tree_make_dir(&u->tree, place->parent, place->name, &fd);
	else
		fd = io_open_in_root(u->tree.root, ".", O_RDONLY | O_DIRECTORY);
	if (rc == 0 && fd < 0)
		rc = fd;
	if (rc == 0)
		rc = set_owner(u, fd, e);
	if (rc == 0)
		rc = set_xattrs(fd, e);
	if (rc < 0)
		return place_failed(rc, place->path, err);
	u->later = xgrow(u->later, u->n_later, &u->cap_later, sizeof *u->later);
	u->later[u->n_later] = (struct later){
		.path = xstrdup(place->path),
		.seq = u->n_later,
		.mode = archive_entry_perm(e) & 07777,
		.mtime = entry_mtime(e),
	};
	u->n_later++;
	return 0;
}

static int put_symlink(struct unpack *u, struct place *place, struct archive_entry *e,
                       struct error *err)
{
	const char *target = archive_entry_symlink(e);
	int rc = place_clear(place, err);

	if (rc != 0)
		return rc;
	if (!target || !*target || strlen(target) >= PATH_MAX)
		return place_refuse(place->path,
		                    "a symbolic link without a target, or too long a one", err);
	if (symlinkat(target, place->parent, place->name) != 0)
		return place_failed(errno, place->path, err);
	rc = set_owner_at(u, place, e);
	if (rc == 0)
		rc = set_times_at(place, e);
	return rc < 0 ? place_failed(rc, place->path, err) : 0;
}

/* Where it may not be made (in a user namespace), a device is left out: the runtime gives a
 * container its devices. */
static int put_node(struct unpack *u, struct place *place, struct archive_entry *e,
                    struct error *err)
{
	mode_t type = archive_entry_filetype(e);
	mode_t mode = archive_entry_perm(e) & 07777;
	int rc = place_clear(place, err);

	if (rc != 0 || (type != AE_IFIFO && (u->tree.is_users || u->top)))
		return rc;
	if (mknodat(place->parent, place->name, type | 0600, archive_entry_rdev(e)) != 0)
		return errno == EPERM && type != AE_IFIFO ? 0
		                                          : place_failed(errno, place->path, err);
	rc = set_owner_at(u, place, e);
	if (rc == 0 && fchmodat(place->parent, place->name, mode, 0) != 0)
		rc = -errno;
	if (rc == 0)
		rc = set_times_at(place, e);
	return rc < 0 ? place_failed(rc, place->path, err) : 0;
}

/* Where a name in the tar is in the directory. */
static int find_path(const struct unpack *u, const char *raw, char path[PATH_MAX],
                     struct error *err)
{
	size_t top = u->top ? strlen(u->top) : 0;
	int rc = place_clean(raw, u->limits->depth, path, err);

	if (rc < 0 || !u->top)
		return rc;
	if (strncmp(path, u->top, top) != 0 || (path[top] && path[top] != '/'))
		return place_refuse(raw, "it is not of the directory that was asked for", err);
	top += path[top] == '/';
	memmove(path, path + top, strlen(path + top) + 1);
	return 0;
}

/* Opens what a hard link shares, without following it. */
static int link_target(struct unpack *u, struct place *target, const char *from, struct error *err)
{
	AUTO_FD int fd = -1;
	int rc = target->path[0] ? place_enter(&u->tree, target, false, err) : -ENOENT;
	struct stat st;

	if (rc == 0 && fstatat(target->parent, target->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		rc = -errno;
	if (rc != 0)
		return place_refuse(from,
		                    "a hard link to a file that this layer does not bring; rebuild "
		                    "the image so that it does",
		                    err);
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return place_refuse(from, "a hard link to something that is no file", err);
	fd = fcntl(target->parent, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? place_failed(errno, from, err) : take_fd(&fd);
}

static bool same_file(int a_dir, const char *a, int b_dir, const char *b)
{
	struct stat sa;
	struct stat sb;

	return fstatat(a_dir, a, &sa, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(b_dir, b, &sb, AT_SYMLINK_NOFOLLOW) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

static int put_hardlink(struct unpack *u, struct place *place, struct archive_entry *e,
                        struct error *err)
{
	struct place target = { .parent = -1 };
	AUTO_FD int dir = -1;
	int rc = find_path(u, archive_entry_hardlink(e), target.path, err);

	if (rc != 0)
		return error_wrap(err, "hard link '%s'", place->path);
	dir = link_target(u, &target, place->path, err);
	if (dir < 0)
		return dir;
	rc = place_enter(&u->tree, place, true, err);
	if (rc != 0 || same_file(dir, target.name, place->parent, place->name))
		return rc;
	rc = place_clear(place, err);
	if (rc == 0 && linkat(dir, target.name, place->parent, place->name, 0) != 0)
		rc = place_failed(errno, place->path, err);
	return rc;
}

/* The spec lets a whiteout hide lower layers only: what this layer itself brings stays. */
static int put_whiteout(struct unpack *u, struct place *place, struct error *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int rc = 0;

	if (fstatat(place->parent, place->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (mknodat(place->parent, place->name, S_IFCHR, makedev(0, 0)) != 0)
			rc = -errno;
	} else if (S_ISDIR(st.st_mode)) {
		rc = tree_make_dir(&u->tree, place->parent, place->name, &fd);
		if (rc == 0)
			rc = tree_make_opaque(&u->tree, fd);
	}
	return rc < 0 ? place_failed(rc, place->path, err) : 0;
}

/* ".wh.NAME" hides NAME, ".wh..wh..opq" all that lower layers have here; other ".wh..wh." names
 * are aufs' own bookkeeping. */
static int put_marker(struct unpack *u, struct place *place, struct error *err)
{
	const char *hidden = place->name + 4;
	int rc;

	if (strcmp(hidden, ".wh..opq") == 0) {
		rc = tree_make_opaque(&u->tree, place->parent);
		return rc < 0 ? place_failed(rc, place->path, err) : 0;
	}
	if (strncmp(hidden, ".wh.", 4) == 0)
		return 0;
	if (!io_is_component(hidden))
		return place_refuse(place->path, "a whiteout of nothing", err);
	place->name = hidden;
	return put_whiteout(u, place, err);
}

static int put_by_type(struct unpack *u, struct place *place, struct archive_entry *e,
                       struct error *err)
{
	static const struct {
		mode_t type;
		int (*put)(struct unpack *, struct place *, struct archive_entry *, struct error *);
	} kinds[] = {
		{ AE_IFREG, put_file }, { AE_IFDIR, put_dir },  { AE_IFLNK, put_symlink },
		{ AE_IFCHR, put_node }, { AE_IFBLK, put_node }, { AE_IFIFO, put_node },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].type == archive_entry_filetype(e))
			return kinds[i].put(u, place, e, err);
	return place_refuse(place->path, "neither file, directory, link, device nor FIFO", err);
}

static int put_entry(struct unpack *u, struct archive_entry *e, struct error *err)
{
	struct place place = { .parent = -1 };
	const char *raw = archive_entry_pathname(e);
	int rc = raw ? find_path(u, raw, place.path, err)
	             : error_set(err, SLUICE_INVALID, "an entry has no name");

	if (rc == 0 && ++u->entries > u->limits->entries)
		return error_set(err, SLUICE_LIMIT, "it has more than %" PRIu64 " entries",
		                 u->limits->entries);
	if (rc == 0)
		rc = check_owner(raw, e, err);
	if (rc != 0)
		return rc;
	if (!place.path[0])
		return archive_entry_filetype(e) == AE_IFDIR
		               ? put_dir(u, &place, e, err)
		               : place_refuse(raw, "the root is no directory", err);
	if (archive_entry_hardlink(e))
		return put_hardlink(u, &place, e, err);
	rc = place_enter(&u->tree, &place, true, err);
	if (rc != 0)
		return rc;
	if (!u->top && strncmp(place.name, ".wh.", 4) == 0)
		return put_marker(u, &place, err);
	return put_by_type(u, &place, e, err);
}

/* What is below comes before what is above it; of equal paths the last entry comes first. */
static int later_cmp(const void *a, const void *b)
{
	const struct later *x = a;
	const struct later *y = b;
	int order = strcmp(y->path, x->path);

	return order != 0 ? order : (x->seq < y->seq) - (x->seq > y->seq);
}

static int later_apply(const struct unpack *u, const struct later *l, struct error *err)
{
	AUTO_FD int fd = io_open_in_root(u->tree.root, l->path[0] ? l->path : ".",
	                                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int rc = 0;

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0; /* a later entry took its place */
	if (fd < 0)
		rc = fd;
	else if (fchmod(fd, l->mode) != 0)
		rc = -errno;
	if (rc == 0)
		rc = set_times(fd, l->mtime);
	return rc < 0 ? place_failed(rc, l->path, err) : 0;
}

static int finish_dirs(struct unpack *u, struct error *err)
{
	int rc = 0;

	if (u->n_later > 0)
		qsort(u->later, u->n_later, sizeof *u->later, later_cmp);
	for (size_t i = 0; i < u->n_later && rc == 0; i++)
		if (i == 0 || strcmp(u->later[i].path, u->later[i - 1].path) != 0)
			rc = later_apply(u, &u->later[i], err);
	return rc;
}

static la_ssize_t on_tar_read(struct archive *a, void *arg, const void **ret_data)
{
	const struct unpack *u = arg;
	int64_t n = u->stream ? stream_read(u->stream, ret_data)
	                      : u->source->read(u->source->arg, ret_data, u->read_error);

	if (n < 0)
		archive_set_error(a, EIO, "%s", u->read_error->msg);
	return n < 0 ? ARCHIVE_FATAL : (la_ssize_t)n;
}

/* libarchive warns when it cannot say a UTF-8 name in the C locale, and gives its bytes as they
 * are: those are what we want. */
static int put_entries(struct unpack *u, struct error *err)
{
	struct archive_entry *e;
	int rc = 0;

	if (archive_read_support_format_tar(u->tar) != ARCHIVE_OK ||
	    archive_read_support_format_empty(u->tar) != ARCHIVE_OK ||
	    archive_read_open(u->tar, u, NULL, on_tar_read, NULL) != ARCHIVE_OK)
		return tar_failed(u, NULL, err);
	while (rc == 0) {
		int got = archive_read_next_header(u->tar, &e);

		if (got == ARCHIVE_EOF)
			return finish_dirs(u, err);
		rc = got < ARCHIVE_WARN ? tar_failed(u, NULL, err) : put_entry(u, e, err);
	}
	return rc;
}

static int unpack_checked(struct unpack *u, const struct digest *blob, const struct digest *tar,
                          struct error *err)
{
	struct error first;
	int rc = put_entries(u, &first);

	if (rc == 0)
		return stream_check(u->stream, blob, tar, err);
	/* A blob that is not what it should be explains everything else. */
	if (first.class == SLUICE_INVALID) {
		rc = stream_check_blob(u->stream, blob, err);
		if (rc != 0)
			return rc;
	}
	*err = first;
	return first.class;
}

/* With what is the same for every tar. */
static int unpack(struct unpack *u, int root_fd, const struct unpack_limits *limits,
                  const struct unpack_blob *blob, struct error *err)
{
	locale_t before = byte_names_begin();
	int rc;

	u->tree = (struct tree){ .root = root_fd,
		                 .parent_fd = -1,
		                 .can_chown = userns_kind() != USERNS_NONE,
		                 .is_users = !userns_is_root() };
	u->limits = limits;
	u->tar = archive_read_new();
	rc = blob ? unpack_checked(u, blob->packed, blob->tar, err) : put_entries(u, err);
	byte_names_end(before);
	(void)archive_read_free(u->tar);
	tree_release(&u->tree);
	for (size_t i = 0; i < u->n_later; i++)
		free(u->later[i].path);
	free(u->later);
	return rc;
}

int unpack_layer(const struct unpack_blob *blob, int root_fd, const struct unpack_limits *limits,
                 struct error *err)
{
	struct unpack u = { .stream = stream_new(blob->fd, limits) };
	int rc;

	u.stream->progress = blob->progress;
	u.read_error = &u.stream->error;
	rc = unpack(&u, root_fd, limits, blob, err);
	stream_free(u.stream);
	return rc;
}

int unpack_tar(const struct unpack_source *source, const char *top, int root_fd,
               const struct unpack_limits *limits, struct error *err)
{
	struct error read_error = { .class = 0 };
	struct unpack u = { .source = source, .top = top, .read_error = &read_error };

	return unpack(&u, root_fd, limits, NULL, err);
}
