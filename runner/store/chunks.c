#include "store/chunks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static const char header[] = "sluice-chunks 1\n";
enum { HEADER_LEN = sizeof header - 1, LINE_LEN = DIGEST_HEX_LEN + 1, FOOTER_MAX = 32 };

size_t chunks_count(uint64_t size)
{
	uint64_t n = size / CHUNK_SIZE + (size % CHUNK_SIZE != 0);

	return n <= CHUNKS_MAX ? (size_t)n : 0;
}

size_t chunks_length(uint64_t size, size_t i)
{
	uint64_t left = size - (uint64_t)i * CHUNK_SIZE;

	return left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;
}

size_t chunks_text_max(size_t n)
{
	return HEADER_LEN + n * LINE_LEN + FOOTER_MAX;
}

void chunks_format(const struct chunk_list *list, struct strbuf *text)
{
	char hex[DIGEST_HEX_LEN + 1];

	strbuf_addstr(text, header);
	for (size_t i = 0; i < list->n; i++) {
		strbuf_addstr(text, digest_hex(&list->chunk[i], hex));
		strbuf_addch(text, '\n');
	}
	strbuf_addf(text, "size %" PRIu64 "\n", list->size);
}

static int refuse(struct chunk_list *list, struct error *err, const char *why)
{
	chunks_release(list);
	return error_set(err, SLUICE_CORRUPT, "not a chunk list: %s", why);
}

/* The end of the list follows from its size: that it is written as we would shows all the rest. */
static bool ends_with_size(const char *text, size_t len, struct chunk_list *list)
{
	static const char word[] = "size ";
	size_t at = sizeof word - 1;
	uint64_t size = 0;

	if (len <= at || len > FOOTER_MAX || memcmp(text, word, at) != 0 || text[at] == '0')
		return false;
	for (; text[at] >= '0' && text[at] <= '9' && at + 1 < len; at++)
		if (__builtin_mul_overflow(size, 10, &size) ||
		    __builtin_add_overflow(size, (uint64_t)(text[at] - '0'), &size))
			return false;
	list->size = size;
	return at + 1 == len && text[at] == '\n';
}

int chunks_parse(const char *text, size_t len, struct chunk_list *ret_list, struct error *err)
{
	struct chunk_list list = { 0 };
	size_t lines = len > HEADER_LEN ? (len - HEADER_LEN) / LINE_LEN : 0;

	if (len < HEADER_LEN || memcmp(text, header, HEADER_LEN) != 0)
		return refuse(&list, err, "its first line is not 'sluice-chunks 1'");
	if (lines > CHUNKS_MAX)
		return refuse(&list, err, "it is too long");
	text += HEADER_LEN;
	len -= HEADER_LEN;
	list.chunk = xcalloc(lines + 1, sizeof *list.chunk);
	while (list.n < lines && digest_parse(text, &list.chunk[list.n]) &&
	       text[DIGEST_HEX_LEN] == '\n') {
		list.n++;
		text += LINE_LEN;
		len -= LINE_LEN;
	}
	if (!ends_with_size(text, len, &list))
		return refuse(&list, err, "a line is neither a digest nor the size at the end");
	if (list.size <= CHUNK_SIZE || chunks_count(list.size) != list.n)
		return refuse(&list, err, "its size and its number of chunks do not agree");
	*ret_list = list;
	return 0;
}

void chunks_release(struct chunk_list *list)
{
	free(list->chunk);
	*list = (struct chunk_list){ 0 };
}
