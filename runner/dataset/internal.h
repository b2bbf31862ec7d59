/* What the files of dataset/ know of each other. */
#ifndef DATASET_INTERNAL_H
#define DATASET_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/lock.h"
#include "base/map.h"
#include "catalog/catalog.h"
#include "dataset/provider.h"
#include "dataset/public.h"

struct datasets {
	char *home;
	struct store *store;
	struct catalog *catalog;
	struct datasets_public public;
	bool made_anew;       /* the index, when it was opened */
	struct map refreshed; /* datasets and storage providers, by their ids: see remote.h */
	bool behind; /* a record changed and its row could not: heal before the next look */
};

enum { TEXT_MAX = 1024 }; /* of descriptions and messages, with the NUL */

/* Copies text that was checked, or cuts what a newer sluice may have written. */
void text_copy(char *to, size_t size, const char *text /* or NULL */);

/* --- record.c: the JSON of records ------------------------------------------------------------ */

enum { RECORD_PATH_SIZE = 192 };

/* Paths below store/datasets; they return `path`. */
const char *record_dataset_path(const char *ds, char path[RECORD_PATH_SIZE]);
const char *record_version_path(const char *ds, const char *ver, char path[RECORD_PATH_SIZE]);
const char *record_open_path(const char *ds, const char *ver, char path[RECORD_PATH_SIZE]);
const char *record_tag_path(const char *ds, const char *tag, char path[RECORD_PATH_SIZE]);

/* "VER.json" -> the id; false for other names. */
bool record_is_of_version(const char *name, char ret_ver[VERSION_ID_LEN + 1]);

/* A record's document; SLUICE_CORRUPT if it is none.  The caller frees it. */
int record_load(struct store *store, const char *path, cJSON **ret_doc, struct error *err) MUST_USE;
/* SLUICE_CORRUPT, with what can be done. */
int record_damaged(struct store *store, const char *path, const char *why, struct error *err);
/* Does the member have this text? */
bool record_says(const cJSON *doc, const char *name, const char *value);

/* What a record says when text members of it have another value, where that is not NULL; what else
 * it says stays.  The list ends with one without a name. */
struct record_text {
	const char *name, *value;
};
int record_changed(struct store *store, const char *path, const struct record_text *texts,
                   char **ret_text /* the caller frees it */, struct error *err) MUST_USE;

/* What a version's record says; the caller frees it. */
char *record_version_text(const struct dataset_version *v, const char *const *inputs);
/* NULL, or why the record of this id is damaged; then nothing is returned. */
const char *record_parse_dataset(const cJSON *doc, const char *ds, struct dataset *ret_dataset);
const char *record_parse_version(const cJSON *doc, const char *ds, const char *ver,
                                 struct dataset_version *ret_version);

int record_put_dataset(struct store *store, const struct dataset *dataset,
                       struct error *err) MUST_USE;
int record_get_dataset(struct store *store, const char *ds, struct dataset *ret_dataset,
                       struct error *err) MUST_USE;

/* The commit: fails with SLUICE_EXISTS if there is one.  `inputs` as in struct dataset_maker. */
int record_put_version(struct store *store, const struct dataset_version *v,
                       const char *const *inputs, struct error *err) MUST_USE;
int record_get_version(struct store *store, const char *ds, const char *ver,
                       struct dataset_version *ret_version, struct error *err) MUST_USE;

/* DS:VER of each version that the maker of this one read. */
typedef int record_text_fn(void *arg, const char *text);
/* Both at once: fn comes before it returns. */
int record_read_version(struct store *store, const char *ds, const char *ver, record_text_fn *fn,
                        void *arg, struct dataset_version *ret_version, struct error *err) MUST_USE;
int record_each_input(struct store *store, const char *ds, const char *ver, record_text_fn *fn,
                      void *arg, struct error *err) MUST_USE;

/* Expects all committed versions in the store, each so many times. */
int record_expect_versions(struct store *store, uint64_t times, struct progress *progress,
                           struct error *err) MUST_USE;

/* An open version, and how far its commit has come; see commit.c. */
struct open_record {
	struct dataset_version v;
	bool taken; /* its files are in the store for good: v.manifest names them */
	bool has_base;
	/* Of the newest version when it was opened: likely to have much of it. */
	struct digest base;
	char base_version[VERSION_ID_LEN + 1];
};

