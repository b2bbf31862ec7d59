/*
 * A layer's blob as the tar within it: unpacked (gzip, zstd or not at all) and hashed on both
 * sides on the way, because a manifest names the blob and a config names the tar.
 */
#ifndef IMAGE_STREAM_H
#define IMAGE_STREAM_H

#include <archive.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/progress.h"

/* What a layer may become.  A bomb is over one of these before it is over the disk. */
struct unpack_limits {
	uint64_t bytes;      /* of the tar, and of the files that it makes */
	uint64_t free_bytes; /* of the tar, before the ratio counts */
	uint64_t ratio;      /* bytes of the tar for one of the blob */
	uint64_t entries;
	unsigned depth; /* components of a path */
};

struct stream {
	int fd;
	struct archive *unpacker;
	const struct unpack_limits *limits;
	struct progress *progress; /* of the blob; NULL, or set after stream_new() */
	struct digest_ctx blob_hash, tar_hash;
	uint64_t blob_bytes, tar_bytes;
	bool at_end;
	struct error error; /* of the last stream_read, if it failed: class is not 0 */
	char chunk[64 * 1024];
};

/* Reads the blob from FD's offset on; FD and LIMITS are kept. */
struct stream *stream_new(int fd, const struct unpack_limits *limits);
void stream_free(struct stream *s);

/* Points *ret_data to the next bytes of the tar; returns their number, 0 at the end, or a class,
 * with the words in s->error. */
int64_t stream_read(struct stream *s, const void **ret_data);

/* Reads what is left and holds both digests against what they must be. */
int stream_check(struct stream *s, const struct digest *blob, const struct digest *tar,
                 struct error *err) MUST_USE;

/* The same for the blob alone, when the tar made no sense. */
int stream_check_blob(struct stream *s, const struct digest *blob, struct error *err) MUST_USE;

#endif
