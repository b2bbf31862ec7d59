/*
 * Versions that a person looks at without a job: the tree, mounted read-only at a directory.
 *
 * The kernel keeps the mount, and no process of ours stands behind it: it lasts until it is taken
 * away, also by umount(8), or until the machine stops.  That it is there is said by a claim, a JSON
 * file below HOME/mounts (see claim.c), which counts for as long as the kernel shows the mount:
 * such a version is not deleted, nor its tree removed.
 *
 * Blocking, and of the thread that uses the `struct datasets`.
 */
#ifndef DATASET_MOUNT_H
#define DATASET_MOUNT_H

#include <sys/types.h>

#include "dataset/dataset.h"

struct dataset_mount {
	char dataset[DATASET_ID_LEN + 1];
	char version[VERSION_ID_LEN + 1];
	struct digest manifest;
	char *directory;
	/* Who sees it: 0 is everybody here, else a process in another mount namespace; -1 cannot be
	 * found out from this container, and it may be there or not. */
	pid_t pid;
};

void dataset_mount_release(struct dataset_mount *m);

/*
 * From here on nobody but this process and its children sees what it mounts, and that goes with the
 * last of them.  Where the user may not mount this makes a user namespace, so it must come before
 * any thread is made.
 */
int datasets_mount_apart(struct error *err) MUST_USE;

/* Mounts a committed version at an empty directory outside of the home.  SLUICE_MISSING: this user
 * may not mount. */
int datasets_mount(struct datasets *d, const struct dataset_version *v, const char *directory,
                   struct error *err) MUST_USE;

/* Takes it away; SLUICE_INVALID if what is mounted there, if anything, is no version of this home.
 * Release what comes out. */
int datasets_unmount(struct datasets *d, const char *directory, struct dataset_mount *ret_mount,
                     struct error *err) MUST_USE;

/* The mounts that there are of a version, of a dataset (`ver` NULL) or of all (`ds` NULL, too).  A
 * return other than 0 ends the walk and is returned. */
typedef int dataset_mount_fn(void *arg, const struct dataset_mount *m);
int datasets_each_mount(struct datasets *d, const char *ds, const char *ver, dataset_mount_fn *fn,
                        void *arg, struct error *err) MUST_USE;

#endif