int record_put_open(struct store *store, const struct open_record *open, bool replace,
                    struct error *err) MUST_USE;
/* SLUICE_EXISTS if the version is committed, SLUICE_NOT_FOUND if there is none. */
int record_get_open(struct store *store, const struct dataset_version *v,
                    struct open_record *ret_open, struct error *err) MUST_USE;
/* The record as it lies there, whether committed or not. */
int record_read_open(struct store *store, const char *ds, const char *ver,
                     struct open_record *ret_open, struct error *err) MUST_USE;

int record_get_tag(struct store *store, const char *ds, const char *tag,
                   char ret_version[VERSION_ID_LEN + 1], struct error *err) MUST_USE;

/* --- index.c: records and rows in step -------------------------------------------------------- */

enum { INTENT_SIZE = RECORD_PATH_SIZE };

/*
 * A change of records goes
 *
 *	fd = index_lock_dataset(d, ds, err)     or index_lock_names()
 *	index_intend(d, what, err)
 *	store_put_record(...)                   or other changes
 *	index_settle(d, what)                   whether or not they went well
 *	close(fd)
 *
 * Taking a lock brings the rows that it guards up to date, because what intent is left under it
 * is a dead writer's.  No catalog transaction may be open: the intent would not be durable before
 * the record, and waiting for a lock would keep other writers out of the catalog.
 */
int index_lock_names(struct datasets *d, struct error *err) MUST_USE;
int index_lock_dataset(struct datasets *d, const char *ds, struct error *err) MUST_USE;
int index_intend(struct datasets *d, const char *what, struct error *err) MUST_USE;
/* Cannot fail: the record has decided.  A row that cannot be written now is healed later. */
void index_settle(struct datasets *d, const char *what);
/* ... of several, whose locks are held: their rows change together. */
void index_settle_all(struct datasets *d, const char *const *what, size_t n);

/* Intents, by what they announce; they return `what`. */
const char *intent_of_version(const char *ds, const char *ver, char what[INTENT_SIZE]);
const char *intent_of_tag(const char *ds, const char *tag, char what[INTENT_SIZE]);

/* Looks at all intents, each under its lock. */
int index_heal(struct datasets *d, struct error *err) MUST_USE;
/* Before each look into the index. */
int index_catch_up(struct datasets *d, struct error *err) MUST_USE;
/* Makes it anew from the records, if it is stale.  The progress, or NULL, is of versions. */
int index_rebuild(struct datasets *d, struct progress *progress, struct error *err) MUST_USE;

/* The rows of one dataset with all that belongs to it. */
int index_dataset_again(struct datasets *d, const char *ds, struct error *err) MUST_USE;

/* Each committed version that the index has without a record: the record was lost, or somebody
 * deletes the version just now. */
int index_each_lost(struct datasets *d, catalog_version_fn *fn, void *arg,
                    struct error *err) MUST_USE;

/* The next sequence number of a dataset, whose lock is held. */
int index_next_seq(struct datasets *d, const char *ds, int64_t *ret_seq,
                   struct error *err) MUST_USE;

/* --- find.c ----------------------------------------------------------------------------------- */

enum { FIND_BEGINNING_LEAST = 4 }; /* characters of an id that stand for all of it */

/* SLUICE_NOT_FOUND if the dataset has no version of this id. */
int find_version(struct datasets *d, const struct dataset *dataset, const char *id,
                 struct dataset_version *ret_version, struct error *err) MUST_USE;

/* --- provider_record.c ------------------------------------------------------------------------ */

#define RECORD_PROVIDERS "providers" /* the directory */

const char *record_provider_path(const char *id, char path[RECORD_PATH_SIZE]);
/* "SP.json" -> the id; false for other names. */
bool record_is_of_provider(const char *name, char ret_id[PROVIDER_ID_LEN + 1]);

int record_put_provider(struct store *store, const struct provider *p, bool replace,
                        struct error *err) MUST_USE;
int record_get_provider(struct store *store, const char *id, struct provider *ret_provider,
                        struct error *err) MUST_USE;

