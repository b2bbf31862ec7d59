/*
 * Garbage collection: what no root needs goes.  Mark and sweep, beside commits and readers.
 *
 * The roots are manifests; dataset/ knows them.  First they are marked at leisure.  Then, in short
 * steps under the exclusive lock (while no commit is between its first look-up and its record), the
 * roots are asked for again, those that are new are marked, and of what was found unmarked a part
 * is removed.  Between two steps commits go on, and none of them waits for more than one step.
 *
 * Killed at any instant it leaves less garbage and nothing else.  Where a root cannot be read, what
 * it needs is not known: then nothing is removed.
 */
#ifndef STORE_GC_H
#define STORE_GC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/progress.h"
#include "store/store.h"

struct gc;

/* Names a root; one that was named before costs nothing. */
int gc_add_root(struct gc *gc, const struct digest *manifest, struct error *err) MUST_USE;

/* Names a root whose bytes are in a bucket, too: what is here of it stays, what is not is no
 * damage. Returns whether all its lists of files are here; if not it must be named again the next
 * time. */
int gc_add_cached_root(struct gc *gc, const struct digest *manifest, struct error *err) MUST_USE;

struct gc_how {
	/* Names all roots there are, by gc_add_root.  Called often: it skips what it has named. */
	int (*roots)(void *arg, struct gc *gc, struct error *err);
	/* It waits for commits that hold the lock; called once, after a second or so; may be NULL.
	 */
	void (*waiting)(void *arg);
	void *arg;
	bool dry_run;              /* count only */
	struct progress *progress; /* of parts of the store that are looked at, or NULL */
};

struct gc_result {
	uint64_t objects; /* files: objects, chunk lists, manifests */
	uint64_t bytes;   /* that they take on the disk */
	uint64_t trees;
	uint64_t leftovers; /* half-made things of processes that died */
};

/* One runs at a time; another waits. */
int store_gc(struct store *store, const struct gc_how *how, struct gc_result *ret_result,
             struct error *err) MUST_USE;

/*
 * Removes from the records of one dataset what writers that died left half written; its lock and
 * that of the names are held.  Adds to *count.  With `dry_run` counts only.
 */
int store_sweep_dataset(struct store *store, const char *dataset_id, bool dry_run, uint64_t *count,
                        struct error *err) MUST_USE;

/* The same for one directory of other records, whose lock is held. */
int store_sweep_records(struct store *store, const char *path, bool dry_run, uint64_t *count,
                        struct error *err) MUST_USE;

/* The same for datasets that were deleted; no lock is needed. */
int store_sweep_deleted(struct store *store, bool dry_run, uint64_t *count,
                        struct error *err) MUST_USE;

#endif
