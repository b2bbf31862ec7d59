/* How much disk a directory takes.  Blocking. */
#ifndef BASE_USAGE_H
#define BASE_USAGE_H

#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"

struct usage {
	uint64_t entries;          /* directly in it */
	uint64_t all;              /* at any depth */
	uint64_t files;            /* regular ones, at any depth */
	uint64_t bytes;            /* blocks of all that lies in it */
	uint64_t linked;           /* those of them that belong to files with several names */
	struct progress *progress; /* counts all, or NULL */
	const char *without;       /* passes over what lies directly in it and ends so, or NULL */
};

/* Adds to *usage what lies in the directory, following no link and across no mount; what comes or
 * goes meanwhile may be counted or not.  A missing directory has nothing.  Leaf. */
int usage_add(const char *path, struct usage *usage) MUST_USE;

/* Expects all that lies in the directory, as io_remove_tree_watched() counts it. */
void usage_expect(const char *path, struct progress *progress /* or NULL */);

#endif
