/*
 * Datasets on a storage provider that is a bucket.  Its bytes are there as store/bucket.h says, and
 * beside them the records, named and written as here:
 *
 *	datasets/DS/dataset.json         its provider means nothing: each home has a name of
 *	                                 its own for that
 *	datasets/DS/versions/VER.json    put without replacing when all it rests on is there: this
 *	                                 is the commit; the record here follows it
 *	datasets/DS/tags/NAME
 *	datasets/DS/deleted/VER          the version was deleted, or for "dataset" all of it: homes
 *	                                 that know it forget it, and a record of it that is there
 *	                                 means nothing; a version's manifest, a line
 *	datasets/DS.seq/N                the id of the version that took a number; N is counted
 *	                                 down from 9999999999, so that lists begin with the newest
 *
 * Any number of homes may write to one bucket.  A number is taken by putting its object without
 * replacing, so each is given once; one that dies between its number and its record leaves a gap.
 * Where the server knows no conditional writes, two homes that commit at the same instant may get
 * one number: then the time at which the versions were opened, and then their ids, say which is the
 * newer one, to all homes alike.
 *
 * A dataset is known in the bucket from its first commit on: while it has no committed version,
 * nobody is asked or told anything about it.  Open versions are their home's alone.
 *
 * What changes a record does so in the bucket first, then here: killed between the two, it has
 * happened, and providers_refresh() makes it known here.
 *
 * Blocking; any thread, but never a loop's.
 */
#ifndef DATASET_REMOTE_H
#define DATASET_REMOTE_H

#include "dataset/dataset.h"
#include "dataset/provider.h"
#include "store/bucket.h"

struct remote {
	struct provider provider;
	struct bucket bucket;
	struct asker *by;
};

enum { REMOTE_NONE = 1 }; /* the dataset's bytes are in the home alone */

/* Release it after 0 only. */
int remote_open(struct datasets *d, const char *ds, struct remote *ret_remote,
                struct error *err) MUST_USE;
int remote_open_provider(struct datasets *d, const char *provider, struct remote *ret_remote,
                         struct error *err) MUST_USE;
void remote_release(struct remote *r);

/* Records of the bucket, by their paths here. */
int remote_put_record(struct remote *r, const char *path, const char *text, bool replace,
                      struct error *err) MUST_USE;
/* SLUICE_NOT_FOUND: there is none. */
int remote_get_record(struct remote *r, const char *path, struct strbuf *ret_text,
                      struct error *err) MUST_USE;
int remote_delete_record(struct remote *r, const char *path, struct error *err) MUST_USE;
/* Of a version, parsed; SLUICE_CORRUPT says what is wrong with it. */
int remote_get_version(struct remote *r, const char *ds, const char *ver,
                       struct dataset_version *ret_version, struct error *err) MUST_USE;
/* By name; `path` is what they begin with.  fn gets them without the prefix of the bucket, and when
 * they were put, as of s3_look; not 0 ends it and is returned. */
typedef int remote_name_fn(void *arg, const char *path, int64_t put_ms, struct error *err);
int remote_each_record(struct remote *r, const char *path, remote_name_fn *fn, void *arg,
                       struct error *err) MUST_USE;

/* The same change in the bucket as is about to be made here: `text` replaces what is there, NULL
 * deletes it.  Nothing to do without a bucket. */
int remote_change(struct datasets *d, const char *ds, const char *path, const char *text,
                  struct error *err) MUST_USE;

/* Changes texts of a record, in the bucket and here. */
struct record_text;
int remote_rewrite(struct datasets *d, const char *ds, const char *path,
                   const struct record_text *texts, struct error *err) MUST_USE;

/* Makes all homes forget a dataset. */
int remote_forget(struct datasets *d, const char *ds, struct error *err) MUST_USE;
#define REMOTE_ALL "dataset"

/* ... or a version, of which the ids and the manifest are looked at. */
int remote_forget_version(struct datasets *d, const struct dataset_version *v,
                          struct error *err) MUST_USE;
/* ... by way of a bucket that is open. */
int remote_mark_deleted(struct remote *r, const struct dataset_version *v,
                        struct error *err) MUST_USE;
/* A version that is committed after all. */
int remote_unmark_deleted(struct remote *r, const struct dataset_version *v,
                          struct error *err) MUST_USE;

/* Sends what the bucket lacks of an open version's manifest; see bucket_send.  Nothing to do
 * without a bucket. */
struct open_record;
int remote_send(struct datasets *d, const struct open_record *open, const struct digest *manifest,
                const struct store_watch *watch, struct error *err) MUST_USE;

/* See bucket_each_missing.  Nothing to do without a bucket. */
int remote_each_missing(struct datasets *d, const struct dataset_version *v, verify_damage_fn *fn,
                        void *arg, struct error *err) MUST_USE;

/* Makes sure that one file of a version of the dataset is here. */
int remote_fetch_file(struct datasets *d, const char *ds, const struct store_entry *entry,
                      struct error *err) MUST_USE;

/*
 * What other homes did in the bucket becomes known here, the first time in this process that
 * somebody looks for the dataset; or, for one that is not known here, for any.  What fails is
 * noted: then what is known here is used.  On the thread of `struct datasets`.
 */
void remote_refresh_once(struct datasets *d, const struct dataset *dataset);
/* Whether there is any to look for. */
bool remote_refresh_all_once(struct datasets *d);

#endif
