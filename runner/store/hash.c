#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/parallel.h"
#include "base/xalloc.h"
#include "store/internal.h"

/* Fits into a core's second level cache: what was read is hashed from there. */
enum { HASH_BUFFER = 128 * 1024 };

struct hasher {
	struct digest_ctx ctx;
	uint8_t *buf;
};

void *hasher_new(void *unused)
{
	struct hasher *h = xmalloc(sizeof *h);

	(void)unused;
	digest_init(&h->ctx);
	h->buf = xmalloc(HASH_BUFFER);
	return h;
}

void hasher_free(void *hasher)
{
	struct hasher *h = hasher;

	if (!h)
		return;
	digest_release(&h->ctx);
	free(h->buf);
	free(h);
}

int hash_range(struct hasher *hasher, int fd, uint64_t offset, uint64_t len,
               struct digest *ret_digest)
{
	int rc = 0;

	while (rc == 0 && len > 0) {
		size_t want = len < HASH_BUFFER ? (size_t)len : HASH_BUFFER;
		ssize_t n = pread(fd, hasher->buf, want, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = n < 0 ? -errno : -ENODATA;
			break;
		}
		digest_update(&hasher->ctx, hasher->buf, (size_t)n);
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	/* After a failure too: it makes the context ready for the next. */
	*ret_digest = digest_final(&hasher->ctx);
	return rc;
}

int hash_copy(struct hasher *hasher, int in, int out, uint64_t max, uint64_t *ret_len,
              struct digest *ret_digest)
{
	uint64_t len = 0;
	int rc = 0;

	while (rc == 0) {
		ssize_t n = read(in, hasher->buf, HASH_BUFFER);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = n < 0 ? -errno : 0;
			break;
		}
		len += (uint64_t)n;
		digest_update(&hasher->ctx, hasher->buf, (size_t)n);
		rc = len > max ? -EFBIG : io_write_all(out, hasher->buf, (size_t)n);
	}
	*ret_digest = digest_final(&hasher->ctx);
	*ret_len = len;
	return rc;
}

struct chunk_job {
	int fd;
	struct progress *progress;
	struct chunk_list *list;
	const atomic_bool *stop;
};

static int hash_one_chunk(void *arg, void *state, size_t i)
{
	struct chunk_job *job = arg;
	uint64_t len = chunks_length(job->list->size, i);
	int rc;

	if (job->stop && atomic_load(job->stop))
		return -ECANCELED;
	rc = hash_range(state, job->fd, (uint64_t)i * CHUNK_SIZE, len, &job->list->chunk[i]);
	progress_add(job->progress, len);
	return rc;
}

int hash_chunks(int fd, uint64_t size, struct progress *progress, const atomic_bool *stop,
                struct chunk_list *ret_list)
{
	static const struct parallel_ops ops = { hasher_new, hasher_free, hash_one_chunk };
	struct chunk_list list = { .size = size, .n = chunks_count(size) };
	struct chunk_job job = { fd, progress, &list, stop };
	int rc;

	if (list.n == 0)
		return -EFBIG;
	list.chunk = xcalloc(list.n, sizeof *list.chunk);
	rc = parallel_run(list.n, 0, &ops, &job);
	if (rc != 0) {
		chunks_release(&list);
		return rc;
	}
	*ret_list = list;
	return 0;
}
