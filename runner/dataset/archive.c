#include "dataset/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/byte_names.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

enum { BLOCK_SIZE = 128 << 10, SHOWN_MAX = 256 };

struct unpacking {
	struct archive *archive;
	int to;
	const char *what;
	struct progress *progress; /* of the bytes of the archive */
	int64_t counted;
	struct error *err;
};

/* Where an entry goes: the directory above it, and its name there. */
struct spot {
	int above;
	const char *name; /* the end of the path */
};

static void release_spot(struct spot *s)
{
	cleanup_fd(&s->above);
}

#define AUTO_SPOT __attribute__((cleanup(release_spot)))

static int refuse(const struct unpacking *u, const char *path, const char *why)
{
	AUTO_STRBUF struct strbuf shown = STRBUF_INIT(STRBUF_BIG);

	strbuf_addprintable(&shown, path, SHOWN_MAX);
	return error_set(u->err, SLUICE_INVALID, "cannot unpack '%s': its entry '%s' %s", u->what,
	                 strbuf_str(&shown), why);
}

static int failed(const struct unpacking *u, const char *path, int sys)
{
	AUTO_STRBUF struct strbuf shown = STRBUF_INIT(STRBUF_BIG);

	if (sys == -ELOOP || sys == -ENOTDIR || sys == -EXDEV || sys == -EISDIR)
		return refuse(u, path, "stands where another entry has something else");
	if (sys == -ENAMETOOLONG)
		return refuse(u, path, "has too long a path");
	strbuf_addprintable(&shown, path, SHOWN_MAX);
	return error_sys(u->err, sys, "cannot unpack '%s' of '%s'", strbuf_str(&shown), u->what);
}

static int bad_archive(const struct unpacking *u)
{
	const char *why = archive_error_string(u->archive);

	return error_set(u->err, SLUICE_INVALID,
	                 "cannot unpack '%s': it is damaged, or neither tar nor zip (%s)", u->what,
	                 why ? why : "bad data");
}

/* Finds the place of a plain path, with what is missing above it; what stands there goes, unless
 * it is a directory. */
static int enter(const struct unpacking *u, const char *path, struct spot *ret_spot)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	int rc = slash ? io_mkdirs_beneath(u->to, above, 0755) : 0;

	if (rc < 0)
		return rc;
	ret_spot->name = slash ? slash + 1 : path;
	ret_spot->above = io_open_beneath(u->to, above, O_PATH | O_DIRECTORY, 0);
	if (ret_spot->above < 0)
		return ret_spot->above;
	return unlinkat(ret_spot->above, ret_spot->name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

/* How much of the archive has been read. */
static void count(struct unpacking *u)
{
	int64_t read = archive_filter_bytes(u->archive, -1);

	if (read > u->counted) {
		progress_add(u->progress, (uint64_t)(read - u->counted));
		u->counted = read;
	}
}

/* Between its blocks, and behind the last, a sparse file has holes. */
static int copy_data(struct unpacking *u, const char *path, int64_t size, int fd)
{
	int64_t at = 0;

	for (;;) {
		const void *data;
		size_t len = 0;
		la_int64_t offset = 0;
		int got = archive_read_data_block(u->archive, &data, &len, &offset);

		if (got == ARCHIVE_EOF)
			break;
		if (got < ARCHIVE_WARN)
			return bad_archive(u);
		count(u);
		if (offset != at && lseek(fd, offset, SEEK_SET) < 0)
			return failed(u, path, -errno);
		got = io_write_all(fd, data, len);
		if (got < 0)
			return failed(u, path, got);
		at = offset + (int64_t)len;
	}
	return at < size && ftruncate(fd, size) != 0 ? failed(u, path, -errno) : 0;
}

static int put_file(struct unpacking *u, const char *path, struct archive_entry *e)
{
	AUTO_SPOT struct spot spot = { .above = -1 };
	mode_t mode = archive_entry_perm(e) & 0111 ? 0755 : 0644;
	AUTO_FD int fd = -1;
	int rc = enter(u, path, &spot);

	if (rc < 0)
		return failed(u, path, rc);
	fd = openat(spot.above, spot.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	            mode);
	if (fd < 0 || fchmod(fd, mode) != 0)
		return failed(u, path, -errno);
	return copy_data(u, path, archive_entry_size(e), fd);
}

static int put_dir(struct unpacking *u, const char *path, struct archive_entry *e)
{
	int rc = io_mkdirs_beneath(u->to, path, 0755);

	(void)e;
	return rc < 0 ? failed(u, path, rc) : 0;
}

/* Does a link at `path` stay beneath the directory?  Above it are true directories, so that steps
 * upwards at the begin of its target are what they seem; later ones may follow another link. */
static bool stays_inside(const char *path, const char *target)
{
	size_t depth = 0;
	bool begin = true;

	for (const char *p = path; *p; p++)
		depth += *p == '/';
	if (target[0] == '/')
		return false;
	while (*target) {
		size_t len = strcspn(target, "/");

		if (len == 2 && strncmp(target, "..", 2) == 0) {
			if (!begin || depth-- == 0)
				return false;
		} else if (!(len == 1 && target[0] == '.')) {
			begin = false;
		}
		target += len + strspn(target + len, "/");
	}
	return true;
}

static int put_symlink(struct unpacking *u, const char *path, struct archive_entry *e)
{
	AUTO_SPOT struct spot spot = { .above = -1 };
	const char *target = archive_entry_symlink(e);
	int rc;

	if (!target || !target[0] || !stays_inside(path, target))
		return refuse(u, path, "is a link that may lead out of the archive");
	rc = enter(u, path, &spot);
	if (rc == 0 && symlinkat(target, spot.above, spot.name) != 0)
		rc = -errno;
	return rc < 0 ? failed(u, path, rc) : 0;
}

/* A copy: what two names share in an archive are two files in a version. */
static int put_hardlink(struct unpacking *u, const char *path, struct archive_entry *e)
{
	AUTO_FREE char *target = path_clean(archive_entry_hardlink(e));
	AUTO_FD int from = target && target[0] ? io_open_beneath(u->to, target, O_RDONLY, 0) : -1;
	AUTO_SPOT struct spot spot = { .above = -1 };
	AUTO_FD int fd = -1;
	struct stat st;
	int rc;

	if (from < 0 || fstat(from, &st) != 0 || !S_ISREG(st.st_mode))
		return refuse(u, path, "is a hard link to no file that came before it");
	if (strcmp(target, path) == 0)
		return 0;
	rc = enter(u, path, &spot);
	if (rc < 0)
		return failed(u, path, rc);
	fd = openat(spot.above, spot.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	            st.st_mode & 0777);
	if (fd < 0 || fchmod(fd, st.st_mode & 0777) != 0)
		return failed(u, path, -errno);
	rc = io_copy(from, fd);
	return rc < 0 ? failed(u, path, rc) : 0;
}

static int put_by_type(struct unpacking *u, const char *path, struct archive_entry *e)
{
	static const struct {
		mode_t type;
		int (*put)(struct unpacking *, const char *, struct archive_entry *);
	} kinds[] = {
		{ AE_IFREG, put_file },
		{ AE_IFDIR, put_dir },
		{ AE_IFLNK, put_symlink },
	};

	if (archive_entry_hardlink(e))
		return put_hardlink(u, path, e);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].type == archive_entry_filetype(e))
			return kinds[i].put(u, path, e);
	return refuse(u, path, "is neither file, directory nor link");
}

