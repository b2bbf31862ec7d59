/*
 * The mounts of one attempt, made by the shim in a mount namespace of its own: they all vanish
 * with its processes, whatever ends them.  Runs in the attempt's directory.
 */
#ifndef EXECUTOR_ROOTFS_H
#define EXECUTOR_ROOTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "executor/merge.h"

struct rootfs {
	enum merge_way way;        /* of its root and its views */
	const char *const *layers; /* the topmost first */
	size_t n_layers;
	bool upper_in_memory;
	int work;      /* see rootfs_enter() */
	bool is_users; /* an ordinary user's, in a user namespace */
	const char *const *views;
	size_t n_views;
	uid_t uid; /* of the container's user: views are made readable and writable for it */
	gid_t gid;
};

/* The namespace with a /proc of the caller's pid namespace, and the empty bundle; *ret_work is the
 * directory of the disk that this covers, which the caller closes. */
int rootfs_enter(int *ret_work, struct error *err) MUST_USE;

/* The root and the views, in the bundle. */
int rootfs_mount(const struct rootfs *r, struct error *err) MUST_USE;

/* Removes what a container that runs needs no more: its configuration, with every secret in it, and
 * the runtime's copy of that. */
void rootfs_forget(void);

/* Removes everything, within the namespace and once nothing runs. */
int rootfs_leave(int dirfd, struct error *err) MUST_USE;

/* Removes everything, from outside, when the shim has gone and its mounts with it. */
int rootfs_remove(int dirfd, struct error *err) MUST_USE;

#endif
