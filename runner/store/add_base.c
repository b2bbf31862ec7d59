/*
 * A large file that was changed a little becomes a clone of the one before it, the base, in which
 * the chunks of other digests are overwritten.  The base's bytes are not read for that: here as
 * everywhere in the store what lies under a name is believed to be what the name says, and whether
 * it is, store_verify() tells.  So damage below the file system is shared by what is made of the
 * base, as an equal object shares it.  To compare the bytes would double what is read, and most
 * often from the disk.
 *
 * What can be seen without reading is asked for: the base has the size and the mode of an object,
 * its list is whole, and nobody wrote to it after its manifest was made, as its mtime tells.  Where
 * that is not so, all of the file is written anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "store/adding.h"

struct lookup {
	const char *path;
	struct store_entry entry; /* kind 0: not found */
};

static int take_large(void *arg, const struct store_entry *e)
{
	struct lookup *l = arg;

	if (is_large(e) && strcmp(e->path, l->path) == 0) {
		l->entry = *e;
		l->entry.path = l->path;
	}
	return 1;
}

int base_read_list(struct store *store, const struct digest *digest, struct chunk_list *ret_list,
                   struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(chunks_text_max(CHUNKS_MAX));
	int rc = object_read(store, 'f', digest, &text, err);

	return rc < 0 ? rc : chunks_parse(strbuf_str(&text), text.len, ret_list, err);
}

/* By a stray hand: a manifest is written after all that it names. */
static bool was_written_later(const struct add *add, int fd)
{
	char path[OBJECT_PATH_SIZE];
	struct seen_fixed manifest;
	struct seen_fixed base;
	struct stat st;

	object_path(OBJECT_MANIFEST, add->base, path);
	if (fstatat(add->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	seen_fill(&manifest, &st);
	if (fstat(fd, &st) != 0)
		return true;
	seen_fill(&base, &st);
	return base.mtime_ns > manifest.mtime_ns;
}

/* What is missing or damaged is of no use here; that it is, verification tells. */
void base_find(const struct add *add, const struct add_file *f, struct base *ret_base)
{
	struct lookup l = { .path = f->e.path };
	struct error ignored;
	AUTO_FD int fd = -1;

	*ret_base = (struct base){ .fd = -1 };
	if (!add->base || store_each(add->store, add->base, l.path, take_large, &l, &ignored) < 0 ||
	    !l.entry.kind ||
	    base_read_list(add->store, &l.entry.digest, &ret_base->list, &ignored) < 0 ||
	    ret_base->list.size != l.entry.size)
		return;
	fd = object_open(add->store, &l.entry, &ignored);
	if (fd >= 0 && !was_written_later(add, fd))
		ret_base->fd = take_fd(&fd);
}

void base_release(struct base *base)
{
	chunks_release(&base->list);
	cleanup_fd(&base->fd);
}

static bool is_same(const struct base *base, const struct chunk_list *list, size_t i)
{
	return i < list->n && i < base->list.n &&
	       chunks_length(list->size, i) == chunks_length(base->list.size, i) &&
	       digest_equal(&list->chunk[i], &base->list.chunk[i]);
}

bool base_is_like(const struct base *base, struct hasher *hasher, int fd, uint64_t size)
{
	enum { SAMPLES = 8 };
	size_t n = chunks_count(size);
	size_t step = n > SAMPLES ? n / SAMPLES : 1;
	size_t seen = 0;
	size_t same = 0;
	struct digest digest;

	for (size_t i = 0; i < n; i += step, seen++) {
		size_t len = chunks_length(size, i);

		same += i < base->list.n && len == chunks_length(base->list.size, i) &&
		        hash_range(hasher, fd, (uint64_t)i * CHUNK_SIZE, len, &digest) == 0 &&
		        digest_equal(&digest, &base->list.chunk[i]);
	}
	return 2 * same > seen;
}

/* Up to four, which is what btrfs takes at once. */
static size_t count_same(const struct base *base, const struct chunk_list *list, size_t i)
{
	enum { AT_ONCE = 4 };
	size_t n = 0;

	while (n < AT_ONCE && is_same(base, list, i + n))
		n++;
	return n;
}

static bool share_range(const struct base *base, int fd, uint64_t at, uint64_t len)
{
	struct file_dedupe_range *range =
		xcalloc(1, sizeof *range + sizeof(struct file_dedupe_range_info));
	struct file_dedupe_range_info *info = range->info;
	bool shared;

	range->src_offset = at;
	range->src_length = len;
	range->dest_count = 1;
	info->dest_fd = fd;
	info->dest_offset = at;
	shared = ioctl(base->fd, FIDEDUPERANGE, range) == 0 &&
	         info->status == FILE_DEDUPE_RANGE_SAME;
	free(range);
	return shared;
}

void base_share(const struct base *base, int fd, const struct chunk_list *list)
{
	size_t n;

	for (size_t i = 0; base->fd >= 0 && i < list->n; i += n ? n : 1) {
		uint64_t at = (uint64_t)i * CHUNK_SIZE;
		uint64_t len = 0;

		n = count_same(base, list, i);
		for (size_t k = i; k < i + n; k++)
			len += chunks_length(list->size, k);
		if (n > 0 && !share_range(base, fd, at, len))
			return;
	}
}
