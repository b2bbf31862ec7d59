/*
 * Datasets, versions and tags: the records in the store and their index in the catalog, kept in
 * step.  Blocking.  A `struct datasets` is used by one thread, except datasets_commit_bytes(),
 * datasets_commit_remote(), datasets_fetch() and datasets_tree(), which touch the store only and
 * may run on a worker thread.
 *
 * What changes a record (create, open, hand over, commit_record, drop, delete, tags) is refused
 * with SLUICE_INVALID while a transaction of the catalog is open: commit it before.
 *
 * The records, JSON below store/datasets (the formats stand in record.c):
 *
 *	DS/dataset.json         id, name, description, created_ms, storage_provider unless it is
 *	                        the home's own
 *	DS/versions/VER.json    a committed version: seq, message, manifest, files, bytes, times
 *	                        and maker
 *	DS/open/VER.json        an open one, and how far its commit has come; VER.data holds its
 *	                        files
 *	DS/tags/NAME            the id of a version, a line
 *	providers/SP.json       see provider.h
 *
 * Life of a version: datasets_open_version -> files put into datasets_open_path() (or a job's
 * output directory) -> datasets_commit -> immutable.  Or datasets_drop_version while open.
 */
#ifndef DATASET_DATASET_H
#define DATASET_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/id.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "store/cache.h"
#include "store/gc.h"
#include "store/store.h"
#include "store/verify.h"

struct datasets;

/* Opens store and catalog of the home, and brings the index up to date with the records where a
 * writer was killed or the power was cut. */
int datasets_open(const char *home, struct datasets **ret_datasets, struct error *err) MUST_USE;
/* ... and counts versions where the whole index is made anew, as after a restart of the machine. */
int datasets_open_watched(const char *home, struct progress *progress /* or NULL */,
                          struct datasets **ret_datasets, struct error *err) MUST_USE;
void datasets_close(struct datasets *d); /* takes NULL */
/* True if opening has made the whole index anew: the catalog may have lost other things, too. */
bool datasets_were_indexed(const struct datasets *d);

struct datasets_recover_how {
	void (*aside)(void *arg, const char *record); /* it was damaged, and is no more */
	void (*named)(void *arg, const char *ds);     /* a dataset lost its name: it has its id */
	void *arg;
	struct progress *progress; /* of records of versions, each read twice; or NULL */
};

struct datasets_recovered {
	struct catalog_recovered catalog;
	uint64_t datasets;
};

/* Makes a home usable whose catalog or records are damaged, from the records that can be read.
 * Nobody else may use the home: see catalog_recover. */
int datasets_recover(const char *home, const struct datasets_recover_how *how,
                     struct datasets_recovered *ret_result, struct error *err) MUST_USE;

/* Both borrowed. */
struct catalog *datasets_catalog(struct datasets *d);
struct store *datasets_store(struct datasets *d);

struct dataset {
	char id[DATASET_ID_LEN + 1];
	char name[NAME_MAX_LEN + 1];
	char description[1024];
	char provider[PROVIDER_ID_LEN + 1]; /* see provider.h; "": the home's own store */
	int64_t created_ms;
};

/* Who makes a version; all NULL for a person at the command line. */
struct dataset_maker {
	const char *run; /* UUID */
	const char *job;
	int attempt;
	const char *const *inputs; /* DS:VER of what it read, NULL-terminated; may be NULL */
};

struct dataset_version {
	char dataset[DATASET_ID_LEN + 1];
	char dataset_name[NAME_MAX_LEN + 1];
	char id[VERSION_ID_LEN + 1];
	bool committed;
	int64_t seq;
	char message[1024];
	struct digest manifest; /* when committed */
	uint64_t files, bytes;
	int64_t created_ms, committed_ms;
	char run[UUID_LEN + 1]; /* "" : none */
	char job[NAME_MAX_LEN + 1];
	int attempt;
};

