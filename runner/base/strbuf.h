/*
 * A string that grows, up to a maximum that its maker must name.  An append that would pass it
 * marks the builder failed; nothing more is written, and one check at the end is enough.
 *
 *	struct strbuf sb = STRBUF_INIT(1 << 20);
 *	strbuf_addf(&sb, "%s %zu\n", name, n);
 *	...
 *	strbuf_release(&sb);      or      char *text = strbuf_detach(&sb);
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
	char *buf;  /* always NUL-terminated once something was added; NULL before */
	size_t len; /* without the NUL */
	size_t cap;
	size_t max; /* the longest allowed len */
	bool failed;
};

#define STRBUF_INIT(limit) ((struct strbuf){ .max = (limit) })
#define STRBUF_BIG         ((size_t)1 << 30) /* for text whose size other limits bound */

void strbuf_add(struct strbuf *sb, const void *data, size_t len);
void strbuf_addstr(struct strbuf *sb, const char *s);
void strbuf_addch(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds untrusted text for a person to read: control bytes as \xNN, at most `most` bytes of it. */
void strbuf_addprintable(struct strbuf *sb, const char *s, size_t most);

/* Makes room for `len` more bytes and returns where they go (then set sb->len); NULL if failed. */
char *strbuf_reserve(struct strbuf *sb, size_t len);

/* Empties it, keeping the memory and clearing a failure. */
void strbuf_clear(struct strbuf *sb);
void strbuf_release(struct strbuf *sb);

/* The text, never NULL; the caller frees it.  The builder is empty afterwards. */
char *strbuf_detach(struct strbuf *sb);

static inline const char *strbuf_str(const struct strbuf *sb)
{
	return sb->buf ? sb->buf : "";
}

#define AUTO_STRBUF __attribute__((cleanup(strbuf_release)))

#endif
