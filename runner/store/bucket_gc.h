/*
 * Garbage collection in a bucket: what no root needs goes.  Mark and sweep, beside any number of
 * homes that commit and collect there, and without a lock, for an S3 server has none.
 *
 * Age stands for it.  An object that no root needs goes when it has not been put for the `grace`.
 * The record of a commit comes less than the grace, less BUCKET_FRESH_MS, after the commit began.
 * Until then it rests on nothing but:
 *
 * - what a version needs whose record was in the bucket when it began: that is a root, and stays
 *   one for the grace after it was deleted (see deleted/ in dataset/remote.h)
 * - what was put less than BUCKET_FRESH_MS before it looked
 * - what it has put itself, also over what was there and older
 *
 * Between a collector's look at an old object and its removal a commit may put that anew.  So the
 * collector works in rounds.  It writes the names of one to sweeps/ID; then it looks at each once
 * more and removes it if it is still old; then sweeps/ID goes.  A commit looks for those after its
 * last put.  If the collector's look came before the put, the announcement came before, too, and is
 * seen: then the commit waits for the end of the round and looks at all again.  Whoever dies leaves
 * its announcement, but nobody begins to remove anything later than a third of BUCKET_ROUND_MS
 * after it: so nobody waits for longer than that.
 *
 * What it rests on: the server answers with what was written last, as S3 does since 2020 (Amazon S3
 * User Guide, "Data consistency model"); a request that was given up is not carried out half a
 * minute later; and the clocks of the server and of this machine are less than a few hours apart
 * (more than a quarter of an hour, and S3 takes no signature).
 *
 * Killed at any instant it leaves less garbage and nothing else.  Where a root cannot be read, what
 * it needs is not known: then nothing is removed.
 */
#ifndef STORE_BUCKET_GC_H
#define STORE_BUCKET_GC_H

#include "base/progress.h"
#include "store/bucket.h"

#define BUCKET_FRESH_MS ((int64_t)24 * 3600 * 1000)
enum { BUCKET_ROUND_MS = 60 * 1000 };

struct bucket_gc;

/* Names a root; what several have is read once.  Its lists of files come here, as by
 * bucket_fetch_lists. */
int bucket_gc_add_root(struct bucket_gc *gc, const struct digest *manifest,
                       struct error *err) MUST_USE;

/* ... of what was deleted less than the grace ago. */
int bucket_gc_add_young(struct bucket_gc *gc, const struct digest *manifest,
                        struct error *err) MUST_USE;

struct bucket_gc_how {
	/* Names all roots there are, by bucket_gc_add_root. */
	int (*roots)(void *arg, struct bucket_gc *gc, struct error *err);
	void *arg;
	int64_t grace_ms;          /* 0 is safe only while nobody commits */
	bool dry_run;              /* count only */
	struct progress *progress; /* of parts of the bucket that are looked at, or NULL */
};

struct bucket_gc_result {
	uint64_t objects, bytes;     /* that went */
	uint64_t young, young_bytes; /* that nothing needs, and stay for now */
};

int bucket_gc(struct store *store, const struct bucket *bucket, const struct bucket_gc_how *how,
              struct bucket_gc_result *ret_result, struct error *err) MUST_USE;

#endif
