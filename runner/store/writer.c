#include <stdlib.h>

#include "base/xalloc.h"
#include "store/internal.h"

struct writer {
	struct store *store;
	struct digest_ctx ctx;
	struct strbuf root;
	struct strbuf segment;
	struct manifest_part part; /* of the segment that is being written */
	uint64_t new_bytes;
};

struct writer *writer_begin(struct store *store)
{
	struct writer *w = xcalloc(1, sizeof *w);

	*w = (struct writer){ .store = store,
		              .root = STRBUF_INIT(MANIFEST_TEXT_MAX),
		              .segment = STRBUF_INIT(MANIFEST_TEXT_MAX) };
	digest_init(&w->ctx);
	strbuf_addstr(&w->root, MANIFEST_HEADER);
	return w;
}

void writer_free(struct writer *w)
{
	digest_release(&w->ctx);
	strbuf_release(&w->root);
	strbuf_release(&w->segment);
	free(w);
}

static int too_long(struct error *err)
{
	return error_set(err, SLUICE_LIMIT, "the list of files is too long");
}

static int end_segment(struct writer *w, struct error *err)
{
	int rc;

	if (w->segment.failed)
		return too_long(err);
	rc = object_put(w->store, OBJECT_MANIFEST, strbuf_str(&w->segment), w->segment.len,
	                &w->part.digest, &w->new_bytes, err);
	if (rc < 0)
		return rc;
	manifest_add_part(&w->root, &w->part);
	strbuf_clear(&w->segment);
	w->part = (struct manifest_part){ 0 };
	return 0;
}

int writer_add(struct writer *w, const struct store_entry *e, bool last, struct error *err)
{
	if (w->segment.len == 0)
		w->part.first = e->path;
	manifest_add_entry(&w->segment, e);
	w->part.files += e->kind != 'd';
	w->part.bytes += e->size;
	return last || manifest_is_cut(&w->ctx, e->path) ? end_segment(w, err) : 0;
}

int writer_end(struct writer *w, struct digest *ret_manifest, uint64_t *new_bytes,
               struct error *err)
{
	int rc = w->root.failed ? too_long(err)
	                        : object_put(w->store, OBJECT_MANIFEST, strbuf_str(&w->root),
	                                     w->root.len, ret_manifest, &w->new_bytes, err);

	*new_bytes += w->new_bytes;
	return rc;
}
