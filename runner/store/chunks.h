/*
 * The chunk list of a file of more than 4 MiB, as text.  Pure.
 *
 *	sluice-chunks 1
 *	SHA256                  one line for each 4 MiB of the file, the last may be shorter
 *	size N                  in bytes, decimal
 *
 * There is one form: chunks_format(chunks_parse(x)) is x, anything else is refused.  The list is
 * an object itself; its digest names the file.
 */
#ifndef STORE_CHUNKS_H
#define STORE_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/strbuf.h"

enum {
	CHUNK_SIZE = 4 << 20,
	CHUNKS_MAX = 1 << 22, /* 16 TiB, the largest file of ext4 */
};

struct chunk_list {
	uint64_t size; /* more than CHUNK_SIZE */
	size_t n;
	struct digest *chunk;
};

/* How many chunks a file of `size` bytes has; 0 if it is too large. */
size_t chunks_count(uint64_t size);

/* The length of the i-th chunk. */
size_t chunks_length(uint64_t size, size_t i);

/* How long the text of `n` chunks can be. */
size_t chunks_text_max(size_t n);

void chunks_format(const struct chunk_list *list, struct strbuf *text);
int chunks_parse(const char *text, size_t len, struct chunk_list *ret_list,
                 struct error *err) MUST_USE;
void chunks_release(struct chunk_list *list);

#define AUTO_CHUNKS __attribute__((cleanup(chunks_release)))

#endif
