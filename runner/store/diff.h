/*
 * What differs between two manifests: one merge over both, which skips the segments that they
 * share.  Blocking; takes time and reads as the part that differs needs, and memory for a segment
 * of each, with DIFF_RENAMES also for all changes.
 * As in a manifest, a directory is an entry only while it is empty.
 */
#ifndef STORE_DIFF_H
#define STORE_DIFF_H

#include "base/digest.h"
#include "base/error.h"
#include "base/progress.h"
#include "store/store.h"

enum diff_what {
	DIFF_ADDED,
	DIFF_REMOVED,
	DIFF_CHANGED, /* content, link target or kind, executable or not */
	DIFF_RENAMED, /* the same content under another path, and there no more under the old one */
};
enum { DIFF_WHATS = DIFF_RENAMED + 1 };

struct diff_change {
	enum diff_what what;
	const struct store_entry *from; /* NULL: added */
	const struct store_entry *to;   /* NULL: removed */
};

enum diff_flags {
	/* An entry that was removed and one that was added with the same content are one change.
	 * Empty files, links and directories are nobody's content. */
	DIFF_RENAMES = 1 << 0,
};

struct diff_how {
	unsigned flags;
	struct progress *progress; /* of segments of both that were read, or NULL */
};

/* Told in order of bytes of the new path, the old one of what is removed; a return other than 0
 * ends it and is returned. */
typedef int diff_fn(void *arg, const struct diff_change *change);
int store_diff(struct store *store, const struct digest *from, const struct digest *to,
               const struct diff_how *how, diff_fn *fn, void *arg, struct error *err) MUST_USE;

#endif
