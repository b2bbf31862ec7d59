/*
 * Blobs that are on their way from a registry: HOME/tmp/pull-HEX, which its writer has locked.
 * What a broken or killed pull has got of one stays there, and the next pull goes on with it.  The
 * blob gets its name in HOME/images only once its bytes are what its digest says.
 */
#ifndef IMAGE_PARTIAL_H
#define IMAGE_PARTIAL_H

#include "image/layout.h"

#define PARTIAL_PREFIX "pull-"

struct partial {
	struct images *im;
	struct digest want;
	char hex[DIGEST_HEX_LEN + 1];
	int fd; /* -1: closed */
	struct digest_ctx hash;
	uint64_t have;
};

enum { PARTIAL_OPEN, PARTIAL_BUSY, PARTIAL_STORED };

/*
 * Takes up the blob DIGEST ("sha256:..."), at the end of what is there of it.  PARTIAL_BUSY:
 * another pull has it; PARTIAL_STORED: it has its name already.  Nothing is held then.
 */
int partial_open(struct partial *p, struct images *im, const char *digest,
                 struct error *err) MUST_USE;

int partial_write(struct partial *p, const void *data, size_t len, struct error *err) MUST_USE;
int partial_restart(struct partial *p, struct error *err) MUST_USE;

/* Is it whole?  SLUICE_CORRUPT: it is not what its digest says, and is empty now. */
int partial_check(struct partial *p, struct error *err) MUST_USE;

/* Gives it its name; it is on the disk, because the caller has seen to that. */
int partial_keep(struct partial *p, struct error *err) MUST_USE;

/* Lets go of it; one that was not kept stays for the next pull. */
void partial_close(struct partial *p);

/* Removes those that nobody works on: the next pull begins again.  Counts their bytes. */
int partials_remove(struct images *im, bool dry_run, uint64_t *ret_bytes,
                    struct error *err) MUST_USE;

#endif
