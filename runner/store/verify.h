/*
 * Verification: all that versions consist of is read and hashed again.
 *
 *	v = verify_new(store, progress)
 *	verify_expect(v, ...)       for each version, if somebody looks: how much there is
 *	verify_manifest(v, ...)     for each version; what several have is hashed once, on all cores
 *	verify_each(v, ...)         for each version: what is damaged of it
 *	verify_free(v)
 *
 * It takes no lock: what is deleted meanwhile may be found missing, and its version is gone, too.
 */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/progress.h"
#include "store/store.h"

struct verify;

struct verify_count {
	uint64_t objects; /* that were hashed: files, chunk lists, manifests */
	uint64_t bytes;
	uint64_t damaged; /* or missing, or unreadable */
};

struct verify *verify_new(struct store *store, struct progress *progress /* or NULL */);
void verify_free(struct verify *v); /* takes NULL */

/* The progress expects what verify_manifest will hash of this one.  What cannot be read is found by
 * that. */
void verify_expect(struct verify *v, const struct digest *manifest);

/* Damage is counted; what is returned are failures of the machinery. */
int verify_manifest(struct verify *v, const struct digest *manifest, struct error *err) MUST_USE;

struct verify_count verify_count(const struct verify *v);

struct verify_damage {
	const char *path;    /* of the file in the version; NULL: its list of files */
	const char *problem; /* a sentence that names the object */
};

/* Calls fn for each damaged thing of a manifest that was verified; a return other than 0 ends it
 * and is returned. */
typedef int verify_damage_fn(void *arg, const struct verify_damage *damage);
int verify_each(struct verify *v, const struct digest *manifest, verify_damage_fn *fn, void *arg,
                struct error *err) MUST_USE;

#endif
