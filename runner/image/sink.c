#include "image/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"

enum { STEP = 128 << 10, LAST_BLOCK = 1 };

static int tar_failed(const struct sink *s, struct error *err)
{
	int sys = archive_errno(s->tar);
	const char *why = archive_error_string(s->tar);

	if (sys == EPIPE)
		return error_set(err, SLUICE_CANCELED, "nobody reads the archive any more");
	if (sys > 0)
		return error_sys(err, sys, "cannot write the archive");
	return error_set(err, SLUICE_LIMIT, "cannot write the archive: %s",
	                 why ? why : "it is full");
}

int sink_open(struct sink *sink, int fd, bool is_tar, struct progress *progress, struct error *err)
{
	*sink = (struct sink){ .fd = fd, .progress = progress, .buf = xmalloc(STEP) };
	if (!is_tar)
		return 0;
	sink->tar = archive_write_new();
	sink->entry = archive_entry_new();
	if (archive_write_set_format_pax_restricted(sink->tar) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(sink->tar, LAST_BLOCK) != ARCHIVE_OK ||
	    archive_write_open_fd(sink->tar, fd) != ARCHIVE_OK)
		return tar_failed(sink, err);
	return 0;
}

/* In the archive, or *ret_fd in the directory. */
static int begin(struct sink *s, const char *name, uint64_t size, int *ret_fd, struct error *err)
{
	AUTO_FREE char *above = xstrdup(name);
	char *slash = strrchr(above, '/');
	int rc = 0;

	if (s->tar) {
		archive_entry_clear(s->entry);
		archive_entry_set_pathname(s->entry, name);
		archive_entry_set_filetype(s->entry, AE_IFREG);
		archive_entry_set_perm(s->entry, 0644);
		archive_entry_set_size(s->entry, (int64_t)size);
		archive_entry_set_mtime(s->entry, 0, 0);
		return archive_write_header(s->tar, s->entry) < ARCHIVE_OK ? tar_failed(s, err) : 0;
	}
	if (slash) {
		*slash = '\0';
		rc = io_mkdirs_beneath(s->fd, above, 0755);
	}
	if (rc == 0)
		rc = *ret_fd = io_open_beneath(s->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
	return rc < 0 ? error_sys(err, rc, "cannot make '%s'", name) : 0;
}

static int add(struct sink *s, int fd, const void *data, size_t len, struct error *err)
{
	int rc;

	if (s->tar)
		return archive_write_data(s->tar, data, len) == (la_ssize_t)len
		               ? 0
		               : tar_failed(s, err);
	rc = io_write_all(fd, data, len);
	return rc < 0 ? error_sys(err, rc, "cannot write the image") : 0;
}

int sink_text(struct sink *sink, const char *name, const char *text, struct error *err)
{
	AUTO_FD int fd = -1;
	int rc = begin(sink, name, strlen(text), &fd, err);

	return rc == 0 ? add(sink, fd, text, strlen(text), err) : rc;
}

int sink_file(struct sink *sink, const char *name, int from, uint64_t size,
              const struct digest *expect, struct error *err)
{
	AUTO_FD int fd = -1;
	struct digest_ctx hash;
	struct digest is;
	uint64_t left = size;
	ssize_t n = 1;
	int rc = begin(sink, name, size, &fd, err);

	digest_init(&hash);
	while (rc == 0 && left > 0 && n > 0) {
		n = read(from, sink->buf, left < STEP ? (size_t)left : STEP);
		if (n < 0 && errno == EINTR) {
			n = 1;
		} else if (n < 0) {
			rc = error_sys(err, errno, "cannot read '%s'", name);
		} else if (n > 0) {
			digest_update(&hash, sink->buf, (size_t)n);
			left -= (uint64_t)n;
			progress_add(sink->progress, (uint64_t)n);
			rc = add(sink, fd, sink->buf, (size_t)n, err);
		}
	}
	is = digest_final(&hash);
	digest_release(&hash);
	if (rc == 0 && (left > 0 || !digest_equal(&is, expect)))
		rc = error_set(err, SLUICE_CORRUPT,
		               "'%s' is not what its digest says: it is damaged in this home; "
		               "delete the image and pull or import it again",
		               name);
	return rc;
}

int sink_finish(struct sink *sink, struct error *err)
{
	if (sink->tar)
		return archive_write_close(sink->tar) == ARCHIVE_OK ? 0 : tar_failed(sink, err);
	return syncfs(sink->fd) == 0 ? 0 : error_sys(err, errno, "cannot write the image");
}

void sink_release(struct sink *sink)
{
	if (sink->tar) {
		(void)archive_write_free(sink->tar);
		archive_entry_free(sink->entry);
	}
	free(sink->buf);
}
