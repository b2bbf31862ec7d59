/*
 * One directory made of several, for a container to write into: its root, and its views of inputs.
 * Libc alone.
 */
#ifndef EXECUTOR_MERGE_H
#define EXECUTOR_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* The best first: an overlay of the kernel, which not every kernel lets an ordinary user mount; the
 * same by a program, through which each access goes then; a copy of all files. */
enum merge_way { MERGE_OVERLAY, MERGE_FUSE, MERGE_COPY, MERGE_WAYS };

/* Their names, also in the configuration. */
#define MERGE_PROGRAM "fuse-overlayfs"
#define MERGE_CHOICES "overlay, " MERGE_PROGRAM " or copy"
const char *merge_name(enum merge_way way);
bool merge_parse(const char *name, enum merge_way *ret_way);

struct merge {
	enum merge_way way;
	const int *lower; /* descriptors, the topmost first */
	size_t n_lower;
	const char *target;
	bool is_users; /* an ordinary user's */
	uid_t uid;     /* not 0: the program and the copy show all as this user's */
	gid_t gid;
};

/*
 * Mounts it at the target, which is there.  What is written goes to the empty directory UPPER, from
 * which a copy begins; WORK is an empty directory beside it.  What has failed is in err->sys.
 */
int merge_mount(const struct merge *m, const char *upper, int work, struct error *err) MUST_USE;

#endif
