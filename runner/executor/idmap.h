/*
 * A directory shown as if the files of its owner in it were another user's: those of a version are
 * root's, those of a volume belong to the user of the job that made it.  Libc alone.
 */
#ifndef EXECUTOR_IDMAP_H
#define EXECUTOR_IDMAP_H

#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"

/* Mounts DIR, which is no link and belongs to OWNER, at TARGET, which is made.  -errno where the
 * kernel or the file system knows no id-mapping. */
int idmap_mount(const char *dir, const char *target, const struct stat *owner, uid_t uid,
                gid_t gid) MUST_USE;

#endif