/* --- provider.c ------------------------------------------------------------------------------- */

/* `id` as in struct dataset.  SLUICE_NOT_FOUND: there is none; the lock of names is held. */
int provider_check_there(struct datasets *d, const char *id, struct error *err) MUST_USE;

/* --- tag.c ------------------------------------------------------------------------------------ */

typedef int tag_of_fn(void *arg, const char *tag);
/* Each tag whose record names the version; fn may delete it. */
int tags_each_of(struct datasets *d, const char *ds, const char *ver, tag_of_fn *fn, void *arg,
                 struct error *err) MUST_USE;
/* Deletes one here, and not in a bucket; the dataset's lock is held. */
int tags_delete(struct datasets *d, const char *ds, const char *tag, struct error *err) MUST_USE;
/* Deletes the tags of a version; the dataset's lock is held. */
int tags_delete_of(struct datasets *d, const char *ds, const char *ver, struct error *err) MUST_USE;

/* --- public.c --------------------------------------------------------------------------------- */

enum { PUBLIC_NONE = 1 };

/* 1: it is called NAMESPACE/NAME, and there is no committed version of a dataset NAME here. */
int public_is_wanted(struct datasets *d, const char *name, struct error *err) MUST_USE;

/* Removes what fetches left that were killed or failed, so that they begin anew.  Adds to *count.
 */
int public_tidy(struct datasets *d, bool dry_run, uint64_t *count, struct error *err) MUST_USE;

/* Fetches what is wanted; PUBLIC_NONE if the namespace is not that of public datasets. */
int public_fetch(struct datasets *d, const char *name, struct error *err) MUST_USE;

/* --- public_file.c ---------------------------------------------------------------------------- */

/* What is fetched, and to where. */
struct public_fetching {
	struct datasets *d;
	const struct public_dataset *public;
	const char *name; /* gradient/mnist */
	int dir;          /* HOME/public/NAMESPACE.NAME */
	int files;        /* ... and below it, those that are whole */
	struct error *err;
};

enum { PUBLIC_DIR_MODE = 0755 };

/* SLUICE_LIMIT: so many bytes have no room in the home.  In public.c. */
int public_check_room(const struct public_fetching *f, uint64_t need) MUST_USE;

void public_note(const struct public_fetching *f, const char *text);

/* Without what may be a secret; the caller frees it. */
char *public_shown_url(const struct public_file *file);

/* Gets it if it is not there yet; what came of it before counts. */
int public_fetch_file(const struct public_fetching *f, const struct public_file *file) MUST_USE;

/* Makes `part` below f->dir, which is whole, the file `path` of the version.  Any thread. */
int public_keep_file(const struct public_fetching *f, const char *part, const char *path,
                     struct error *err) MUST_USE;

/* --- public_s3.c ------------------------------------------------------------------------------ */

/* Gets what is not there yet of all that lies below f->public->s3. */
int public_fetch_s3(const struct public_fetching *f) MUST_USE;

/* --- version.c -------------------------------------------------------------------------------- */

/* The directory that collects an open version's files; the caller frees it. */
char *open_data_path(const struct datasets *d, const char *ds, const char *ver);
/* The one for bytes that are still coming for it. */
char *open_part_path(const struct datasets *d, const char *ds, const char *ver);
/* Removes what belonged to a version while it was open, but its record. */
void open_remove_leftovers(struct datasets *d, const char *ds, const char *ver);
/* Held exclusively while a commit takes the files, shared while some are put; fails as
 * record_get_open does.  Under it, look at the record again. */
int open_lock(const struct datasets *d, const struct dataset_version *v, enum lock_how how,
              struct error *err) MUST_USE;
/* The fence. */
bool open_is_made_by(const struct open_record *open, const struct dataset_maker *maker);

/* --- delete.c --------------------------------------------------------------------------------- */

/* Is the committed version still there?  The dataset's lock is held.  SLUICE_NOT_FOUND: no. */
int version_check_there(struct datasets *d, const struct dataset_version *v,
                        struct error *err) MUST_USE;

/* --- claim.c ---------------------------------------------------------------------------------- */