/* `want_id` NULL for a new one.  `name` NULL only with want_id: the id is then its name. */
int datasets_create(struct datasets *d, const char *name, const char *description,
                    const char *want_id, struct dataset *ret_dataset, struct error *err) MUST_USE;

/* A new one on a storage provider, which is there; `provider` as in struct dataset. */
int datasets_create_on(struct datasets *d, const char *name, const char *description,
                       const char *provider, struct dataset *ret_dataset,
                       struct error *err) MUST_USE;

/* Renames it or describes it anew, in one step: NULL leaves the name or the description as it is.
 * A name that another dataset has is SLUICE_EXISTS. */
int datasets_update(struct datasets *d, struct dataset *dataset, const char *name,
                    const char *description, struct error *err) MUST_USE;

/* By name or id, also "namespace/NAME": any namespace is this home's.  SLUICE_NOT_FOUND names the
 * nearest ones, or for "gradient/NAME" says that such are fetched.  SLUICE_INVALID
 * lists the datasets where records of several say this name, as a copied store may have it. */
int datasets_find(struct datasets *d, const char *name_or_id, struct dataset *ret_dataset,
                  struct error *err) MUST_USE;

/*
 * NAME, ID, with or without ":" latest, VERSION or TAG; no point means latest.  Open versions are
 * found by their id only.  4 or more characters that one version's id alone begins with stand for
 * it, unless a tag is called so; SLUICE_INVALID names the versions if several do.  SLUICE_NOT_FOUND
 * if there is none, with the nearest names.  A public dataset is fetched: see public.h.
 */
int datasets_resolve(struct datasets *d, const char *ref, struct dataset_version *ret_version,
                     struct error *err) MUST_USE;

int datasets_open_version(struct datasets *d, const struct dataset *dataset, const char *message,
                          const struct dataset_maker *maker, struct dataset_version *ret_version,
                          struct error *err) MUST_USE;

/* Gives an open version to another attempt; what the one before committed half is forgotten. */
int datasets_hand_over(struct datasets *d, const struct dataset_version *v,
                       const struct dataset_maker *maker, struct error *err) MUST_USE;

/* Absolute path of the directory that collects an open version's files (made on first use); the
 * caller frees it. */
int datasets_open_path(struct datasets *d, const struct dataset_version *v, char **ret_path,
                       struct error *err) MUST_USE;

/*
 * Copies `source` (a file or a directory of this machine) into an open version by the path rules
 * of `gradient datasets files put`: a file lands as TARGET/NAME; a directory as TARGET/DIRNAME/...,
 * or with a trailing slash in `source` as TARGET/...  `target` "" or "/" is the root.
 */
int datasets_put(struct datasets *d, const struct dataset_version *v, const char *source,
                 const char *target, struct error *err) MUST_USE;

struct datasets_put_how {
	const char *target;
	bool unpack;                 /* it is an archive: what is in it goes below the target */
	const struct digest *digest; /* that its bytes must have, or NULL */
	struct progress *progress;   /* of the bytes that come, or NULL */
};

/*
 * The same for more kinds of `source`: an http or https URL lands as TARGET/NAME, what was begun of
 * it is gone on with by the next call; "-" is standard input and lands as exactly TARGET.  Archives
 * are tar and zip, as they are or compressed: see archive.h for what is refused.  After a failure
 * the version has what it had.
 */
int datasets_put_as(struct datasets *d, const struct dataset_version *v, const char *source,
                    const struct datasets_put_how *how, struct error *err) MUST_USE;

/* Refuses sources of which one would overwrite what another one before it has put: call it before
 * the first is put.  What is in archives is not looked at. */
int datasets_put_check(const char *const *source, size_t n, const struct datasets_put_how *how,
                       struct error *err) MUST_USE;

/* Is it a source that datasets_put_as fetches? */
bool datasets_is_url(const char *source);

/*
 * Takes files and folders (with all that is in them) out of an open version: "" or "/" is all, a
 * slash at the end says that it must be a folder.  A folder that gets empty by this goes, too.
 * Where one of the paths is not there nothing is taken out: SLUICE_NOT_FOUND.
 */
