/*
 * Where the entries of a layer go: from a name in a tar to a directory's descriptor and a last
 * component.  Leaf functions return 0 or -errno, those with `err` a class.
 */
#ifndef IMAGE_PLACE_H
#define IMAGE_PLACE_H

#include <limits.h>
#include <stdbool.h>

#include "base/error.h"

/* The directory being filled. */
struct tree {
	int root;       /* kept */
	bool can_chown; /* to whom there is in our user namespace, see base/userns.h */
	bool is_users;  /* overlayfs is to read its marks for an ordinary user */
	char *parent;   /* where parent_fd is, or NULL: entries come directory by directory */
	int parent_fd;  /* -1 at first */
};

/* One entry on its way: parent and name are where it goes. */
struct place {
	char path[PATH_MAX]; /* clean, relative; "" is the root */
	int parent;          /* borrowed from the tree, until the next place_enter */
	const char *name;
};

void tree_release(struct tree *t);

/* "./a//b/" and "/a/b" are "a/b".  ".." is refused: no program writes it into a layer. */
int place_clean(const char *raw, unsigned depth_max, char clean[PATH_MAX],
                struct error *err) MUST_USE;

/* Finds the directory that place->path, which is not "", goes into; `make` makes it. */
int place_enter(struct tree *t, struct place *place, bool make, struct error *err) MUST_USE;

/* Removes what has the name now: the later entry of a name wins. */
int place_clear(const struct place *place, struct error *err) MUST_USE;

/* Opens PARENT/NAME as a directory, making it in the place of anything else.  One that takes the
 * place of a whiteout is opaque, so that the lower one stays hidden. */
int tree_make_dir(const struct tree *t, int parent, const char *name, int *ret_fd) MUST_USE;

/* Hides what lower layers have in this directory. */
int tree_make_opaque(const struct tree *t, int fd) MUST_USE;

/* Errors that name an entry. */
int place_refuse(const char *path, const char *why, struct error *err);
int place_failed(int sys, const char *path, struct error *err);

#endif
