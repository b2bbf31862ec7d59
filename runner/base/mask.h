/*
 * Hides secrets in a stream of bytes: every byte that is part of any occurrence of any secret is
 * hidden, and each run of hidden bytes comes out as "***".  Occurrences that overlap, touch or are
 * cut by a chunk's border are all found.
 *
 *	struct mask *mask = mask_new(secrets);
 *	struct mask_stream out = MASK_STREAM_INIT(mask, write_log, log);
 *	mask_feed(&out, data, len);  ...  mask_end(&out);
 *	mask_free(mask);
 *
 * A secret of several lines is hidden as a whole and line by line, since programs print such
 * values with an indentation or one line at a time; lines shorter than MASK_LINE_MIN are hidden
 * only as part of the whole ("}" would make a log unreadable).  Empty secrets hide nothing.
 */
#ifndef BASE_MASK_H
#define BASE_MASK_H

#include <stdbool.h>
#include <stddef.h>

enum { MASK_LINE_MIN = 4 };

struct mask;

/* `secrets` is NULL-terminated, or NULL; the values are copied.  Shared by any streams. */
struct mask *mask_new(const char *const *secrets);
void mask_free(struct mask *mask); /* wipes the copies; takes NULL */

typedef void mask_out_fn(void *arg, const char *data, size_t len);

/* One stream.  What could be the beginning of a secret is held back until more is known. */
struct mask_stream {
	const struct mask *mask; /* kept */
	mask_out_fn *out;
	void *arg;
	char *held;
	size_t held_len, held_cap;
	size_t covered; /* so many bytes at the front of what is held are hidden */
	bool hiding;    /* the last byte that was decided is hidden */
};

#define MASK_STREAM_INIT(m, fn, fn_arg) \
	((struct mask_stream){ .mask = (m), .out = (fn), .arg = (fn_arg) })

void mask_feed(struct mask_stream *s, const char *data, size_t len);

/* The stream's end: what is held back goes out, and the stream's memory is given back. */
void mask_end(struct mask_stream *s);

#endif
