/*
 * Blobs on their way into HOME/images/blobs/sha256: written under a temporary name while they are
 * hashed, and given their digest's name only when it is the expected one.
 */
#ifndef IMAGE_BLOB_H
#define IMAGE_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

/* begin; write...; end; then keep, or not; release. */
struct blob {
	int dirfd; /* where the temporary file is: HOME/tmp; kept */
	int fd; /* -1 after blob_end: an archive may have more members than a process has files */
	char temp[32];
	struct digest_ctx hash;
	struct digest digest; /* after blob_end */
	uint64_t size;
};

int blob_begin(struct blob *blob, int tmp_dirfd, struct error *err) MUST_USE;
int blob_write(struct blob *blob, const void *data, size_t len, struct error *err) MUST_USE;

/* Writes the rest of FD; more than `most` bytes in the blob are an error. */
int blob_write_from(struct blob *blob, int fd, uint64_t most, struct error *err) MUST_USE;
void blob_end(struct blob *blob);

/* Makes it durable and gives it its name in BLOBS_FD; already there is success. */
int blob_keep(const struct blob *blob, int blobs_fd, struct error *err) MUST_USE;

/* Removes the temporary file; takes one that was never begun, if it is zeroed. */
void blob_release(struct blob *blob);

#define AUTO_BLOB __attribute__((cleanup(blob_release)))

#endif
