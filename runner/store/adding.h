/* What the files that take a directory into the store know of each other: see add.c. */
#ifndef STORE_ADDING_H
#define STORE_ADDING_H

#include "store/internal.h"
#include "store/seen.h"

struct add_file {
	struct store_entry e;  /* 'f' until the content is known; its path is the walk's */
	struct seen_fixed now; /* its inode; all of it where `noted` */
	size_t was;            /* what was noted of it before, for seen_at; 0: nothing */
	bool noted;            /* what it is now can be noted */
	bool same;             /* ... and is what was noted before: it was not read */
	bool later;            /* has several links, or is large: not for the first pass */
	bool setid;            /* had a setuid or setgid bit */
	bool fresh;            /* its object was not there before */
	bool replace;          /* the directory's file is not the object */
};

struct add {
	struct store *store;
	int root;
	bool ours;        /* the directory is ours to take */
	bool adopt;       /* ... and its files can be linked from where they are */
	size_t skip;      /* so many bytes of an entry's path stand before its path below `root` */
	const char *real; /* the real path of a directory that is not ours, or NULL */
	struct seen seen; /* what was noted of it */
	const struct digest *base; /* as in struct store_add_how */
	int64_t began_ns;
	struct add_file *file;
	size_t n;
	size_t *later; /* indexes of files for the second pass, sorted by inode */
	size_t n_later;
	size_t *group; /* where in `later` each inode begins; one more at the end */
	size_t n_groups;
	atomic_uint_fast64_t new_bytes; /* of chunk lists */
	struct progress *progress;
	const atomic_bool *stop;
	struct first_error failed;
};

/* The file's path below `root`. */
const char *adding_path(const struct add *add, const struct add_file *f);

/* --- add_file.c: one file -------------------------------------------------------------------- */

/* Opens a file and sees what it is. */
int adding_open(struct add *add, struct add_file *f, struct stat *st, struct error *err) MUST_USE;

/* Makes it an object; `ours` says that it may be adopted. */
int adding_take(struct add *add, struct hasher *hasher, struct add_file *f, int fd, bool ours,
                struct error *err) MUST_USE;

/* --- add_base.c: what a large file has in common with one that is there ---------------------- */

/* A large file of `base` under the same path, open, with its chunk list. */
struct base {
	int fd; /* -1: there is none */
	struct chunk_list list;
};

void base_find(const struct add *add, const struct add_file *f, struct base *ret_base);
void base_release(struct base *base);
int base_read_list(struct store *store, const struct digest *digest, struct chunk_list *ret_list,
                   struct error *err) MUST_USE;
#define AUTO_BASE __attribute__((cleanup(base_release)))

/* Are most chunks of a file of `size` bytes the same as the base's, as far as some of them tell? */
bool base_is_like(const struct base *base, struct hasher *hasher, int fd, uint64_t size);

/* Makes `fd`, a file of ours that nobody writes to, share the blocks of chunks that are the same.
 * The kernel compares them; where it cannot be done nothing is done. */
void base_share(const struct base *base, int fd, const struct chunk_list *list);

/* --- add_notes.c: what has not changed since the last time ------------------------------------ */

void adding_find_notes(struct add *add);

/* Is the file what was noted of it?  Then it has its object. */
bool adding_is_as_noted(const struct add *add, struct add_file *f);

/* Notes what the files are now. */
void adding_note(const struct add *add);

#endif
