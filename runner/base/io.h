/*
 * Files and directories, leaf level: everything returns 0 (or a descriptor, or a count) or
 * -errno and says nothing.  Descriptors are close-on-exec.  Any thread.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <dirent.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/strbuf.h"

/* Writes all of it, or fails; goes on after EINTR and short writes. */
int io_write_all(int fd, const void *data, size_t len) MUST_USE;

/* Reads to the end of the file; more than sb->max is -EFBIG. */
int io_read_all(int fd, struct strbuf *sb) MUST_USE;
int io_read_file(int dirfd, const char *path, struct strbuf *sb) MUST_USE;

/* Writes TEXT at once into a file that is there, as the kernel's settings want it. */
int io_set(const char *path, const char *text) MUST_USE;

/*
 * Opens PATH beneath DIRFD: no component may leave it or be a symbolic link (openat2).  -EXDEV
 * and -ELOOP say that one did.  With O_CREAT the mode is as given, whatever the umask's group
 * and other bits are.
 */
int io_open_beneath(int dirfd, const char *path, int flags, mode_t mode) MUST_USE;

/* A directory's names, for AUTO_DIR and readdir(); NULL and errno.  A link at its end is not
 * followed.
 */
DIR *io_open_dir(int dirfd, const char *path) MUST_USE;

/* Opens PATH as if DIRFD were the root directory: symbolic links are followed inside it. */
int io_open_in_root(int dirfd, const char *path, int flags) MUST_USE;

/* Makes PATH and what is missing above it, beneath DIRFD, mode 0755 (or `mode` for the last). */
int io_mkdirs_beneath(int dirfd, const char *path, mode_t mode) MUST_USE;

/* The same for a trusted absolute or relative path, links allowed. */
int io_mkdirs(const char *path, mode_t mode) MUST_USE;

/*
 * Hints that what lies directly in the directory DIR is best kept apart on the disk, each with what
 * is below it: ext4's top-level directories (chattr +T).  Other file systems know no such thing.
 */
void io_set_apart(const char *dir);

/*
 * Puts a file in place at once and for good: temporary name beside it, write, fsync, then link
 * (replace = false; -EEXIST if the name is taken) or rename, then fsync of the directory.
 */
int io_put_file(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
                bool replace) MUST_USE;

/* The same without any fsync: whole or absent to a reader, but not after a power cut. */
int io_put_file_fast(int dirfd, const char *name, const void *data, size_t len,
                     mode_t mode) MUST_USE;
/* ... and -EEXIST if the name is taken: of several that put one, one wins. */
int io_put_new_file_fast(int dirfd, const char *name, const void *data, size_t len,
                         mode_t mode) MUST_USE;

int io_fsync_dir(int dirfd, const char *path) MUST_USE;

/* Copies from `in` (from its offset to its end) to `out`: reflink, else copy_file_range, else
 * read and write.  The holes of a whole file stay holes. */
int io_copy(int in, int out) MUST_USE;
/* The same; -ECANCELED soon after `stop` is set, and `progress` counts all bytes up to the end of a
 * file, those of holes and of a reflink too. */
struct io_copying {
	const atomic_bool *stop;   /* or NULL */
	struct progress *progress; /* or NULL */
};
int io_copy_watched(int in, int out, const struct io_copying *how) MUST_USE;
/* The reflink alone: true if `out`, an empty file, has all that `in` has now. */
bool io_clone(int in, int out) MUST_USE;

/* Copies from `in` to where `out` stands, which may be a pipe, a socket or a file that has content:
 * by copy_file_range or sendfile where they work, else read and write. */
int io_pour(int in, int out) MUST_USE;

/* Removes NAME below DIRFD whatever it is, following no link, across no mount.  Absent is 0, also
 * when another removes it meanwhile. */
int io_remove_tree(int dirfd, const char *name) MUST_USE;
/* ... and counts what lies in it, as usage_add() does; `progress` may be NULL. */
int io_remove_tree_watched(int dirfd, const char *name, struct progress *progress) MUST_USE;

/* A check on one path component: not empty, ".", "..", no '/'. */
bool io_is_component(const char *name);
/* Is PATH DIR, or in it, by their words alone? */
bool io_is_below(const char *path, const char *dir);

#endif
