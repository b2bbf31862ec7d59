/*
 * What an import reads: a directory, or an archive whose members were spooled into HOME/tmp in one
 * pass (its index may come after its blobs, and it may be compressed or a pipe).
 */
#ifndef IMAGE_SOURCE_H
#define IMAGE_SOURCE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "image/layout.h"

struct source;

/* `documents_only`: of an archive the members that can be one, as if it had no others. */
int source_open(struct images *im, const char *path, bool documents_only,
                struct source **ret_source, struct error *err) MUST_USE;
void source_close(struct source *source);

bool source_has(const struct source *source, const char *name);

/* A document; more than ret_text->max is SLUICE_LIMIT, absent SLUICE_NOT_FOUND. */
int source_text(const struct source *source, const char *name, struct strbuf *ret_text,
                struct error *err) MUST_USE;

/* The first bytes of a member; fewer if it is shorter.  Returns how many, or a class. */
int source_peek(const struct source *source, const char *name, void *buf, size_t len,
                struct error *err) MUST_USE;

/*
 * Stores a member as a blob of the home under the digest that its bytes have, which must be
 * `expect` if that is not NULL; nothing is stored otherwise.  Fills digest and size of RET_BLOB.
 */
int source_store(const struct source *source, const char *name, const struct digest *expect,
                 struct oci_descriptor *ret_blob, struct error *err) MUST_USE;

#endif