int datasets_remove(struct datasets *d, const struct dataset_version *v, const char *const *paths,
                    size_t n, struct progress *progress /* of files, or NULL */,
                    struct error *err) MUST_USE;

/* Says something else about a version, committed or open.  What it holds, and who made it, no
 * function changes. */
int datasets_set_message(struct datasets *d, struct dataset_version *v, const char *message,
                         struct error *err) MUST_USE;

/* True once the files of an open version are in the store for good, so that its commit can go on
 * without them. */
bool datasets_is_taken(struct datasets *d, const struct dataset_version *v);

/*
 * First half of a commit, for a worker thread: bytes into the store, durable, tree made.
 * `path` NULL commits what datasets_put collected.  That directory, and a path below HOME/runs,
 * becomes the tree; any other path is copied and stays.  After a kill it may be called again, with
 * the same path, though the directory is gone.
 */
int datasets_commit_bytes(struct datasets *d, const struct dataset_version *v, const char *path,
                          const struct store_watch *watch /* or NULL */,
                          struct store_tree_info *ret_info,
                          int *ret_lock /* the shared store lock: pass on */,
                          struct error *err) MUST_USE;

/* The same for a directory that others may still write to: no file of it is taken without a copy.
 */
int datasets_copy_bytes(struct datasets *d, const struct dataset_version *v, const char *path,
                        const struct store_watch *watch, struct store_tree_info *ret_info,
                        int *ret_lock, struct error *err) MUST_USE;

struct dataset_commit {
	struct dataset_version *version; /* open; committed afterwards */
	struct store_tree_info info;
	int lock; /* both from datasets_commit_bytes(); it is closed, and -1 then */
	/* From datasets_commit_remote(); 0: its dataset is in no bucket. */
	int64_t seq, committed_ms;
};

/*
 * Between the halves, for a worker thread: the records in the bucket, of those whose dataset is on
 * one; see remote.h.  After a failure none of them is there.
 */
int datasets_commit_remote(struct datasets *d, struct dataset_commit *commits, size_t n,
                           const struct dataset_maker *maker, struct error *err) MUST_USE;

/*
 * Second half, after datasets_commit_remote(): the records (this is the commit) and the catalog.
 * `maker` must be the one that opened the versions (the fence): another attempt's is refused.  All
 * of them become visible together; after a failure none is committed.  See commit_record.c for what
 * a kill leaves.
 */
int datasets_commit_records(struct datasets *d, struct dataset_commit *commits, size_t n,
                            const struct dataset_maker *maker, struct error *err) MUST_USE;
/* Both for one: of a dataset in a bucket it waits for the server. */
int datasets_commit_record(struct datasets *d, struct dataset_version *v,
                           const struct dataset_maker *maker, const struct store_tree_info *info,
                           int lock /* takes */, struct error *err) MUST_USE;

/* Both halves. SLUICE_EXISTS if it is committed already.  `watch` may be NULL. */
int datasets_commit(struct datasets *d, struct dataset_version *v, const char *path,
                    const struct store_watch *watch, struct error *err) MUST_USE;

/* Of one plain directory the files can go straight to the store, and only those are read that have
 * changed since they did so the last time.  Other sources are put, and then committed. */
bool datasets_put_is_direct(const char *const *source, size_t n,
                            const struct datasets_put_how *how);

/* Such a directory into a version that was just opened, and its commit. */
int datasets_put_commit(struct datasets *d, struct dataset_version *v, const char *directory,
                        const char *target, const struct store_watch *watch,
                        struct error *err) MUST_USE;

/* Forgets an open version and its files; a committed one is refused. */
int datasets_drop_version(struct datasets *d, const struct dataset_version *v,
                          struct error *err) MUST_USE;

enum dataset_delete_flags {
	/* Tags do not hold a version: they are deleted with it. */
	DATASET_DELETE_TAGS = 1 << 0,
	/* Of what is in a bucket: this home forgets it, and the bucket keeps it for others. */
	DATASET_DELETE_HERE = 1 << 1,
};

