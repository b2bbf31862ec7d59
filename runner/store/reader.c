#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "store/internal.h"

struct reader {
	struct store *store;
	struct manifest_root root;
	size_t next;
	struct manifest_order order;
	struct manifest_segment segment;
};

int reader_load_root(struct store *store, const struct digest *manifest,
                     struct manifest_root *ret_root, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(MANIFEST_TEXT_MAX);
	char hex[DIGEST_HEX_LEN + 1];
	int rc = object_read(store, OBJECT_MANIFEST, manifest, &text, err);

	if (rc == 0)
		rc = manifest_parse_root(strbuf_str(&text), text.len, ret_root, err);
	return rc < 0 ? error_wrap(err, "manifest %s", digest_hex(manifest, hex)) : 0;
}

int reader_open(struct store *store, const struct digest *manifest, struct reader **ret_reader,
                struct error *err)
{
	struct manifest_root root;
	struct reader *r;
	int rc = reader_load_root(store, manifest, &root, err);

	if (rc < 0)
		return rc;
	r = xcalloc(1, sizeof *r);
	r->store = store;
	r->root = root;
	*ret_reader = r;
	return 0;
}

void cleanup_reader(struct reader *const *reader)
{
	if (!*reader)
		return;
	manifest_segment_release(&(*reader)->segment);
	manifest_root_release(&(*reader)->root);
	free(*reader);
}

int reader_next(struct reader *reader, const struct manifest_segment **ret_segment,
                struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(MANIFEST_TEXT_MAX);
	const struct manifest_part *part;
	char hex[DIGEST_HEX_LEN + 1];
	const char *why;
	int rc;

	manifest_segment_release(&reader->segment);
	if (reader->next == reader->root.n) {
		*ret_segment = NULL;
		return 0;
	}
	part = &reader->root.part[reader->next];
	rc = object_read(reader->store, OBJECT_MANIFEST, &part->digest, &text, err);
	if (rc == SLUICE_NOT_FOUND) /* the version is there, a part of it is not */
		rc = err->class = SLUICE_CORRUPT;
	if (rc == 0)
		rc = manifest_parse_segment(strbuf_str(&text), text.len, &reader->order,
		                            &reader->segment, err);
	if (rc < 0)
		return error_wrap(err, "manifest segment %s", digest_hex(&part->digest, hex));
	why = manifest_check_part(&reader->root, reader->next, &reader->segment);
	if (why)
		return error_set(err, SLUICE_CORRUPT, "manifest segment %s %s",
		                 digest_hex(&part->digest, hex), why);
	reader->next++;
	*ret_segment = &reader->segment;
	return 0;
}

void reader_skip(struct reader *reader)
{
	reader->order = (struct manifest_order){ 0 };
	reader->next++;
}

size_t reader_left(const struct reader *reader)
{
	return reader->root.n - reader->next;
}

bool reader_is_same_next(const struct reader *a, const struct reader *b)
{
	return a->next < a->root.n && b->next < b->root.n &&
	       memcmp(&a->root.part[a->next].digest, &b->root.part[b->next].digest,
	              sizeof(struct digest)) == 0;
}

/* Moves on to the segment that may hold the first entry at or below `prefix`. */
static void seek(struct reader *r, const char *prefix)
{
	while (r->next + 1 < r->root.n && strcmp(r->root.part[r->next + 1].first, prefix) <= 0)
		r->next++;
}

static bool lies_below(const char *path, const char *prefix, size_t len)
{
	return len == 0 ||
	       (strncmp(path, prefix, len) == 0 && (path[len] == '/' || path[len] == '\0'));
}

/* Past `prefix` and all that begins with it, nothing below it can come. */
static bool lies_behind(const char *path, const char *prefix, size_t len)
{
	return strncmp(path, prefix, len) > 0;
}

int store_each(struct store *store, const struct digest *manifest, const char *prefix,
               store_entry_fn *fn, void *arg, struct error *err)
{
	AUTO_READER struct reader *r = NULL;
	size_t len = strlen(prefix);
	int rc = reader_open(store, manifest, &r, err);

	if (rc < 0)
		return rc;
	seek(r, prefix);
	for (;;) {
		const struct manifest_segment *seg;

		rc = reader_next(r, &seg, err);
		if (rc < 0 || !seg)
			return rc;
		for (size_t i = 0; i < seg->n; i++) {
			if (lies_behind(seg->entry[i].path, prefix, len))
				return 0;
			rc = lies_below(seg->entry[i].path, prefix, len) ? fn(arg, &seg->entry[i])
			                                                 : 0;
			if (rc != 0)
				return rc;
		}
	}
}

int store_tree_stat(struct store *store, const struct digest *manifest,
                    struct store_tree_info *ret_info, struct error *err)
{
	AUTO_ROOT struct manifest_root root = { 0 };
	int rc = reader_load_root(store, manifest, &root, err);

	if (rc < 0)
		return rc;
	*ret_info = (struct store_tree_info){
		.manifest = *manifest,
		.files = root.files,
		.bytes = root.bytes,
	};
	return 0;
}
