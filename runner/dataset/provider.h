/*
 * Storage providers: where the bytes of datasets live.  One is built in, the home's own store, and
 * called "Gradient Managed"; each other is a bucket of an S3 server.  Blocking; what takes a
 * `struct store` may run on any thread, the rest on that of `struct datasets`.
 *
 * The records stand beside those of datasets and are the home owner's alone to read (mode 0600),
 * because of the secret key, which no function here puts into a message:
 *
 *	providers/SP.json   id, name, type ("s3"), bucket, prefix, endpoint, region, access_key,
 *	                    secret_access_key, created_ms, modified_ms
 *
 * There are few: whoever asks reads them, and the catalog has no rows of them.
 */
#ifndef DATASET_PROVIDER_H
#define DATASET_PROVIDER_H

#include "dataset/dataset.h"
#include "loop/s3.h"
#include "store/bucket_gc.h"

#define PROVIDER_MANAGED_ID   "splocal00000000"
#define PROVIDER_MANAGED_NAME "Gradient Managed"
#define PROVIDER_REGION       "us-east-1" /* where none is named */

struct provider {
	char id[PROVIDER_ID_LEN + 1];
	char name[NAME_MAX_LEN + 1];
	char *bucket;   /* NULL: it is the home's own store, and has none of what follows */
	char *prefix;   /* "", or ends with a slash: what each key begins with */
	char *endpoint; /* NULL: Amazon's, in the region */
	char *region;
	char *key_id, *secret;
	int64_t created_ms, modified_ms;
};
#define PROVIDER_INIT ((struct provider){ .bucket = NULL })

void provider_release(struct provider *p); /* wipes the secret; also of PROVIDER_INIT */
#define AUTO_PROVIDER __attribute__((cleanup(provider_release)))

/* What a person says of one.  NULL leaves what is there, or the default: "" for prefix, endpoint
 * and region is that, too. */
struct provider_config {
	const char *name;
	const char *bucket, *prefix, *endpoint, *region, *key_id, *secret;
};

/* Changes it in memory.  SLUICE_INVALID says what cannot be; some may have changed before it. */
int provider_configure(struct provider *p, const struct provider_config *config,
                       struct error *err) MUST_USE;

/* SLUICE_INVALID: it lacks a name, a bucket or keys. */
int provider_check_whole(const struct provider *p, struct error *err) MUST_USE;

/* Name, bucket and keys must be given.  A name that another has is SLUICE_EXISTS. */
int providers_create(struct datasets *d, const struct provider_config *config,
                     struct provider *ret_provider, struct error *err) MUST_USE;

/* Of the home's own SLUICE_INVALID.  What is in the old bucket stays there. */
int providers_update(struct datasets *d, const char *id, const struct provider_config *config,
                     struct provider *ret_provider, struct error *err) MUST_USE;

/* By name or id; "" is the home's own, as in struct dataset.  SLUICE_NOT_FOUND names those there
 * are; SLUICE_INVALID lists the ids where records of several say this name. */
int providers_find(struct store *store, const char *name_or_id, struct provider *ret_provider,
                   struct error *err) MUST_USE;

/* All, the home's own too, by name; 0 goes on. */
typedef int provider_fn(void *arg, const struct provider *p);
int providers_each(struct store *store, provider_fn *fn, void *arg, struct error *err) MUST_USE;

/* SLUICE_INVALID while datasets are on it, with their names.  Nothing in the bucket is touched. */
int providers_delete(struct datasets *d, const char *id, struct error *err) MUST_USE;

/* This home forgets the datasets on it, which the bucket keeps: whoever connects that again has
 * them.  SLUICE_INVALID if there is an open version, which nobody else has, or one is held. */
int providers_forget_datasets(struct datasets *d, const char *id, struct error *err) MUST_USE;

/* What other homes did in its bucket becomes known here: all of it, or of dataset `ds` alone.  See
 * remote.h. */
int providers_refresh(struct datasets *d, const char *id, const char *ds /* or NULL */,
                      struct error *err) MUST_USE;

struct providers_gc_how {
	int64_t grace_ms; /* see store/bucket_gc.h */
	bool dry_run;
	struct progress *progress; /* of versions and of parts of the bucket, or NULL */
};

/* Removes from its bucket what no version of any home needs.  Of the home's own SLUICE_INVALID. */
int providers_gc(struct datasets *d, const char *id, const struct providers_gc_how *how,
                 struct bucket_gc_result *ret_result, struct error *err) MUST_USE;

/* Its bucket, for requests; borrowed from `p`, which is not the home's own. */
void provider_bucket(const struct provider *p, struct s3_bucket *ret_bucket);

#endif