/*
 * Deletes a committed version, or drops an open one.  SLUICE_INVALID while a tag or a run that has
 * no end holds it.  The record goes in one step, and what depended on it after that; its bytes are
 * garbage then.
 */
int datasets_delete_version(struct datasets *d, const struct dataset_version *v, unsigned flags,
                            struct error *err) MUST_USE;

/* Deletes a dataset with all its versions, in one step; refused as datasets_delete_version is for
 * any of them. */
int datasets_delete(struct datasets *d, const struct dataset *dataset, unsigned flags,
                    struct error *err) MUST_USE;
/* ... and counts what is removed. */
int datasets_delete_watched(struct datasets *d, const struct dataset *dataset, unsigned flags,
                            struct progress *progress /* or NULL */, struct error *err) MUST_USE;

struct datasets_prune_how {
	uint64_t keep_last;    /* so many of the newest stay; the newest does in any case */
	int64_t keep_since_ms; /* what was committed from then on stays; 0: no such rule */
	bool tagged_too;       /* tags do not keep a version: they are deleted with it */
	bool dry_run;
	/* Each committed version, newest first; `why` NULL says that it goes. */
	void (*seen)(void *arg, const struct dataset_version *v, const char *why);
	void *arg;
	struct progress *progress; /* of versions, which the caller expects; or NULL */
};

/* Deletes the versions that no rule keeps; what an unfinished run reads or makes always stays. */
int datasets_prune(struct datasets *d, const struct dataset *dataset,
                   const struct datasets_prune_how *how, struct error *err) MUST_USE;

/*
 * A run that has linked a version in the catalog asks whether that came in time: once this is 0,
 * nobody can delete the version before the run has its end.  SLUICE_NOT_FOUND: it was deleted.
 */
int datasets_confirm(struct datasets *d, const struct dataset_version *v,
                     struct error *err) MUST_USE;

struct datasets_gc_how {
	/* Does nobody work for this run any more, or ever again?  Its open versions are dropped. */
	bool (*is_dead)(void *arg, const char *run);
	void (*waiting)(void *arg); /* as in gc.h; may be NULL */
	void *arg;
	const uint64_t *cache_size; /* of trees that no unfinished run holds; NULL: no limit */
	struct progress *progress;  /* as in gc.h; may be NULL */
	bool dry_run;               /* count only */
};

struct datasets_gc_result {
	struct gc_result store;
	struct cache_result cache;
	uint64_t open_versions; /* of dead runs, dropped */
};

/* Removes what no version needs, and what processes that died left half made; see gc.h. */
int datasets_gc(struct datasets *d, const struct datasets_gc_how *how,
                struct datasets_gc_result *ret_result, struct error *err) MUST_USE;

struct datasets_damage {
	const char *dataset; /* its id */
	const char *version; /* its id; NULL: a record of the dataset itself */
	const char *path;    /* of a file of the version; NULL: its record or list of files */
	const char *problem; /* a sentence */
};

struct datasets_verify_how {
	const struct dataset_version *only; /* NULL: all that there are, and their records */
	struct progress *progress;          /* of the bytes that are hashed, or NULL */
	void (*damage)(void *arg, const struct datasets_damage *damage);
	void *arg;
};

struct datasets_verify_result {
	struct verify_count count;
	uint64_t versions;
	uint64_t elsewhere; /* more versions, which a bucket has and this home has not */
	uint64_t damage;    /* how often it was told */
};

/* Hashes everything again; see verify.h.  Damage is told, not an error.  Of `only` in a bucket
 * that is also what the bucket lacks. */
int datasets_verify(struct datasets *d, const struct datasets_verify_how *how,
                    struct datasets_verify_result *ret_result, struct error *err) MUST_USE;

/* Sends what the bucket of a committed version lacks of it; the first thing that is not here either
 * is the error. */
