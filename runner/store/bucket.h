/*
 * A bucket of an S3 server that has a store's bytes: below its prefix lies what lies in HOME/store,
 * by the same names and in the same formats,
 *
 *	objects/ab/cdef...      files of up to 4 MiB, chunk lists, and each chunk of a larger file
 *	                        by itself, so that equal chunks are there once
 *	manifests/ab/cdef...    roots and segments
 *	datasets/...            the records: see dataset/remote.h
 *	sweeps/ID               what is removed just now: see bucket_gc.h
 *
 * without the ".x" twins, for a manifest has the mode of each file.  The local store is then a
 * cache: what is missing of it is fetched from here.
 *
 * An object's name is the digest of its bytes, and so the digest of the payload that S3's signature
 * wants: the server itself refuses what was damaged on its way, and a name means the same bytes
 * whoever has sent them.
 *
 * The order of an upload is that of a commit: objects, segments, root; the record is the caller's.
 * That all of it stays there until then, whatever garbage is collected meanwhile, is the matter of
 * bucket_gc.h.
 *
 * Blocking; several requests at once, each from a thread of its own: so the disk, the hashing and
 * TLS use all cores, and each request is a plain function.  Never on a loop's thread.
 */
#ifndef STORE_BUCKET_H
#define STORE_BUCKET_H

#include "loop/s3.h"
#include "store/store.h"
#include "store/verify.h"

struct bucket {
	struct s3_bucket s3;
	const char *prefix; /* "", or ends with a slash */
};

/*
 * Sends what the bucket lacks of a manifest; when it returns, all of it is there, for as long as
 * bucket_gc.h says.  `base` is NULL or a manifest that may have much of it: of a version whose
 * record is in the bucket now; it may be gone from here.  The caller holds the store's shared lock.
 * Killed at any instant, it leaves objects that the next call finds.  The progress expects what may
 * have to be sent.
 */
int bucket_send(struct store *store, const struct bucket *bucket, const struct digest *manifest,
                const struct digest *base, const struct store_watch *watch /* or NULL */,
                struct error *err) MUST_USE;

/* Makes sure that the manifest is here, that is its lists of files: for those who only look at
 * names and sizes. */
int bucket_fetch_lists(struct store *store, const struct bucket *bucket,
                       const struct digest *manifest, struct error *err) MUST_USE;

/* ... and all its files, durably.  What comes is verified by its digest before it gets its name. */
int bucket_fetch(struct store *store, const struct bucket *bucket, const struct digest *manifest,
                 struct progress *progress /* or NULL */, struct error *err) MUST_USE;

/* Is all of it here, so that nothing would have to come? */
bool bucket_is_here(struct store *store, const struct digest *manifest);

/* Calls fn for each file of a manifest of which the bucket lacks something, and for its lists of
 * files; those are here.  It goes by the bucket's list of names.  A return other than 0 ends it and
 * is returned. */
int bucket_each_missing(struct store *store, const struct bucket *bucket,
                        const struct digest *manifest, verify_damage_fn *fn, void *arg,
                        struct error *err) MUST_USE;

/* One file of a manifest. */
int bucket_fetch_file(struct store *store, const struct bucket *bucket,
                      const struct store_entry *entry, struct error *err) MUST_USE;

#endif
