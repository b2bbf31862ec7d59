#include "image/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "image/layout.h"

enum { BLOB_CHUNK = 128 * 1024 };

int blob_begin(struct blob *blob, int tmp_dirfd, struct error *err)
{
	char random[DATASET_ID_LEN + 1];

	id_new_dataset(random);
	*blob = (struct blob){ .dirfd = tmp_dirfd };
	(void)snprintf(blob->temp, sizeof blob->temp, LAYOUT_TEMP_PREFIX "%s", random);
	blob->fd = openat(tmp_dirfd, blob->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (blob->fd < 0) {
		blob->temp[0] = '\0';
		return error_sys(err, errno, "cannot make a temporary file in the home");
	}
	digest_init(&blob->hash);
	return 0;
}

int blob_write(struct blob *blob, const void *data, size_t len, struct error *err)
{
	int rc = io_write_all(blob->fd, data, len);

	if (rc < 0)
		return error_sys(err, rc, "cannot write a blob into the home");
	digest_update(&blob->hash, data, len);
	blob->size += len;
	return 0;
}

int blob_write_from(struct blob *blob, int fd, uint64_t most, struct error *err)
{
	AUTO_FREE char *buf = xmalloc(BLOB_CHUNK);

	for (;;) {
		ssize_t n = read(fd, buf, BLOB_CHUNK);
		int rc;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_sys(err, errno, "cannot read a blob") : 0;
		if ((uint64_t)n > most - blob->size)
			return error_set(err, SLUICE_CORRUPT, "a blob is larger than it should be");
		rc = blob_write(blob, buf, (size_t)n, err);
		if (rc != 0)
			return rc;
	}
}

void blob_end(struct blob *blob)
{
	blob->digest = digest_final(&blob->hash);
	digest_release(&blob->hash);
	(void)close(blob->fd);
	blob->fd = -1;
}

/* Bytes first, then the name: the caller syncs the directory once for all of them. */
int blob_keep(const struct blob *blob, int blobs_fd, struct error *err)
{
	AUTO_FD int fd = openat(blob->dirfd, blob->temp, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char hex[DIGEST_HEX_LEN + 1];

	(void)digest_hex(&blob->digest, hex);
	if (fd < 0 || fsync(fd) != 0)
		return error_sys(err, errno, "cannot write blob %s", hex);
	if (linkat(blob->dirfd, blob->temp, blobs_fd, hex, 0) != 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot store blob %s", hex);
	return 0;
}

void blob_release(struct blob *blob)
{
	if (!blob->temp[0])
		return;
	if (blob->fd >= 0)
		blob_end(blob);
	(void)unlinkat(blob->dirfd, blob->temp, 0);
	*blob = (struct blob){ 0 };
}
