/*
 * A layer's tar as a directory that overlayfs can use as a lower one.  Any thread; the directory
 * must be seen by nobody else until this has returned 0.
 */
#ifndef IMAGE_UNPACK_H
#define IMAGE_UNPACK_H

#include "image/stream.h"

/* The largest images published (machine learning) have layers of some 20 GB and some 200,000
 * files; gzip can do 1032 : 1 at most. */
#define UNPACK_LIMITS                            \
	((struct unpack_limits){                 \
		.bytes = (uint64_t)64 << 30,     \
		.free_bytes = (uint64_t)1 << 30, \
		.ratio = 1100,                   \
		.entries = 4 << 20,              \
		.depth = 128,                    \
	})

/* A layer's blob, and what it and the tar in it must be. */
struct unpack_blob {
	int fd;
	const struct digest *packed, *tar;
	struct progress *progress; /* of the blob's bytes, or NULL */
};

/*
 * Unpacks a blob into the empty directory ROOT_FD.
 *
 * No entry gets outside of ROOT_FD, whatever it is called.  Whiteouts become what overlayfs takes
 * for them: devices 0:0, and the xattr trusted.overlay.opaque, for an ordinary user
 * user.overlay.opaque (overlayfs' option userxattr).  Of two entries with one name the later wins.
 * Without root, devices and capabilities are left out, and owners that there are not (see
 * base/userns.h).  On failure the directory is left half-made.
 */
int unpack_layer(const struct unpack_blob *blob, int root_fd, const struct unpack_limits *limits,
                 struct error *err) MUST_USE;

/* A tar that is no layer, as it comes. */
struct unpack_source {
	/* Points *ret_data to the next bytes; returns their number, 0 at the end, or a class. */
	int64_t (*read)(void *arg, const void **ret_data, struct error *err);
	void *arg;
};

/*
 * Unpacks what the tar has in its directory TOP, beside which it must have nothing, into ROOT_FD,
 * with the same care.  No name means more than it says, and devices are left out.
 */
int unpack_tar(const struct unpack_source *source, const char *top, int root_fd,
               const struct unpack_limits *limits, struct error *err) MUST_USE;

#endif
