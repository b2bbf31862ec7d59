/*
 * Bytes: objects, chunk lists, manifests, records and trees below HOME/store.  It knows nothing of
 * names, tags or who made what; dataset/ does.
 *
 * Everything here blocks and may run on any thread; long work uses several threads of its own.
 * One `struct store` may be shared by threads: it is immutable after store_open().
 *
 * A commit, in this order (the order is the promise that a version's record exists only after its
 * bytes are durable):
 *
 *	fd = store_lock(store, LOCK_SHARED)        from the first look-up to the record
 *	store_add_tree(...)                        objects, manifest
 *	store_sync(...)                            one syncfs
 *	(note the manifest, durably)               with STORE_ADOPT, so that a kill loses nothing
 *	store_take_tree(...)                       with STORE_ADOPT: the directory is the tree
 *	store_put_record(..., replace = false)     this is the commit
 *	close(fd)
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/progress.h"
#include "base/strbuf.h"

struct store;

/* `home` is the absolute path of the home; makes what is missing below HOME/store and HOME/tmp. */
int store_open(const char *home, struct store **ret_store, struct error *err) MUST_USE;
void store_close(struct store *store); /* takes NULL */

/* Called, on the caller's thread, for each file that is left out or changed on its way in (sockets,
 * devices, FIFOs, setuid bits); `text` names the path and what was done. */
typedef void store_warn_fn(void *arg, const char *text);

/* Who looks at a commit's bytes on their way in; all may be NULL. */
struct store_watch {
	store_warn_fn *warn;
	void *arg; /* of warn */
	struct progress *progress;
	const atomic_bool *stop; /* NULL, or soon after it is set the end is SLUICE_CANCELED */
};

struct store_tree_info {
	struct digest manifest; /* the root's digest: the identity of the content */
	uint64_t files;         /* regular files and links */
	uint64_t bytes;         /* their sizes added up */
	uint64_t new_bytes;     /* of objects that were not there before */
	bool laid_out;          /* the added directory is what the tree is: see store_take_tree */
};

enum store_add_flags {
	/* The directory is ours to take: its files become objects without a copy where a read lease
	 * succeeds and all their links lie inside it, and it can become the tree. */
	STORE_ADOPT = 1 << 0,
	/* With STORE_ADOPT: it is ours, but somebody may still write to its files: all are copied.
	 */
	STORE_COPY = 1 << 2,
	/* What is no file, directory or link is SLUICE_INVALID, and not left out with a warning. */
	STORE_REFUSE_SPECIAL = 1 << 1,
};

/* How a directory is taken; all may be zero, and all of it NULL. */
struct store_add_how {
	unsigned flags;
	const char
		*below; /* the directory of the tree that it becomes: "a/b"; not with STORE_ADOPT */
	const struct store_watch *watch;
	/* A manifest, or NULL: of a large file that it has under the same path, 4 MiB that are as
	 * before share their blocks with that, where the file system can.  It may be gone; that its
	 * bytes are what its chunk list says is believed, not read (see add_base.c). */
	const struct digest *base;
};

/*
 * Takes the content of directory `path` into the store: objects, manifest segments and root.  With
 * STORE_ADOPT the directory belongs to the store from then on: its files may have become objects,
 * which nobody must change.  After a failure or a kill each file is still whole and in its place,
 * and the directory can be added again; a mount below `path` is SLUICE_INVALID.  Without it nothing
 * below `path` changes; what has not changed since the last time is not read (see seen.h), and a
 * file that changes while it is read is SLUICE_INVALID.  Follows no link.  A missing `path` is
 * SLUICE_NOT_FOUND.
 */
int store_add_tree(struct store *store, const char *path, const struct store_add_how *how,
                   struct store_tree_info *ret_info, struct error *err) MUST_USE;

/* Makes everything written so far durable (one syncfs). */
int store_sync(struct store *store, struct error *err) MUST_USE;

/*
 * Moves a directory that was added with STORE_ADOPT to its place as the tree, or removes it where
 * there is one already or it could not become one.  `info` is store_add_tree's, after store_sync
 * and under the same shared lock: what gets the name of a tree is never looked at again.  Killed in
 * here, a directory is where it was, or the tree, or gone, and the manifest must be known.
 */
int store_take_tree(struct store *store, const char *path, const struct store_tree_info *info,
                    struct error *err) MUST_USE;

/*
 * Makes sure that the manifest is laid out as a read-only directory of hard links, and returns its
 * absolute path (the caller frees it).  Once made it is shared; several processes may ask at once.
 */
