/*
 * What the files of a user's directory were when it was taken into the store, so that the next time
 * only those are read that have changed: one file for each directory, HOME/store/seen/DIGEST, named
 * by the SHA-256 of the directory's real path.
 *
 * A file has not changed if its name has the same inode, with the same size, bit for its owner to
 * execute it, mtime and ctime, which nobody can set.  A change within the same tick of the file
 * system's clock would not show; so what had changed within two seconds before it was read is not
 * noted, nor what somebody had open for writing: through a mapping it changes without its times.
 * What is noted is believed only where its object is still there.
 *
 * The format, of this machine and in its byte order: SEEN_MAGIC, then for each file a `struct
 * seen_fixed` and the bytes of its path, in the order of paths; last the SHA-256 of all before it.
 * A file that is damaged or of another format says nothing; nothing else depends on it.
 */
#ifndef STORE_SEEN_H
#define STORE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "store/store.h"

#define SEEN_MAGIC "sluice-seen 1\n\n" /* sixteen bytes with its NUL */

struct seen_fixed {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
	struct digest digest;
	uint16_t path_len;
	char kind; /* 'f' 'x' 'c' 'C', as in a manifest */
	uint8_t zero[5];
};

/* --- what was noted -------------------------------------------------------------------------- */

struct seen {
	const uint8_t *text; /* the whole file, mapped; NULL: nothing is noted */
	size_t len;
	size_t at; /* of the next record */
	size_t n;  /* records that were passed */
};

/* Of the directory with this real path. */
void seen_open(struct store *store, const char *real, struct seen *ret_seen);
void seen_close(struct seen *seen);

/* The same from bytes in memory, which stay the caller's.  Pure; false: they are not sound. */
bool seen_parse(const uint8_t *text, size_t len, struct seen *ret_seen);

/* Looks for a path; they are asked for in their order.  An offset for seen_at, or 0. */
size_t seen_find(struct seen *seen, const char *path);
struct seen_fixed seen_at(const struct seen *seen, size_t offset);

/* Is there no record behind those that were passed? */
bool seen_is_at_end(const struct seen *seen);

bool seen_is_same(const struct seen_fixed *was, const struct stat *st);

/* Says that it was of use, where nothing else has to be noted. */
void seen_touch(struct store *store, const char *real);

/* --- what is to be noted --------------------------------------------------------------------- */

struct seen_writer;

/* NULL if it cannot be written: then nothing is noted. */
struct seen_writer *seen_begin(struct store *store);
/* `st` is of before and after the file was read. */
void seen_fill(struct seen_fixed *fixed, const struct stat *st);
void seen_add(struct seen_writer *w, const struct seen_fixed *fixed, const char *path);
/* Takes the place of what was noted of this directory; frees `w`. */
void seen_end(struct seen_writer *w, const char *real);

/* Removes notes of directories that were not asked for within `age_s`; counts them.  Leaf. */
int seen_sweep(struct store *store, int64_t age_s, bool dry_run, uint64_t *count) MUST_USE;

#endif
