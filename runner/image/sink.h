/*
 * What an export writes: the files of a directory, or the members of a tar, which are the same
 * bytes whoever writes them and when.  Blocking; any thread.
 *
 *	struct sink sink;
 *	rc = sink_open(&sink, fd, is_tar, progress, err);
 *	... sink_text(), sink_file() ...
 *	rc = sink_finish(&sink, err);
 *	sink_release(&sink);
 */
#ifndef IMAGE_SINK_H
#define IMAGE_SINK_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/progress.h"

struct sink {
	int fd;              /* kept */
	struct archive *tar; /* NULL: fd is a directory */
	struct archive_entry *entry;
	struct progress *progress; /* of the bytes of files; or NULL */
	char *buf;
};

/* FD is an empty directory, or where the tar goes, which may be a pipe.  Release it in any case. */
int sink_open(struct sink *sink, int fd, bool is_tar, struct progress *progress,
              struct error *err) MUST_USE;

/* NAME is relative; directories above it are made. */
int sink_text(struct sink *sink, const char *name, const char *text, struct error *err) MUST_USE;

/* A file from its offset on, which has SIZE bytes; SLUICE_CORRUPT: they are not what `expect`
 * says, and what was written so far is worth nothing. */
int sink_file(struct sink *sink, const char *name, int from, uint64_t size,
              const struct digest *expect, struct error *err) MUST_USE;

int sink_finish(struct sink *sink, struct error *err) MUST_USE;
void sink_release(struct sink *sink);

#endif
