/*
 * What lies in a foreign directory, which may hold anything: links to elsewhere, FIFOs, mounts,
 * names of any bytes.  Nothing is followed; each step is taken from the descriptor of the
 * directory above.
 */
#ifndef STORE_WALK_H
#define STORE_WALK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "store/store.h"

struct walk_entry {
	char kind; /* 'f' any regular file, 'l', 'd' an empty directory */
	char *path;
	char *target; /* 'l' only */
};

struct walk {
	struct walk_entry *entry; /* sorted by path when walk_tree() is done */
	size_t n;
	size_t cap;
};

struct walk_how {
	/* The tree is ours: directories get our owner and mode 0755, what cannot be kept is
	 * removed, and what we may not read is made readable. */
	bool take;
	bool refuse;       /* ... and if it is not ours, what cannot be kept is SLUICE_INVALID */
	const char *below; /* all paths begin with this and a slash; NULL or "": they do not */
	const atomic_bool *stop; /* NULL, or ends the walk with SLUICE_CANCELED once it is set */
	store_warn_fn *warn;     /* may be NULL */
	void *warn_arg;
};

/* Release `ret_walk` after a failure too. */
int walk_tree(int root, const struct walk_how *how, struct walk *ret_walk,
              struct error *err) MUST_USE;
void walk_release(struct walk *walk);

/* Opens a regular file beneath `root` for reading, following nothing and never blocking; with
 * `take` it must not lie on another mount.  Leaf. */
int walk_open(int root, const char *path, bool take) MUST_USE;

/* Opens the directory above `path`; *ret_name is the last component, borrowed.  Leaf. */
int walk_open_parent(int root, const char *path, const char **ret_name) MUST_USE;

#define AUTO_WALK __attribute__((cleanup(walk_release)))

#endif
