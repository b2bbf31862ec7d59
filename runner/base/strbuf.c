#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

char *strbuf_reserve(struct strbuf *sb, size_t len)
{
	size_t want;

	if (sb->failed || len > sb->max - sb->len) {
		sb->failed = true;
		return NULL;
	}
	want = sb->len + len + 1;
	if (want > sb->cap) {
		size_t cap = sb->cap ? sb->cap : 64;

		while (cap < want)
			cap *= 2;
		sb->buf = xreallocarray(sb->buf, cap, 1);
		sb->cap = cap;
		sb->buf[sb->len] = '\0'; /* nothing may come to be added */
	}
	return sb->buf + sb->len;
}

void strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
	char *to = strbuf_reserve(sb, len);

	if (!to)
		return;
	if (len > 0)
		memcpy(to, data, len);
	sb->len += len;
	sb->buf[sb->len] = '\0';
}

void strbuf_addstr(struct strbuf *sb, const char *s)
{
	strbuf_add(sb, s, strlen(s));
}

void strbuf_addch(struct strbuf *sb, char c)
{
	strbuf_add(sb, &c, 1);
}

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap, again;
	char *to;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	to = n < 0 ? NULL : strbuf_reserve(sb, (size_t)n);
	if (to) {
		(void)vsnprintf(to, (size_t)n + 1, fmt, again);
		sb->len += (size_t)n;
	}
	va_end(again);
}

void strbuf_addprintable(struct strbuf *sb, const char *s, size_t most)
{
	for (size_t i = 0; s[i]; i++) {
		unsigned char c = (unsigned char)s[i];

		if (i >= most) {
			strbuf_addstr(sb, "...");
			return;
		}
		if (c < 0x20 || c == 0x7f)
			strbuf_addf(sb, "\\x%02x", (unsigned)c);
		else
			strbuf_addch(sb, s[i]);
	}
}

void strbuf_clear(struct strbuf *sb)
{
	sb->len = 0;
	sb->failed = false;
	if (sb->buf)
		sb->buf[0] = '\0';
}

void strbuf_release(struct strbuf *sb)
{
	free(sb->buf);
	*sb = STRBUF_INIT(sb->max);
}

char *strbuf_detach(struct strbuf *sb)
{
	char *out = sb->buf ? sb->buf : xstrdup("");

	*sb = STRBUF_INIT(sb->max);
	return out;
}