/* Removes what a dataset's mounts left that are no more; its lock is held.  Adds to *count. */
int mounts_tidy(struct datasets *d, const char *ds, bool dry_run, uint64_t *count,
                struct error *err) MUST_USE;

/* --- commit.c --------------------------------------------------------------------------------- */

struct commit_source {
	const char *path;  /* as in datasets_commit_bytes */
	const char *below; /* the directory in the version that it becomes; "" or NULL: the root */
	bool copied;       /* as by datasets_copy_bytes */
	bool foreign;      /* it is only read, wherever it lies; what cannot be kept is refused */
};

/* datasets_commit of more kinds of source. */
int commit_source(struct datasets *d, struct dataset_version *v, const struct commit_source *from,
                  const struct store_watch *watch, struct error *err) MUST_USE;

/* --- commit_record.c -------------------------------------------------------------------------- */

/* The fence, in words: SLUICE_INVALID says whose the version is. */
int open_check_fence(const struct open_record *open, const struct dataset_maker *maker,
                     struct error *err) MUST_USE;

/* --- files.c ---------------------------------------------------------------------------------- */

/* An open version that takes files; until the end no commit takes them and nothing is collected. */
struct filling {
	int shared, lock, to, tmp;
};
#define FILLING_INIT                                          \
	{                                                     \
		.shared = -1, .lock = -1, .to = -1, .tmp = -1 \
	}
int filling_begin(struct datasets *d, const struct dataset_version *v, struct filling *f,
                  struct error *err) MUST_USE;
void filling_end(struct filling *f);
#define AUTO_FILLING __attribute__((cleanup(filling_end)))

/* The path in the version that a directory gets, by the rules of `files put`; "" for the root.  The
 * caller frees it. */
int files_directory_target(const char *source, const char *target, char **ret_path,
                           struct error *err) MUST_USE;

/* datasets_put, as far as `how` says how: its target and its progress. */
int files_put(struct datasets *d, const struct dataset_version *v, const char *source,
              const struct datasets_put_how *how, struct error *err) MUST_USE;

/* "a/b" of a path that a user typed; SLUICE_INVALID if it has "..".  The caller frees it. */
/* The last part of a URL's path, without what asks or names a part; "" if it has none. */
char *source_url_name(const char *url);
/* The name under which a source lands: its own, which "." and ".." hide; "" for "/". */
char *files_base(const char *source);

int files_clean(const char *path, char **ret_clean, struct error *err) MUST_USE;

/* --- list.c ----------------------------------------------------------------------------------- */

/* The directory that shows the files of a version, which is here; made if an open one has none yet.
 * A descriptor. */
int list_open(struct datasets *d, const struct dataset_version *v, struct error *err) MUST_USE;

/* --- copy.c: trees of files, copied without following a link ---------------------------------- */

struct copy {
	int from; /* directories; nothing outside of them is touched */
	int to;
	int tmp;          /* where files are written before they get their names; -1: nowhere, for
	                     they have none before, and what is there already stays as it is */
	const char *what; /* for messages: the source as the user named it */
	bool move; /* FROM is ours, on the same file system: its files and links change place */
	struct progress *progress; /* of the bytes of files that are copied; NULL: nobody looks */
};

/* Copies FROM/`source` to TO/`target`; "." is the directory itself.  A directory adds to one that
 * is there, a file takes the place of one that is there. */
int copy_tree(const struct copy *c, const char *source, const char *target,
              struct error *err) MUST_USE;
/* Copies from an open descriptor to TO/`target`. */
int copy_file(const struct copy *c, int fd, const char *target, struct error *err) MUST_USE;

/* Moves the file FROM/`source` to TO/`target`. */
int copy_move(const struct copy *c, const char *source, const char *target,
              struct error *err) MUST_USE;

typedef int copy_name_fn(void *arg, const char *name);
/* Each name in the directory FROM/`path` ("." for itself), in no special order; takes nothing. */
int copy_each_name(int from, const char *path, copy_name_fn *fn, void *arg) MUST_USE;

/* "a/b" of untrusted "/a//b/./": components alone; NULL if one is "..".  The caller frees it. */
char *path_clean(const char *path);
/* "a" and "b" make "a/b"; "." is nothing. */
char *path_join(const char *a, const char *b);

#endif
