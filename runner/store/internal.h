/* What the files of store/ know of each other. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/id.h"
#include "base/strbuf.h"
#include "store/chunks.h"
#include "store/manifest.h"
#include "store/store.h"

struct store {
	char *path;   /* HOME/store */
	int fd;       /* HOME/store */
	int tmp;      /* HOME/tmp: on the same file system, so that links and renames reach */
	int datasets; /* HOME/store/datasets */
};

/* What deleted datasets are called until their files are away; no record's name begins so. */
#define STORE_DELETED_PREFIX ".deleted-"

/* Its digest names a chunk list. */
static inline bool is_large(const struct store_entry *e)
{
	return e->kind == 'c' || e->kind == 'C';
}

/* It has bytes. */
static inline bool is_file(const struct store_entry *e)
{
	return e->kind != 'l' && e->kind != 'd';
}

/* --- errors of several threads --------------------------------------------------------------- */

/* Keeps the error of the item that comes first, whichever thread was faster. */
struct first_error {
	pthread_mutex_t lock;
	bool set;
	size_t at;
	struct error err;
};

#define FIRST_ERROR_INIT ((struct first_error){ .lock = PTHREAD_MUTEX_INITIALIZER })

/* Returns the error's class. */
int first_error_keep(struct first_error *first, size_t at, const struct error *err);

/* Untrusted text for a message: printable, cut. */
enum { QUOTE_SIZE = 256 };
const char *quote(const char *s, char buf[QUOTE_SIZE]);

/* --- hash.c: the digests of files ------------------------------------------------------------ */

/* What one thread needs to hash; worker_new and worker_free of parallel_ops. */
struct hasher;
void *hasher_new(void *unused);
void hasher_free(void *hasher); /* takes NULL */

/* The digest of `len` bytes at `offset`; -ENODATA if the file ends before.  Leaf. */
int hash_range(struct hasher *hasher, int fd, uint64_t offset, uint64_t len,
               struct digest *ret_digest) MUST_USE;

/* Copies up to `max` bytes from where `in` stands to where `out` stands, and hashes them.  More is
 * -EFBIG.  Leaf. */
int hash_copy(struct hasher *hasher, int in, int out, uint64_t max, uint64_t *ret_len,
              struct digest *ret_digest) MUST_USE;

/*
 * Copies a file of `size` bytes, more than CHUNK_SIZE, on all cores, and makes its chunk list.
 * `out` is empty, or a clone of the file of which `base` is the list: then only chunks of other
 * digests are written.  -ENODATA if `in` ends before, -ECANCELED as below.  Leaf.
 */
struct chunk_copy {
	int in, out;
	uint64_t size;
	const struct chunk_list *base; /* or NULL */
	struct progress *progress;     /* or NULL */
	const atomic_bool *stop;       /* or NULL */
};
int copy_chunks(const struct chunk_copy *copy, struct chunk_list *ret_list) MUST_USE;

/* The chunk list of a file of more than CHUNK_SIZE bytes, on all cores.  Leaf; -EFBIG, and
 * -ECANCELED once `stop` (NULL: never) is set. */
int hash_chunks(int fd, uint64_t size, struct progress *progress, const atomic_bool *stop,
                struct chunk_list *ret_list) MUST_USE;

/* The digest of a chunk that is all zeros. */
struct digest hash_zeros(void);

/* Writes all of it there, or fails.  Leaf. */
int write_at(int fd, const void *data, size_t len, uint64_t offset) MUST_USE;

/* --- object.c: files named by their content -------------------------------------------------- */

enum { OBJECT_PATH_SIZE = 96 };

/* The kind of a manifest's own texts, beside those of its entries. */
enum { OBJECT_MANIFEST = 'm' };

/* The path of an object below HOME/store; returns `path`. */
const char *object_path(char kind, const struct digest *digest, char path[OBJECT_PATH_SIZE]);

/* The mode that an object of this kind has. */
mode_t object_mode(char kind);

/* A file in HOME/tmp that has no name, or loses it with temp_close(). */
struct temp {
	int fd;
	char name[DATASET_ID_LEN + 1]; /* "": none */
};

