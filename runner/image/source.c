#include "image/source.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/byte_names.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "image/blob.h"

enum { MEMBERS_MAX = 20000, LINKS_MAX = 8, READ_BLOCK = 256 * 1024 };

static const uint64_t source_bytes_max = (uint64_t)256 << 30;

/* A regular member has a blob; a link the clean name of what it stands for. */
struct member {
	struct blob blob;
	char *target;
};

struct source {
	struct images *im;
	char *path;
	int dir; /* -1: an archive */
	bool documents_only;
	struct map members;
	uint64_t bytes;
};

static void member_free(void *p)
{
	struct member *m = p;

	if (!m)
		return;
	blob_release(&m->blob);
	free(m->target);
	free(m);
}

/* "./a//b" is "a/b"; ".." takes a component off.  Names only: nothing is opened by them. */
static char *name_clean(const char *dir, size_t dir_len, const char *name)
{
	char *out = xmalloc(dir_len + strlen(name) + 2);
	size_t len = dir_len;

	memcpy(out, dir, dir_len);
	while (*name) {
		size_t n = strcspn(name, "/");

		if (n == 2 && name[0] == '.' && name[1] == '.') {
			while (len > 0 && out[--len] != '/')
				;
		} else if (n > 0 && !(n == 1 && *name == '.')) {
			if (len > 0)
				out[len++] = '/';
			memcpy(out + len, name, n);
			len += n;
		}
		name += n;
		name += *name == '/';
	}
	out[len] = '\0';
	return out;
}

static int archive_failed(const struct source *s, struct archive *a, struct error *err)
{
	const char *why = archive_error_string(a);

	return error_set(err, SLUICE_INVALID,
	                 "'%s' is neither an OCI layout nor an archive of images: %s", s->path,
	                 why ? why : "unknown format");
}

static int spool_data(struct source *s, struct archive *a, struct member *m, struct error *err)
{
	static const char zeros[4096];
	int rc = blob_begin(&m->blob, s->im->tmp_fd, err);

	while (rc == 0) {
		const void *data;
		size_t len = 0;
		la_int64_t offset = 0;
		int got = archive_read_data_block(a, &data, &len, &offset);

		if (got == ARCHIVE_EOF)
			break;
		if (got < ARCHIVE_WARN)
			return archive_failed(s, a, err);
		if ((uint64_t)offset + len > source_bytes_max - s->bytes)
			return error_set(err, SLUICE_LIMIT,
			                 "'%s' holds more than %" PRIu64 " bytes", s->path,
			                 source_bytes_max);
		while (rc == 0 && m->blob.size < (uint64_t)offset) { /* a sparse member */
			uint64_t gap = (uint64_t)offset - m->blob.size;

			rc = blob_write(&m->blob, zeros, gap < sizeof zeros ? gap : sizeof zeros,
			                err);
		}
		if (rc == 0)
			rc = blob_write(&m->blob, data, len, err);
	}
	s->bytes += m->blob.size;
	blob_end(&m->blob);
	return rc;
}

static int spool_member(struct source *s, struct archive *a, struct archive_entry *e,
                        struct error *err)
{
	const char *raw = archive_entry_pathname(e);
	const char *hard = archive_entry_hardlink(e);
	const char *sym = hard ? NULL : archive_entry_symlink(e);
	AUTO_FREE char *name = name_clean("", 0, raw ? raw : "");
	const char *slash = strrchr(name, '/');
	struct member *m;
	int rc = 0;

	if (!hard && !sym && archive_entry_filetype(e) != AE_IFREG)
		return 0;
	if (s->documents_only && archive_entry_size(e) > OCI_DOCUMENT_MAX)
		return 0;
	if (s->members.len >= MEMBERS_MAX)
		return error_set(err, SLUICE_LIMIT, "'%s' has more than %d members", s->path,
		                 MEMBERS_MAX);
	m = xcalloc(1, sizeof *m);
	if (hard)
		m->target = name_clean("", 0, hard);
	else if (sym)
		m->target = name_clean(name, slash ? (size_t)(slash - name) : 0, sym);
	else
		rc = spool_data(s, a, m, err);
	member_free(map_set(&s->members, name, m));
	return rc;
}

static int spool_archive(struct source *s, struct archive *a, struct error *err)
{
	struct archive_entry *e;
	int rc = 0;

	if (archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
	    archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_support_format_empty(a) != ARCHIVE_OK ||
	    archive_read_open_filename(a, s->path, READ_BLOCK) != ARCHIVE_OK)
		return archive_failed(s, a, err);
	while (rc == 0) {
		int got = archive_read_next_header(a, &e);

		if (got == ARCHIVE_EOF)
			break;
		rc = got < ARCHIVE_WARN ? archive_failed(s, a, err) : spool_member(s, a, e, err);
	}
	if (rc == 0 && archive_file_count(a) == 0)
		return error_set(
			err, SLUICE_INVALID,
			"'%s' is empty: an image is an OCI layout or what 'docker save' writes",
			s->path);
	return rc;
}

