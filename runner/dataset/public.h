/*
 * Public datasets: what gradient/NAME stands for where the home has no dataset NAME.  Who asks for
 * a version of one (datasets_resolve) gets it fetched, verified and committed as the first version
 * of the dataset NAME; from then on it is as any other.  Where they lie is said by a catalog, see
 * public_catalog.h.
 *
 * What has come of one stands below HOME/public until all is there: a fetch that was killed is gone
 * on with by the next, and one that another process is about is waited for.
 */
#ifndef DATASET_PUBLIC_H
#define DATASET_PUBLIC_H

#include "dataset/dataset.h"
#include "dataset/public_catalog.h"

struct datasets_public {
	/* The path of the catalog, kept; NULL for the one that comes with sluice.  Called when a
	 * name is looked for in it. */
	int (*catalog)(void *arg, const char **ret_path, struct error *err);
	void (*note)(void *arg, const char *text); /* what goes on */
	/* How much of a file is there of how much (0: not known); after the last, `path` is NULL.
	 * May be NULL. */
	void (*progress)(void *arg, const char *path, uint64_t have, uint64_t total);
	void *arg;
	bool fetch; /* else what would be fetched is SLUICE_NOT_FOUND */
};

/* From now on; before, there are none.  The struct is copied. */
void datasets_use_public(struct datasets *d, const struct datasets_public *how);

/* Release what comes out in any case. */
int datasets_load_public(struct datasets *d, struct public_catalog *ret_catalog,
                         struct error *err) MUST_USE;

#endif
