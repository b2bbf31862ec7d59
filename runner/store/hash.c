#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
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

/* --- files of several chunks ----------------------------------------------------------------- */

struct chunk_job {
	int fd;
	struct progress *progress;
	struct chunk_list *list;
	const atomic_bool *stop;
	bool has_holes;
	struct digest zero; /* of a whole chunk of a hole */
};

struct digest hash_zeros(void)
{
	AUTO_FREE uint8_t *zeros = xcalloc(1, CHUNK_SIZE);

	return digest_of(zeros, CHUNK_SIZE);
}

static bool is_hole(int fd, uint64_t offset, uint64_t len)
{
	off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

	return data < 0 ? errno == ENXIO : (uint64_t)data >= offset + len;
}

static int hash_one_chunk(void *arg, void *state, size_t i)
{
	struct chunk_job *job = arg;
	uint64_t offset = (uint64_t)i * CHUNK_SIZE;
	uint64_t len = chunks_length(job->list->size, i);
	int rc = 0;

	if (job->stop && atomic_load(job->stop))
		return -ECANCELED;
	if (job->has_holes && len == CHUNK_SIZE && is_hole(job->fd, offset, len))
		job->list->chunk[i] = job->zero;
	else
		rc = hash_range(state, job->fd, offset, len, &job->list->chunk[i]);
	progress_add(job->progress, len);
	return rc;
}

static bool has_holes(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_blocks < st.st_size / 512;
}

int hash_chunks(int fd, uint64_t size, struct progress *progress, const atomic_bool *stop,
                struct chunk_list *ret_list)
{
	static const struct parallel_ops ops = { hasher_new, hasher_free, hash_one_chunk };
	struct chunk_list list = { .size = size, .n = chunks_count(size) };
	struct chunk_job job = { .fd = fd,
		                 .progress = progress,
		                 .list = &list,
		                 .stop = stop,
		                 .has_holes = has_holes(fd) };
	int rc;

	if (list.n == 0)
		return -EFBIG;
	if (job.has_holes)
		job.zero = hash_zeros();
	list.chunk = xcalloc(list.n, sizeof *list.chunk);
	rc = parallel_run(list.n, 0, &ops, &job);
	if (rc != 0) {
		chunks_release(&list);
		return rc;
	}
	*ret_list = list;
	return 0;
}

/* --- ... copied ------------------------------------------------------------------------------- */

enum { COPIERS_MAX = 8, STEP = HASH_BUFFER };

struct copy_job {
	const struct chunk_copy *copy;
	struct chunk_list *list;
};

/* A whole chunk, because what is hashed must be what is written, whoever changes the file
 * meanwhile.
 */
struct copier {
	struct digest_ctx ctx;
	uint8_t buf[CHUNK_SIZE];
};

static void *copier_new(void *unused)
{
	struct copier *c = xmalloc(sizeof *c);

	(void)unused;
	digest_init(&c->ctx);
	return c;
}

static void copier_free(void *copier)
{
	struct copier *c = copier;

	if (c)
		digest_release(&c->ctx);
	free(c);
}

static int read_chunk(int fd, uint8_t *buf, size_t len, uint64_t offset)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = pread(fd, buf + have, len - have, (off_t)(offset + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		have += (size_t)n;
	}
	return 0;
}

int write_at(int fd, const void *data, size_t len, uint64_t offset)
{
	const uint8_t *buf = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, buf, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		buf += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static bool is_in_base(const struct chunk_list *base, const struct chunk_list *list, size_t i)
{
	return base && i < base->n &&
	       chunks_length(base->size, i) == chunks_length(list->size, i) &&
	       digest_equal(&base->chunk[i], &list->chunk[i]);
}

/* A step is hashed while it is in the core's cache. */
static int read_and_hash(struct copier *c, int fd, size_t len, uint64_t offset,
                         struct digest *ret_digest)
{
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < len; at += STEP) {
		size_t n = len - at < STEP ? len - at : STEP;

		rc = read_chunk(fd, c->buf + at, n, offset + at);
		if (rc == 0)
			digest_update(&c->ctx, c->buf + at, n);
	}
	*ret_digest = digest_final(&c->ctx);
	return rc;
}

static int copy_one_chunk(void *arg, void *state, size_t i)
{
	struct copy_job *job = arg;
	struct copier *copier = state;
	const struct chunk_copy *c = job->copy;
	uint64_t offset = (uint64_t)i * CHUNK_SIZE;
	size_t len = chunks_length(c->size, i);
	int rc;

	if (c->stop && atomic_load(c->stop))
		return -ECANCELED;
	rc = read_and_hash(copier, c->in, len, offset, &job->list->chunk[i]);
	if (rc < 0)
		return rc;
	if (!is_in_base(c->base, job->list, i))
		rc = write_at(c->out, copier->buf, len, offset);
	progress_add(c->progress, len);
	return rc;
}

int copy_chunks(const struct chunk_copy *copy, struct chunk_list *ret_list)
{
	static const struct parallel_ops ops = { copier_new, copier_free, copy_one_chunk };
	struct chunk_list list = { .size = copy->size, .n = chunks_count(copy->size) };
	struct copy_job job = { copy, &list };
	unsigned cores = parallel_cores();
	int rc;

	if (list.n == 0)
		return -EFBIG;
	list.chunk = xcalloc(list.n, sizeof *list.chunk);
	rc = parallel_run(list.n, cores < COPIERS_MAX ? cores : COPIERS_MAX, &ops, &job);
	if (rc != 0) {
		chunks_release(&list);
		return rc;
	}
	*ret_list = list;
	return 0;
}
