/* Texts of a manifest's root and segments, and chunk lists: what is accepted has one form. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "store/chunks.h"
#include "store/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_equal(const struct strbuf *again, const char *text, size_t len)
{
	if (again->failed || again->len != len || memcmp(again->buf, text, len) != 0)
		abort();
}

static void try_segment(const char *text, size_t len)
{
	AUTO_SEGMENT struct manifest_segment seg = { 0 };
	AUTO_STRBUF struct strbuf again = STRBUF_INIT(STRBUF_BIG);
	struct manifest_order *order = xcalloc(1, sizeof *order);
	struct error err;

	if (manifest_parse_segment(text, len, order, &seg, &err) == 0) {
		for (size_t i = 0; i < seg.n; i++) {
			if (manifest_check_path(seg.entry[i].path))
				abort();
			manifest_add_entry(&again, &seg.entry[i]);
		}
		must_equal(&again, text, len);
	}
	free(order);
}

static void try_root(const char *text, size_t len)
{
	AUTO_ROOT struct manifest_root root = { 0 };
	AUTO_STRBUF struct strbuf again = STRBUF_INIT(STRBUF_BIG);
	struct error err;

	if (manifest_parse_root(text, len, &root, &err) != 0)
		return;
	strbuf_addstr(&again, MANIFEST_HEADER);
	for (size_t i = 0; i < root.n; i++)
		manifest_add_part(&again, &root.part[i]);
	must_equal(&again, text, len);
}

static void try_chunks(const char *text, size_t len)
{
	AUTO_CHUNKS struct chunk_list list = { 0 };
	AUTO_STRBUF struct strbuf again = STRBUF_INIT(STRBUF_BIG);
	struct error err;

	if (chunks_parse(text, len, &list, &err) != 0)
		return;
	chunks_format(&list, &again);
	must_equal(&again, text, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	try_segment(text, size);
	try_root(text, size);
	try_chunks(text, size);
	return 0;
}