int datasets_mend(struct datasets *d, const struct dataset_version *v,
                  const struct store_watch *watch /* or NULL */, struct error *err) MUST_USE;

struct datasets_usage {
	uint64_t versions, files;
	uint64_t bytes;  /* of all files */
	uint64_t own;    /* of different files that no other version has */
	uint64_t shared; /* ... and of those that others have, too */
};

/* What a version takes, or with `only` NULL all committed ones of a dataset.  The progress is of
 * files of all versions in the home. */
int datasets_measure(struct datasets *d, const struct dataset *dataset,
                     const struct dataset_version *only, struct progress *progress /* or NULL */,
                     struct datasets_usage *ret_usage, struct error *err) MUST_USE;

/* What of a version shall be in the home. */
enum dataset_part {
	DATASET_LIST,  /* its list of files */
	DATASET_FILES, /* all of it */
};

/* Of a committed version of a dataset that is in a bucket: what is asked for comes here, verified,
 * as far as it is not here yet.  Any thread.  All functions that read a version do so. */
int datasets_fetch(struct datasets *d, const struct dataset_version *v, enum dataset_part part,
                   struct progress *progress /* or NULL */, struct error *err) MUST_USE;

/* Absolute path of the read-only tree of a committed version; the caller frees it. */
int datasets_tree(struct datasets *d, const struct dataset_version *v, char **ret_path,
                  struct error *err) MUST_USE;

/* Walks; 0 goes on.  A visitor may ask, but changes things only after the walk. */
typedef int dataset_fn(void *arg, const struct dataset *dataset);
typedef int dataset_version_fn(void *arg, const struct dataset_version *version);
int datasets_each(struct datasets *d, dataset_fn *fn, void *arg, struct error *err) MUST_USE;
/* Newest first; committed ones, or open ones. */
int datasets_each_version(struct datasets *d, const struct dataset *dataset, bool committed,
                          dataset_version_fn *fn, void *arg, struct error *err) MUST_USE;

/* DS:VER of each version that the maker of a committed one read. */
typedef int dataset_input_fn(void *arg, const char *ref);
int datasets_each_input(struct datasets *d, const struct dataset_version *v, dataset_input_fn *fn,
                        void *arg, struct error *err) MUST_USE;

/* The files of a version, committed or open, at or below `prefix`. */
int datasets_each_file(struct datasets *d, const struct dataset_version *v, const char *prefix,
                       store_entry_fn *fn, void *arg, struct error *err) MUST_USE;

/* Opens one file of a version, committed or open, to read it; a descriptor to close.  What is not
 * there is SLUICE_NOT_FOUND, with the nearest name; a directory or a link SLUICE_INVALID. */
int datasets_open_file(struct datasets *d, const struct dataset_version *v, const char *path,
                       struct error *err) MUST_USE;

/*
 * Copies files out by the path rules of `gradient datasets files get`: a file goes to exactly
 * TARGET; a folder /a/b to TARGET/a/b/..., with a trailing slash to TARGET/...; "" or "/" is all.
 * Never a half file under its final name, never a link into the store.  Files that are there
 * already with the same bytes and mode are kept, so that a copy that was killed is gone on with by
 * the same call; it leaves nothing of its own behind (but on a file system without O_TMPFILE).
 */
int datasets_get(struct datasets *d, const struct dataset_version *v, const char *source,
                 const char *target, struct progress *progress /* or NULL */,
                 struct error *err) MUST_USE;

int datasets_set_tag(struct datasets *d, const struct dataset_version *v, const char *tag,
                     struct error *err) MUST_USE;
int datasets_delete_tag(struct datasets *d, const struct dataset *dataset, const char *tag,
                        struct error *err) MUST_USE;
typedef int dataset_tag_fn(void *arg, const char *tag, const struct dataset_version *version);
int datasets_each_tag(struct datasets *d, const struct dataset *dataset, dataset_tag_fn *fn,
                      void *arg, struct error *err) MUST_USE;

#endif
