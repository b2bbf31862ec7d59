/*
 * The places in an image at which every container gets a file of its own: /etc/hosts and
 * /etc/resolv.conf.  Many images have neither.  Then the runtime makes them, with a copy of /etc,
 * in the writable layer of each single job; in a layer that all share they are made once.
 */
#ifndef EXECUTOR_TARGETS_H
#define EXECUTOR_TARGETS_H

#include "image/image.h"

/*
 * The path of a layer that goes over all of the image's, which the caller frees; NULL if it needs
 * none or none can be made: then the runtime does as it always did.  It lies in HOME/targets, one
 * for all images whose /etc looks the same from outside, as long as one of the images is loaded.
 */
char *targets_make(const char *home, const struct image *image);

#endif
