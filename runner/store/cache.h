/*
 * Trees are a cache: each can be made again from its manifest.  What they take of the disk is their
 * directories; the files are those of the objects.
 */
#ifndef STORE_CACHE_H
#define STORE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "store/store.h"

struct cache_how {
	uint64_t limit; /* bytes */
	/* 1: a job holds this tree, 0: none does, or a class.  Asked under the exclusive lock, so
	 * who makes its claim known before it asks for the tree is never too late. */
	int (*is_held)(void *arg, const struct digest *manifest, struct error *err);
	void (*waiting)(void *arg); /* as in gc.h */
	void *arg;
	bool dry_run; /* count only */
};

struct cache_result {
	uint64_t trees, bytes; /* that went */
	uint64_t left;         /* bytes that trees take now */
};

/* Removes trees until they take no more than the limit, those that were asked for longest ago
 * first, and none that is held. */
int store_trim_trees(struct store *store, const struct cache_how *how,
                     struct cache_result *ret_result, struct error *err) MUST_USE;

#endif