int temp_open(struct store *store, struct temp *ret_temp) MUST_USE; /* leaf */
void temp_close(struct store *store, struct temp *temp);

enum object_added {
	OBJECT_ADDED,   /* the descriptor's file is the object now */
	OBJECT_SAME,    /* ... and was before */
	OBJECT_PRESENT, /* another file is, with the same content */
};

/*
 * Makes the file behind `fd`, which has its last content, owner and mode, the object of the entry's
 * kind, digest and size, unless there is one.  Returns enum object_added or -errno.
 */
int object_add_fd(struct store *store, const struct store_entry *e, int fd) MUST_USE;

/* Is there an object of this entry, and for a large file its chunk list, as far as names and sizes
 * tell? */
bool object_is_there(struct store *store, const struct store_entry *e);

/* The same for bytes in memory (chunk lists 'f', manifests 'm'); adds to *new_bytes. */
int object_put(struct store *store, char kind, const void *data, size_t len,
               struct digest *ret_digest, uint64_t *new_bytes, struct error *err) MUST_USE;

/* Links an object to NAME below `dirfd`, making a fresh copy of it when it has too many links.
 * Returns 0 or -errno. */
int object_link(struct store *store, const struct store_entry *e, int dirfd,
                const char *name) MUST_USE;

/* Opens an object of a manifest's entry; SLUICE_CORRUPT if it is missing or has another size or
 * mode than it must have. */
int object_open(struct store *store, const struct store_entry *e, struct error *err) MUST_USE;

/* Reads and verifies a chunk list or a manifest's text. */
int object_read(struct store *store, char kind, const struct digest *digest,
                struct strbuf *ret_text, struct error *err) MUST_USE;

/* --- reader.c: the entries of a manifest, segment by segment --------------------------------- */

int reader_load_root(struct store *store, const struct digest *manifest,
                     struct manifest_root *ret_root, struct error *err) MUST_USE;

struct reader;
int reader_open(struct store *store, const struct digest *manifest, struct reader **ret_reader,
                struct error *err) MUST_USE;
#define AUTO_READER __attribute__((cleanup(cleanup_reader)))
void cleanup_reader(struct reader *const *reader);

/* The next segment, borrowed until the next call; NULL at the end. */
int reader_next(struct reader *reader, const struct manifest_segment **ret_segment,
                struct error *err) MUST_USE;

/* Goes on behind the segment that reader_next failed to read. */
void reader_skip(struct reader *reader);

/* How many segments are still to be read. */
size_t reader_left(const struct reader *reader);

/* Is there a next segment in both, and is it the same? */
bool reader_is_same_next(const struct reader *a, const struct reader *b);

/* --- writer.c: a manifest from its entries, segment by segment -------------------------------- */

struct writer;
struct writer *writer_begin(struct store *store);
void writer_free(struct writer *writer);

/* Entries in the order of their paths; their strings stay until the segment's end. */
int writer_add(struct writer *writer, const struct store_entry *e, bool last,
               struct error *err) MUST_USE;

/* Puts the root.  Adds to *new_bytes what texts were not there before. */
int writer_end(struct writer *writer, struct digest *ret_manifest, uint64_t *new_bytes,
               struct error *err) MUST_USE;

/* --- tree.c ---------------------------------------------------------------------------------- */

enum { TREE_PATH_SIZE = 80 };

/* The path of a tree below HOME/store; returns `path`. */
const char *tree_path(const struct digest *manifest, char path[TREE_PATH_SIZE]);
bool tree_exists(struct store *store, const struct digest *manifest);
/* Removes a directory, a tree's or one that shall be none, with no instant at which it lies there
 * in part.  Leaf. */
int tree_discard(struct store *store, int dirfd, const char *name) MUST_USE;

/* --- store.c: the sweep's lock ---------------------------------------------------------------- */

/* The exclusive lock, for a short step.  New committers wait while it is waited for, so that they
 * cannot keep it away for ever.  After `patience_ms` calls `waiting`. */
int store_lock_sweep(struct store *store, int64_t patience_ms, void (*waiting)(void *arg),
                     void *arg, struct error *err) MUST_USE;

#endif