int store_tree(struct store *store, const struct digest *manifest, char **ret_path,
               struct error *err) MUST_USE;

/* One entry of a manifest; strings are borrowed for the call. */
struct store_entry {
	char kind; /* 'f' 'x' 'c' 'C' 'l' 'd' as in the manifest format, see manifest.h */
	uint64_t size;
	struct digest digest;
	const char *path;   /* raw bytes, no leading slash */
	const char *target; /* 'l' only */
};

/* Calls fn for each entry whose path lies at or below `prefix` ("" for all), in order of bytes; a
 * return other than 0 ends it and is returned. */
typedef int store_entry_fn(void *arg, const struct store_entry *entry);
int store_each(struct store *store, const struct digest *manifest, const char *prefix,
               store_entry_fn *fn, void *arg, struct error *err) MUST_USE;

/* Sums up a manifest by its root alone. */
int store_tree_stat(struct store *store, const struct digest *manifest,
                    struct store_tree_info *ret_info, struct error *err) MUST_USE;

/* Opens a regular file's content to read it from its begin; a descriptor to close. */
int store_open_file(struct store *store, const struct store_entry *entry,
                    struct error *err) MUST_USE;

/* Re-hashes every object of a manifest, on all cores; the first damaged or missing one is the
 * error (SLUICE_CORRUPT), named by its path. */
int store_verify(struct store *store, const struct digest *manifest, struct error *err) MUST_USE;

/* --- records: small JSON files below store/datasets, the truth ------------------------------- */

/* `path` is relative to store/datasets ("ds.../versions/abc1234.json"), its components are checked
 * by the caller.  Directories above it are made.  Durable when it returns.  Without `replace` a
 * record that is there already is SLUICE_EXISTS. */
int store_put_record(struct store *store, const char *path, const char *text, bool replace,
                     struct error *err) MUST_USE;

/* The same for a record that nobody but the home's owner may read. */
int store_put_private_record(struct store *store, const char *path, const char *text, bool replace,
                             struct error *err) MUST_USE;

/* SLUICE_NOT_FOUND if it is not there. */
int store_get_record(struct store *store, const char *path, struct strbuf *ret_text,
                     struct error *err) MUST_USE;
/* Without reading it; what cannot be looked at counts as there. */
bool store_has_record(struct store *store, const char *path);
/* When it was put, or last confirmed to be what it must be, in wall time; 0: it is not there. */
int64_t store_record_ms(struct store *store, const char *path);
void store_confirm_record(struct store *store, const char *path); /* it cannot fail: or later */
int store_delete_record(struct store *store, const char *path, struct error *err) MUST_USE;

/* Gives a record that cannot be read another name beside it, ".damaged-NAME". */
int store_move_record_aside(struct store *store, const char *path, struct error *err) MUST_USE;

/*
 * Deletes all records of a dataset, whose lock is held: they are all there, or in one step all
 * gone.  SLUICE_NOT_FOUND if there is no such dataset.  What is left of them is out of sight, under
 * the name that is returned: to remove it takes long where there are many, but no lock.
 */
enum { STORE_DELETED_SIZE = 32 };
int store_delete_dataset(struct store *store, const char *dataset_id,
                         char ret_deleted[STORE_DELETED_SIZE], struct error *err) MUST_USE;
/* Counts entries.  What cannot be removed is collected with the garbage. */
void store_remove_deleted(struct store *store, const char *deleted, struct progress *progress);

/* Calls fn with each name in directory `path` ("" for store/datasets itself), sorted by bytes,
 * without temporary files.  A missing directory has none. */
typedef int store_name_fn(void *arg, const char *name);
int store_list_records(struct store *store, const char *path, store_name_fn *fn, void *arg,
                       struct error *err) MUST_USE;

/* --- locks --------------------------------------------------------------------------------- */

/* Who adds to the store or reads from a tree holds it shared; the sweep holds it exclusively, for
 * short steps.  Returns a descriptor to close. */
int store_lock(struct store *store, enum lock_how how, struct error *err) MUST_USE;

/* The lock under which one dataset's sequence numbers, tags and names change. */
int store_lock_dataset(struct store *store, const char *dataset_id, struct error *err) MUST_USE;

/* The lock under which names of datasets and storage providers are given. */
int store_lock_names(struct store *store, struct error *err) MUST_USE;

/* The absolute path of HOME/store, borrowed. */
const char *store_path(const struct store *store);

#endif
