#include "image/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/xalloc.h"

static ssize_t read_some(struct stream *s)
{
	ssize_t n;

	do
		n = read(s->fd, s->chunk, sizeof s->chunk);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		digest_update(&s->blob_hash, s->chunk, (size_t)n);
		s->blob_bytes += (uint64_t)n;
		progress_add(s->progress, (uint64_t)n);
	}
	return n;
}

static la_ssize_t on_read(struct archive *a, void *arg, const void **ret_data)
{
	struct stream *s = arg;
	ssize_t n = read_some(s);

	if (n < 0)
		archive_set_error(a, errno, "read failed");
	*ret_data = s->chunk;
	return n;
}

struct stream *stream_new(int fd, const struct unpack_limits *limits)
{
	struct stream *s = xcalloc(1, sizeof *s);

	s->fd = fd;
	s->limits = limits;
	digest_init(&s->blob_hash);
	digest_init(&s->tar_hash);
	return s;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	(void)archive_read_free(s->unpacker);
	digest_release(&s->blob_hash);
	digest_release(&s->tar_hash);
	free(s);
}

static int64_t unpacker_failed(struct stream *s)
{
	const char *why = archive_error_string(s->unpacker);

	return error_set(&s->error, SLUICE_INVALID, "cannot decompress it: %s",
	                 why ? why : "bad data");
}

/* Only these filters: libarchive's "all" would also start programs. */
static int64_t start(struct stream *s)
{
	struct archive_entry *entry;
	struct archive *a = archive_read_new();
	int rc;

	s->unpacker = a;
	if (!a || archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
	    archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_support_format_empty(a) != ARCHIVE_OK)
		return error_set(&s->error, SLUICE_MISSING,
		                 "this libarchive was built without gzip or zstd; install one "
		                 "that has them");
	rc = archive_read_open(a, s, NULL, on_read, NULL);
	if (rc == ARCHIVE_OK)
		rc = archive_read_next_header(a, &entry);
	s->at_end = rc == ARCHIVE_EOF;
	return rc == ARCHIVE_OK || s->at_end ? 0 : unpacker_failed(s);
}

static int64_t over_limit(struct stream *s)
{
	if (s->tar_bytes > s->limits->bytes)
		return error_set(&s->error, SLUICE_LIMIT,
		                 "it unpacks to more than %" PRIu64 " bytes", s->limits->bytes);
	if (s->tar_bytes > s->limits->free_bytes && s->tar_bytes / s->limits->ratio > s->blob_bytes)
		return error_set(&s->error, SLUICE_LIMIT,
		                 "it unpacks to more than %" PRIu64 " times its size",
		                 s->limits->ratio);
	return 0;
}

int64_t stream_read(struct stream *s, const void **ret_data)
{
	size_t len = 0;
	la_int64_t offset = 0;
	int rc = ARCHIVE_OK;

	if (s->error.class != 0)
		return s->error.class;
	if (!s->unpacker && start(s) != 0)
		return s->error.class;
	/* libarchive may hand out empty blocks; an empty answer would mean the end. */
	while (!s->at_end && len == 0 && rc == ARCHIVE_OK) {
		rc = archive_read_data_block(s->unpacker, ret_data, &len, &offset);
		s->at_end = rc == ARCHIVE_EOF;
	}
	if (s->at_end)
		return 0;
	if (rc < ARCHIVE_WARN)
		return unpacker_failed(s);
	digest_update(&s->tar_hash, *ret_data, len);
	s->tar_bytes += len;
	return over_limit(s) != 0 ? s->error.class : (int64_t)len;
}

int stream_check_blob(struct stream *s, const struct digest *blob, struct error *err)
{
	struct digest is;
	ssize_t n;

	do
		n = read_some(s);
	while (n > 0);
	if (n < 0)
		return error_sys(err, errno, "cannot read the blob");
	is = digest_final(&s->blob_hash);
	if (!digest_equal(&is, blob))
		return error_set(err, SLUICE_CORRUPT,
		                 "the stored blob does not match its digest; "
		                 "delete the image and import it again");
	return 0;
}

int stream_check(struct stream *s, const struct digest *blob, const struct digest *tar,
                 struct error *err)
{
	const void *data;
	int64_t n;
	struct digest is;
	int rc;

	do
		n = stream_read(s, &data);
	while (n > 0);
	rc = stream_check_blob(s, blob, err);
	if (rc == 0 && n < 0) {
		*err = s->error;
		rc = err->class;
	}
	if (rc != 0)
		return rc;
	is = digest_final(&s->tar_hash);
	if (!digest_equal(&is, tar))
		return error_set(err, SLUICE_INVALID,
		                 "its contents do not match the diff id that the image's config "
		                 "gives");
	return 0;
}
