/* Makes tars in memory, also ones that no honest program would make. */
#ifndef TESTS_SUPPORT_TAR_MAKER_H
#define TESTS_SUPPORT_TAR_MAKER_H

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/xalloc.h"

enum { TAR_HARDLINK = 1 }; /* beside AE_IFREG and its like */

struct tar_entry {
	const char *path;
	const char *data; /* what is in a file, or where a link leads */
	unsigned type;    /* 0: a file */
	unsigned mode;    /* 0: 0644, or 0755 for a directory */
	unsigned uid, gid;
	dev_t rdev;
	long mtime_ns; /* beside second 1600000000 */
	const char *xattr, *value;
};

struct bytes {
	char *at;
	size_t len;
};

enum { TAR_ROOM = 16 << 20 };

static inline struct archive *tar_maker_open(struct bytes *out)
{
	struct archive *a = archive_write_new();

	out->at = xmalloc(TAR_ROOM);
	out->len = 0;
	assert_non_null(a);
	return a;
}

static inline struct bytes tar_maker_close(struct archive *a, struct bytes *out)
{
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	return *out;
}

static inline void tar_put(struct archive *a, const struct tar_entry *t, size_t len)
{
	struct archive_entry *e = archive_entry_new();
	unsigned type = t->type ? t->type : (unsigned)AE_IFREG;
	int has_data = type == AE_IFREG && t->data;

	archive_entry_set_pathname(e, t->path);
	archive_entry_set_filetype(e, type == TAR_HARDLINK ? (unsigned)AE_IFREG : type);
	archive_entry_set_perm(e, (mode_t)(t->mode ? t->mode : type == AE_IFDIR ? 0755 : 0644));
	archive_entry_set_uid(e, t->uid);
	archive_entry_set_gid(e, t->gid);
	archive_entry_set_rdev(e, t->rdev);
	archive_entry_set_mtime(e, 1600000000, t->mtime_ns);
	archive_entry_set_size(e, has_data ? (la_int64_t)len : 0);
	if (type == TAR_HARDLINK)
		archive_entry_set_hardlink(e, t->data);
	if (type == AE_IFLNK)
		archive_entry_set_symlink(e, t->data);
	if (t->xattr)
		archive_entry_xattr_add_entry(e, t->xattr, t->value, strlen(t->value));
	assert_true(archive_write_header(a, e) >= ARCHIVE_WARN);
	if (has_data)
		assert_int_equal(archive_write_data(a, t->data, len), (la_ssize_t)len);
	archive_entry_free(e);
}

/* A plain tar of the entries up to one without a path; the caller frees it. */
static inline struct bytes tar_make(const struct tar_entry *entry)
{
	struct bytes out;
	struct archive *a = tar_maker_open(&out);

	assert_int_equal(archive_write_set_format_pax(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, out.at, TAR_ROOM, &out.len), ARCHIVE_OK);
	for (; entry->path; entry++)
		tar_put(a, entry, entry->data ? strlen(entry->data) : 0);
	return tar_maker_close(a, &out);
}

/* The bytes compressed by FILTER (ARCHIVE_FILTER_GZIP, ..._ZSTD, ..._NONE); the caller frees them.
 */
static inline struct bytes tar_pack(struct bytes plain, int filter)
{
	const struct tar_entry whole = { .path = "data", .data = plain.at };
	struct bytes out;
	struct archive *a = tar_maker_open(&out);

	assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
	assert_int_equal(archive_write_add_filter(a, filter), ARCHIVE_OK);
	if (filter == ARCHIVE_FILTER_GZIP) /* else the second it is packed in goes into the bytes */
		assert_int_equal(archive_write_set_filter_option(a, "gzip", "timestamp", NULL),
		                 ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, out.at, TAR_ROOM, &out.len), ARCHIVE_OK);
	tar_put(a, &whole, plain.len);
	return tar_maker_close(a, &out);
}

static inline struct digest bytes_digest(struct bytes b)
{
	return digest_of(b.at, b.len);
}

#endif
