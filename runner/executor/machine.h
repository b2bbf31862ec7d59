/*
 * This machine's own files in the place of an image: for CI jobs that are already inside their
 * container, and for machines that reach no registry.  Its root file system is the only layer; see
 * rootfs.h and oci_config.h for what lies above it.
 */
#ifndef EXECUTOR_MACHINE_H
#define EXECUTOR_MACHINE_H

#include <stdbool.h>

#include "image/image.h"

/* What jobs call it, and its digest. */
#define MACHINE_IMAGE "host"

bool machine_is_image(const char *name_or_digest);

/* To be freed by image_free().  It has no layers of its own, no command, and its user is root. */
struct image *machine_image(void);

/* As image_read_file(). */
int machine_read_file(const struct image *machine, const char *path, struct strbuf *ret_text,
                      struct error *err) MUST_USE;

#endif
