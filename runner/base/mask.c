#include "base/mask.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static const char MASK_TEXT[] = "***";

struct pattern {
	char *text;
	size_t len;
};

/* Patterns are sorted by their first byte; those of byte B are first[B] .. first[B + 1] - 1. */
struct mask {
	struct pattern *pattern;
	size_t len, cap;
	size_t first[257];
};

static void add(struct mask *m, const char *text, size_t len)
{
	if (len == 0)
		return;
	m->pattern = xgrow(m->pattern, m->len, &m->cap, sizeof *m->pattern);
	m->pattern[m->len++] = (struct pattern){ xstrndup(text, len), len };
}

static void add_lines(struct mask *m, const char *text)
{
	while (*text) {
		size_t line = strcspn(text, "\r\n");

		if (line >= MASK_LINE_MIN)
			add(m, text, line);
		text += line;
		text += strspn(text, "\r\n");
	}
}

static int by_first_byte(const void *a, const void *b)
{
	const struct pattern *pa = a, *pb = b;

	return (int)(unsigned char)pa->text[0] - (int)(unsigned char)pb->text[0];
}

struct mask *mask_new(const char *const *secrets)
{
	struct mask *m = xcalloc(1, sizeof *m);

	for (size_t i = 0; secrets && secrets[i]; i++) {
		add(m, secrets[i], strlen(secrets[i]));
		if (strpbrk(secrets[i], "\r\n"))
			add_lines(m, secrets[i]);
	}
	if (m->len > 0)
		qsort(m->pattern, m->len, sizeof *m->pattern, by_first_byte);
	for (size_t i = 0; i < m->len; i++)
		m->first[(size_t)(unsigned char)m->pattern[i].text[0] + 1]++;
	for (size_t b = 0; b < 256; b++)
		m->first[b + 1] += m->first[b];
	return m;
}

void mask_free(struct mask *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->len; i++) {
		explicit_bzero(m->pattern[i].text, m->pattern[i].len);
		free(m->pattern[i].text);
	}
	free(m->pattern);
	free(m);
}

/*
 * The end of the longest occurrence that begins at POS, or POS if none does.  *ret_open tells
 * that the text ends inside what may still become one.
 */
static size_t match(const struct mask *m, const char *text, size_t len, size_t pos, bool *ret_open)
{
	size_t byte = (unsigned char)text[pos];
	size_t end = pos;

	for (size_t i = m->first[byte]; i < m->first[byte + 1]; i++) {
		const struct pattern *p = &m->pattern[i];
		size_t there = len - pos < p->len ? len - pos : p->len;

		if (memcmp(text + pos, p->text, there) != 0)
			continue;
		if (there < p->len)
			*ret_open = true;
		else if (pos + p->len > end)
			end = pos + p->len;
	}
	return end;
}

static bool begins_pattern(const struct mask *m, char c)
{
	size_t byte = (unsigned char)c;

	return m->first[byte] != m->first[byte + 1];
}

/* Puts out what can be decided, and returns how much that was. */
static size_t decide(struct mask_stream *s, const char *text, size_t len, bool final)
{
	size_t plain = 0; /* text[plain .. pos - 1] is decided, shown, and not put out yet */
	size_t pos = 0;

	for (; pos < len; pos++) {
		if (begins_pattern(s->mask, text[pos])) {
			bool open = false;
			size_t end = match(s->mask, text, len, pos, &open);

			if (end > s->covered)
				s->covered = end;
			if (open && !final)
				break;
		}
		if (pos >= s->covered) {
			s->hiding = false;
			continue;
		}
		if (pos > plain)
			s->out(s->arg, text + plain, pos - plain);
		if (!s->hiding)
			s->out(s->arg, MASK_TEXT, sizeof MASK_TEXT - 1);
		s->hiding = true;
		plain = pos + 1;
	}
	if (pos > plain)
		s->out(s->arg, text + plain, pos - plain);
	s->covered -= pos < s->covered ? pos : s->covered;
	return pos;
}

static void hold(struct mask_stream *s, const char *data, size_t len)
{
	if (len > s->held_cap - s->held_len) {
		char *bigger = xmalloc(s->held_len + len);

		if (s->held_len > 0)
			memcpy(bigger, s->held, s->held_len);
		if (s->held)
			explicit_bzero(s->held, s->held_cap);
		free(s->held);
		s->held = bigger;
		s->held_cap = s->held_len + len;
	}
	memcpy(s->held + s->held_len, data, len);
	s->held_len += len;
}

void mask_feed(struct mask_stream *s, const char *data, size_t len)
{
	size_t done;

	if (len == 0)
		return;
	if (s->mask->len == 0) {
		s->out(s->arg, data, len);
		return;
	}
	if (s->held_len == 0) {
		done = decide(s, data, len, false);
		if (done < len)
			hold(s, data + done, len - done);
		return;
	}
	hold(s, data, len);
	done = decide(s, s->held, s->held_len, false);
	s->held_len -= done;
	memmove(s->held, s->held + done, s->held_len);
}

void mask_end(struct mask_stream *s)
{
	if (s->held_len > 0)
		(void)decide(s, s->held, s->held_len, true);
	if (s->held)
		explicit_bzero(s->held, s->held_cap);
	free(s->held);
	*s = MASK_STREAM_INIT(s->mask, s->out, s->arg);
}
