/*
 * Where no overlay can be had: a layer is copied over what the layers below it have made.  Libc
 * alone.
 */
#ifndef EXECUTOR_LAYER_COPY_H
#define EXECUTOR_LAYER_COPY_H

#include <sys/types.h>

#include "base/error.h"

struct layer_owner {
	uid_t uid;
	gid_t gid;
};

/*
 * Puts what the directory LAYER holds into INTO as an overlay would show the two: whiteouts hide,
 * opaque directories begin anew.  Both are descriptors of any kind.  INTO itself keeps its mode and
 * owner.  `owner` gets everything; NULL: whose it is in the layer.  Of hard links each becomes a
 * file of its own.  -errno.
 */
int layer_copy(int layer, int into, const struct layer_owner *owner) MUST_USE;

#endif
