/*
 * The home's OCI image layout and what stands beside it: what the other files of this folder
 * share.  Callers outside see image.h only.
 *
 *	HOME/images/oci-layout, index.json, blobs/sha256/HEX
 *	HOME/images/.lock     shared: somebody adds blobs or reads them; exclusive: they are swept
 *	HOME/images/.index    exclusive: index.json is being replaced
 *	HOME/layers/HEX       unpacked layers, by diff id
 *	HOME/layers/.lock     shared: somebody has an image loaded; exclusive: layers are swept
 *	HOME/layers/.HEX      exclusive: that layer is being unpacked
 *	HOME/tmp/image-*      of unfinished imports and unpacks
 *	HOME/tmp/pull-HEX     a blob on its way from a registry; exclusive: by a pull of that blob
 *
 * The locks are taken in this order, several of layers/.HEX in the order of their names.
 */
#ifndef IMAGE_LAYOUT_H
#define IMAGE_LAYOUT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "image/oci_json.h"

#define LAYOUT_TEMP_PREFIX "image-"
#define LAYOUT_LOCK        ".lock"
#define OCI_LAYOUT_TEXT    "{\"imageLayoutVersion\":\"1.0.0\"}"

struct image;

struct images {
	char *home;
	int layout_fd; /* HOME/images */
	int blobs_fd;  /* HOME/images/blobs/sha256 */
	int layers_fd; /* HOME/layers */
	int tmp_fd;    /* HOME/tmp */
};

/* Makes what is missing, and removes what killed imports and unpacks left. */
int layout_open(struct images *im, struct error *err) MUST_USE;
void layout_close(struct images *im);

/* Takes HOME/images/.lock; ret_fd's close lets go. */
int layout_lock(struct images *im, enum lock_how how, int *ret_fd, struct error *err) MUST_USE;

int layout_index(struct images *im, struct oci_index *ret_index, struct error *err) MUST_USE;

/* Reads a document; its bytes are held against its digest. */
int layout_document(struct images *im, const char *digest, struct strbuf *ret_text,
                    struct error *err) MUST_USE;
int layout_manifest(struct images *im, const char *digest, struct oci_manifest *ret_manifest,
                    struct error *err) MUST_USE;
int layout_config(struct images *im, const struct oci_manifest *manifest,
                  struct oci_config *ret_config, struct error *err) MUST_USE;

/* Lets `name` stand for a manifest whose blobs are stored. */
int layout_set_name(struct images *im, const char *name, const struct oci_descriptor *manifest,
                    struct error *err) MUST_USE;

/* Forgets a full name; ret_found says whether there was one. */
int layout_drop_name(struct images *im, const char *name, bool *ret_found,
                     struct error *err) MUST_USE;

/* The full form of what the index calls an image; the caller frees it.  NULL: it has no name that
 * is a reference. */
char *layout_full_name(const char *name);

/* Stores a document under its digest. */
int layout_put_document(struct images *im, const char *text, size_t len,
                        char ret_digest[OCI_DIGEST_SIZE], struct error *err) MUST_USE;

/* SLUICE_NOT_FOUND: `what` is for another machine. */
int layout_check_platform(const struct oci_config *config, const char *what,
                          struct error *err) MUST_USE;

/* This machine's processor by its name in images ("amd64"). */
const char *layout_arch(void);

/*
 * Follows a descriptor through indexes to the manifest for this machine.  `read` gets the
 * documents.  SLUICE_NOT_FOUND: there is none for it.
 */
typedef int layout_read_fn(void *arg, const char *digest, struct strbuf *ret_text,
                           struct error *err);
int layout_choose(const struct oci_descriptor *from, layout_read_fn *read, void *arg,
                  struct oci_descriptor *ret_manifest, struct error *err) MUST_USE;

struct layout_found {
	char *name;                     /* what the image is called, NAME:TAG in full, or NULL */
	char top[OCI_DIGEST_SIZE];      /* what the name stands for in the index */
	struct oci_descriptor manifest; /* of the image for this machine; without a name */
};

/* What a reference stands for now; the caller frees ret_found->name. */
int layout_find(struct images *im, const char *ref, struct layout_found *ret_found,
                struct error *err) MUST_USE;

/* Blobs that come while an image is loaded, and not from the layout. */
struct layout_arrivals {
	size_t n;
	/* Waits for one that was not given out yet: its digest, and its file, which the caller
	 * closes.  Called from several threads, n times together. */
	int (*next)(void *arg, const char **ret_blob, int *ret_fd, struct error *err);
	void *arg;
	struct progress *layers;       /* gets those that are unpacked as its parts; or NULL */
	struct layers_progress *shown; /* how far each is; or NULL */
};

enum { LAYOUT_BUSY = 1 };

/*
 * images_load(); its manifest and config are in the layout.  With arrivals it is LAYOUT_BUSY, and
 * nothing is loaded, if somebody else unpacks one of the layers: he may wait for a blob that has
 * arrived here, and to wait for him would be to wait for ever.
 */
int layout_load(struct images *im, const char *digest, const struct layout_arrivals *arrivals,
                struct image **ret_image, struct error *err) MUST_USE;

/* Removes an unpacked layer; the exclusive layers/.lock is held.  -errno. */
int layout_remove_layer(struct images *im, const char *hex) MUST_USE;

struct layout_sweep {
	const struct map *without; /* full names that count for nothing; or NULL */
	bool dry_run;              /* count only */
	uint64_t bytes;            /* of the disk, that have gone or would go */
	bool in_use;               /* layers stay, because somebody has an image loaded */
};

/* Removes blobs and layers that no name needs.  The exclusive images/.lock is held; for a dry run
 * the shared one will do. */
int layout_sweep(struct images *im, struct layout_sweep *sweep, struct error *err) MUST_USE;

/* Says that an image is used now, for those who look for what is not. */
void layout_touch(struct images *im, const char *digest);

#endif
