/* An import from the inside: import.c and local.c.  Callers outside see image.h only. */
#ifndef IMAGE_IMPORT_H
#define IMAGE_IMPORT_H

#include "image/image.h"
#include "image/layout.h"
#include "image/source.h"

/* An image that the source offers, and the names it carries. */
struct offer {
	struct oci_descriptor manifest; /* OCI: which one it is */
	const struct oci_saved *saved;  /* docker save: what it is made of, or NULL */
	const char *name;               /* borrowed from the index or list; or NULL */
};

struct import {
	struct images *im;
	struct source *source;
	const char *name; /* what the caller wants it called, full; or NULL */
	struct offer *offer;
	size_t n, cap;
	struct oci_index index;
	struct oci_saved *saved;
	size_t n_saved;
	struct error foreign; /* why the last image that is not for this machine is not */
};

/* Lists what PATH offers, at least one image; `documents_only` leaves the layers of an archive
 * where they are.  Close it in any case. */
int import_open(struct import *in, const char *path, bool documents_only,
                struct error *err) MUST_USE;

/* Stores the blobs of an offer, and gives it its manifest; the shared images/.lock is held. */
int import_store(struct import *in, struct offer *offer, struct error *err) MUST_USE;
void import_close(struct import *in);

#endif
