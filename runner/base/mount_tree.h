/*
 * Mounts that are made apart from where they will appear (open_tree(2), mount_setattr(2) and
 * move_mount(2)): what another does to a path meanwhile changes nothing.  Descriptors are
 * close-on-exec; errors are -errno.  Any thread.
 */
#ifndef BASE_MOUNT_TREE_H
#define BASE_MOUNT_TREE_H

#include <linux/mount.h>

#include "base/error.h"

/* A mount, which is nowhere yet, of what PATH shows: with AT_RECURSIVE also of what is mounted
 * below it, with AT_SYMLINK_NOFOLLOW of no link, with AT_EMPTY_PATH of DIRFD itself. */
int mount_tree_copy(int dirfd, const char *path, unsigned flags,
                    const struct mount_attr *attr) MUST_USE;

/* Puts it at PATH below DIRFD; "" is DIRFD itself. */
int mount_tree_put(int tree, int dirfd, const char *path) MUST_USE;

#endif
