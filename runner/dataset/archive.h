/*
 * Archives as the files of a version: tar and zip, as they are or in gzip, bzip2, xz or zstd.  Any
 * thread.
 */
#ifndef DATASET_ARCHIVE_H
#define DATASET_ARCHIVE_H

#include "base/error.h"
#include "base/progress.h"

/*
 * Unpacks what `fd` has from its offset on beneath the directory `to`; `what` is the archive for
 * messages.  Of two entries with one name the later wins.  Modes come to 0644 or 0755, as a version
 * keeps no others.
 *
 * SLUICE_INVALID names the first entry whose path or whose link leads out of the archive, that is a
 * device, a FIFO or a socket, or that stands below what is no directory; what came before it has
 * been unpacked then.
 */
int archive_unpack(int fd, int to, const char *what, struct progress *progress /* or NULL */,
                   struct error *err) MUST_USE;

#endif
