#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

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

	if ((e->kind == 'c' || e->kind == 'C') && strcmp(e->path, l->path) == 0) {
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

/* What is missing or damaged is of no use here; that it is, verification tells. */
void base_find(const struct add *add, const struct add_file *f, struct base *ret_base)
{
	struct lookup l = { .path = f->e.path };
	struct error ignored;

	*ret_base = (struct base){ .fd = -1 };
	if (!add->base || store_each(add->store, add->base, l.path, take_large, &l, &ignored) < 0 ||
	    !l.entry.kind ||
	    base_read_list(add->store, &l.entry.digest, &ret_base->list, &ignored) < 0)
		return;
	ret_base->fd = object_open(add->store, &l.entry, &ignored);
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
