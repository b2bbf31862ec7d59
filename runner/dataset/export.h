/*
 * A version as an archive: the same bytes for the same files, whoever makes it, when and where. All
 * entries belong to nobody (0:0) and are of 1980-01-01 00:00 UTC, the first moment that a zip
 * knows; they stand in the order of their paths, with modes 0644 and 0755, links 0777.  Tars are
 * POSIX pax where a plain header does not suffice.
 */
#ifndef DATASET_EXPORT_H
#define DATASET_EXPORT_H

#include "base/progress.h"
#include "dataset/dataset.h"

/* "tar", "tar.gz", "tar.zst" or "zip"; NULL ends them. */
extern const char *const export_formats[];

/* The format whose name the file name ends in, or NULL; "tgz" is tar.gz. */
const char *export_format_of(const char *file);

struct export_how {
	const char *format;        /* one of export_formats */
	const char *prefix;        /* only what lies at or below it; "" for all */
	struct progress *progress; /* or NULL */
};

/*
 * Writes a committed version to `fd`, from where it stands; a pipe will do.  SLUICE_NOT_FOUND if
 * nothing lies at the prefix.  SLUICE_CANCELED if nobody reads the pipe any more.  Uses the time
 * zone of the process for zip, which knows no other: see the command.
 */
int datasets_export(struct datasets *d, const struct dataset_version *v,
                    const struct export_how *how, int fd, struct error *err) MUST_USE;

#endif