static int spool(struct source *s, struct error *err)
{
	struct archive *a = archive_read_new();
	locale_t before = byte_names_begin();
	int rc = spool_archive(s, a, err);

	byte_names_end(before);
	(void)archive_read_free(a);
	return rc;
}

static int no_source(const char *path, int sys, struct error *err)
{
	(void)error_sys(err, sys, "cannot open '%s'", path);
	if (sys == ENOENT)
		err->class = SLUICE_NOT_FOUND;
	return err->class;
}

int source_open(struct images *im, const char *path, bool documents_only,
                struct source **ret_source, struct error *err)
{
	struct source *s = xcalloc(1, sizeof *s);
	int rc = 0;

	s->im = im;
	s->documents_only = documents_only;
	s->path = xstrdup(path);
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		rc = errno == ENOTDIR ? spool(s, err) : no_source(path, errno, err);
	if (rc != 0) {
		source_close(s);
		return rc;
	}
	*ret_source = s;
	return 0;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	map_release(&source->members, member_free);
	cleanup_fd(&source->dir);
	free(source->path);
	free(source);
}

/* The spooled blob of a member, links followed; NULL if there is none. */
static const struct blob *find(const struct source *s, const char *name)
{
	AUTO_FREE char *clean = name_clean("", 0, name);
	const struct member *m = map_find(&s->members, clean);

	for (int i = 0; m && m->target; i++)
		m = i < LINKS_MAX ? map_find(&s->members, m->target) : NULL;
	return m ? &m->blob : NULL;
}

/* Whoever made the directory may have used links: what counts is checked by digest. */
static int member_open(const struct source *s, const char *name)
{
	const struct blob *blob;
	int fd;

	if (s->dir >= 0) {
		fd = openat(s->dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	blob = find(s, name);
	if (!blob)
		return -ENOENT;
	fd = openat(s->im->tmp_fd, blob->temp, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool source_has(const struct source *source, const char *name)
{
	if (source->dir >= 0)
		return faccessat(source->dir, name, R_OK, 0) == 0;
	return find(source, name) != NULL;
}

static int open_failed(const struct source *s, const char *name, int sys, struct error *err)
{
	if (sys == -ENOENT)
		return error_set(err, SLUICE_NOT_FOUND, "'%s' has no '%s'", s->path, name);
	return error_sys(err, sys, "cannot read '%s' of '%s'", name, s->path);
}

int source_text(const struct source *source, const char *name, struct strbuf *ret_text,
                struct error *err)
{
	AUTO_FD int fd = member_open(source, name);
	int rc = fd < 0 ? fd : io_read_all(fd, ret_text);

	if (rc == -EFBIG)
		return error_set(err, SLUICE_LIMIT, "'%s' of '%s' is larger than %zu bytes", name,
		                 source->path, ret_text->max);
	return rc < 0 ? open_failed(source, name, rc, err) : 0;
}

int source_peek(const struct source *source, const char *name, void *buf, size_t len,
                struct error *err)
{
	AUTO_FD int fd = member_open(source, name);
	ssize_t n = fd < 0 ? 0 : pread(fd, buf, len, 0);

	if (fd < 0 || n < 0)
		return open_failed(source, name, fd < 0 ? fd : -errno, err);
	return (int)n;
}

static int store_checked(const struct source *s, const char *name, const struct blob *blob,
                         const struct digest *expect, struct error *err)
{
	char is[DIGEST_HEX_LEN + 1];

	if (!expect || digest_equal(&blob->digest, expect))
		return blob_keep(blob, s->im->blobs_fd, err);
	return error_set(err, SLUICE_CORRUPT,
	                 "'%s' of '%s' does not match its digest (its bytes have sha256:%s); get "
	                 "the file again",
	                 name, s->path, digest_hex(&blob->digest, is));
}

static int copy_in(const struct source *s, const char *name, struct blob *copy, struct error *err)
{
	AUTO_FD int fd = member_open(s, name);
	int rc;

	if (fd < 0)
		return open_failed(s, name, fd, err);
	rc = blob_begin(copy, s->im->tmp_fd, err);
	if (rc == 0)
		rc = blob_write_from(copy, fd, source_bytes_max, err);
	if (rc == 0)
		blob_end(copy);
	return rc;
}

int source_store(const struct source *source, const char *name, const struct digest *expect,
                 struct oci_descriptor *ret_blob, struct error *err)
{
	AUTO_BLOB struct blob copy = { 0 };
	const struct blob *blob = source->dir < 0 ? find(source, name) : &copy;
	int rc;

	if (!blob)
		return open_failed(source, name, -ENOENT, err);
	rc = source->dir < 0 ? 0 : copy_in(source, name, &copy, err);
	if (rc == 0)
		rc = store_checked(source, name, blob, expect, err);
	if (rc != 0)
		return rc;
	*ret_blob = (struct oci_descriptor){ .size = blob->size };
	oci_digest_format(&blob->digest, ret_blob->digest);
	return 0;
}
