/*
 * The manifest of a version, as text: a root and its segments.  Pure.
 *
 * A segment is a run of entries, one a line, in order of their raw path bytes:
 *
 *	f SIZE SHA256 PATH      a file of up to 4 MiB            x: executable
 *	c SIZE SHA256 PATH      a larger one, by its chunk list  C: executable
 *	l TARGET PATH           a symbolic link
 *	d PATH                  an empty directory
 *
 * In TARGET and PATH a byte outside printable ASCII, a space or a '%' is %XX in upper case.  A path
 * is relative, without empty, "." or ".." components, and no entry lies below another.
 *
 * The list is cut after each entry whose path's SHA-256 begins with ten zero bits, and nowhere
 * else: a segment depends on its own entries only, so that versions share what did not change.
 *
 * The root names the segments, in order:
 *
 *	sluice-manifest 1
 *	s FILES BYTES SHA256 FIRST
 *
 * with the number of files and links in the segment, the sum of their sizes, the digest of its text
 * and the path of its first entry.  The digest of the root's text is the identity of the content.
 *
 * There is one form: what is parsed and formatted again is the same bytes, anything else is
 * refused with SLUICE_CORRUPT.
 */
#ifndef STORE_MANIFEST_H
#define STORE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "store/store.h"

enum {
	MANIFEST_PATH_MAX = 4095, /* PATH_MAX without its NUL, so that a tree can be made */
	MANIFEST_NAME_MAX = 255,
	MANIFEST_DEPTH_MAX = 256, /* components; a walk holds a descriptor for each */
};

/* Of a root or a segment; with a thousand entries the usual segment has a few hundred KiB. */
#define MANIFEST_TEXT_MAX ((size_t)256 << 20)

#define MANIFEST_HEADER "sluice-manifest 1\n"

/* NULL, or why this is not the path of an entry ("has an empty component"). */
const char *manifest_check_path(const char *path);

/* Is the list cut after this path? */
bool manifest_is_cut(struct digest_ctx *ctx, const char *path);

/* Watches over the order of all entries; begin with zeroes. */
struct manifest_order {
	size_t len;
	char path[MANIFEST_PATH_MAX + 1];  /* of the last entry */
	bool entry[MANIFEST_PATH_MAX + 1]; /* [i]: the first i bytes of path are an entry's */
};

/* One line of a segment, one of a root. */
void manifest_add_entry(struct strbuf *text, const struct store_entry *entry);

struct manifest_part {
	uint64_t files;
	uint64_t bytes;
	struct digest digest;
	const char *first; /* borrowed */
};

void manifest_add_part(struct strbuf *text, const struct manifest_part *part);

struct manifest_segment {
	struct store_entry *entry; /* their strings live in `names` */
	size_t n;                  /* at least 1 */
	uint64_t files;
	uint64_t bytes;
	bool cut; /* the list is cut after the last entry */
	char *names;
};

/* Parses what follows the entries that `order` has seen. */
int manifest_parse_segment(const char *text, size_t len, struct manifest_order *order,
                           struct manifest_segment *ret_segment, struct error *err) MUST_USE;
void manifest_segment_release(struct manifest_segment *segment);

struct manifest_root {
	struct manifest_part *part; /* their strings live in `names` */
	size_t n;
	uint64_t files;
	uint64_t bytes;
	char *names;
};

int manifest_parse_root(const char *text, size_t len, struct manifest_root *ret_root,
                        struct error *err) MUST_USE;
void manifest_root_release(struct manifest_root *root);

/* NULL, or why the segment is not the i-th of the root. */
const char *manifest_check_part(const struct manifest_root *root, size_t i,
                                const struct manifest_segment *segment);

#define AUTO_SEGMENT __attribute__((cleanup(manifest_segment_release)))
#define AUTO_ROOT    __attribute__((cleanup(manifest_root_release)))

#endif