static int put_entry(struct unpacking *u, struct archive_entry *e)
{
	const char *raw = archive_entry_pathname(e);
	AUTO_FREE char *path = raw && raw[0] != '/' ? path_clean(raw) : NULL;

	if (!raw)
		return refuse(u, "", "has no name");
	if (!path)
		return refuse(u, raw, "leads out of the archive");
	if (!path[0]) /* the directory itself */
		return archive_entry_filetype(e) == AE_IFDIR ? 0 : refuse(u, raw, "has no name");
	return put_by_type(u, path, e);
}

/* Not all that libarchive knows: some of its filters run programs. */
static bool open_archive(struct archive *a, int fd)
{
	return archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
	       archive_read_support_filter_bzip2(a) == ARCHIVE_OK &&
	       archive_read_support_filter_xz(a) == ARCHIVE_OK &&
	       archive_read_support_filter_zstd(a) == ARCHIVE_OK &&
	       archive_read_support_format_tar(a) == ARCHIVE_OK &&
	       archive_read_support_format_zip(a) == ARCHIVE_OK &&
	       archive_read_open_fd(a, fd, BLOCK_SIZE) == ARCHIVE_OK;
}

/* libarchive warns when it cannot say a UTF-8 name in the C locale, and gives its bytes as they
 * are: those are what we want. */
static int put_entries(struct unpacking *u, int fd)
{
	struct archive_entry *e;
	int rc = open_archive(u->archive, fd) ? 0 : bad_archive(u);

	while (rc == 0) {
		int got = archive_read_next_header(u->archive, &e);

		if (got == ARCHIVE_EOF)
			return 0;
		rc = got < ARCHIVE_WARN ? bad_archive(u) : put_entry(u, e);
	}
	return rc;
}

int archive_unpack(int fd, int to, const char *what, struct progress *progress, struct error *err)
{
	locale_t before = byte_names_begin();
	struct unpacking u = {
		.archive = archive_read_new(),
		.to = to,
		.what = what,
		.progress = progress,
		.err = err,
	};
	struct stat st;
	int rc;

	if (fstat(fd, &st) == 0)
		progress_expect(progress, (uint64_t)st.st_size);
	rc = u.archive ? put_entries(&u, fd) : error_sys(err, ENOMEM, "cannot read '%s'", what);

	(void)archive_read_free(u.archive);
	byte_names_end(before);
	return rc;
}
