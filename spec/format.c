#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/spec.h"
#include "spec/utf8.h"

enum {
	SHOWN_MAX = 100,   /* characters of the source line */
	SHOWN_BEFORE = 60, /* of them before the place, when the line is cut */
};

struct out {
	char *text; /* NULL until something is there */
	size_t len, capacity;
	bool failed;
};

static void put(struct out *out, const char *bytes, size_t n)
{
	if (out->failed)
		return;
	if (n >= out->capacity - out->len) {
		size_t capacity = 2 * (out->len + n) + 128;
		char *text = realloc(out->text, capacity);

		if (!text) {
			out->failed = true;
			return;
		}
		out->text = text;
		out->capacity = capacity;
	}
	memcpy(out->text + out->len, bytes, n);
	out->len += n;
	out->text[out->len] = '\0';
}

static void put_text(struct out *out, const char *text)
{
	put(out, text, strlen(text));
}

static void put_times(struct out *out, char c, size_t n)
{
	for (; n > 0; n--)
		put(out, &c, 1);
}

struct view {
	const char *text;
	size_t len;
};

static struct view without_mark(const char *text, size_t len)
{
	bool has_mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;

	return has_mark ? (struct view){ text + 3, len - 3 } : (struct view){ text, len };
}

/* From the line's first character to the text's end: one line may be nearly all of the text, and
 * only what is shown of it gets looked at. */
static bool find_line(struct view v, uint32_t line, struct view *ret_rest)
{
	size_t at = 0;

	for (uint32_t i = 1; i < line; i++) {
		at = utf8_line_end(v.text, v.len, at);
		if (at == v.len)
			return false;
		at += utf8_line_break(v.text + at, v.len - at);
	}
	*ret_rest = (struct view){ v.text + at, v.len - at };
	return true;
}

/* The size of the character at AT, or 0 at the line's end. */
static size_t character_size(struct view rest, size_t at)
{
	unsigned char c = at < rest.len ? (unsigned char)rest.text[at] : '\n';
	size_t size = 1;

	if (c >= 0x20 && c < 0x7f)
		return 1;
	if (at == rest.len || utf8_line_break(rest.text + at, rest.len - at))
		return 0;
	(void)utf8_decode(rest.text + at, rest.len - at, &size);
	return size;
}

/* Steps over at most N characters of the line and says over how many. */
static size_t skip_characters(struct view rest, size_t n, size_t *ret_skipped)
{
	size_t at = 0, i = 0;

	for (size_t size = 0; i < n && (size = character_size(rest, at)) > 0; i++)
		at += size;
	*ret_skipped = i;
	return at;
}

/* One character of the source as it is shown. */
struct cell {
	char text[16];
	unsigned width; /* columns on the screen; a tab's is not known */
	bool is_tab;
};

static struct cell cell_at(struct view line, size_t at)
{
	struct cell cell = { .width = 1 };
	size_t size = 0;
	uint32_t c = utf8_decode(line.text + at, line.len - at, &size);

	cell.is_tab = c == '\t';
	if (c == UINT32_MAX || (c < 0x20 && !cell.is_tab) || (c >= 0x7f && c < 0xa0)) {
		unsigned shown = c == UINT32_MAX ? (unsigned char)line.text[at] : c;

		cell.width = (unsigned)snprintf(cell.text, sizeof(cell.text), "\\x%02x", shown);
		return cell;
	}
	memcpy(cell.text, line.text + at, size);
	if (!cell.is_tab)
		cell.width = utf8_width(c);
	return cell;
}

/* The caret's line, built while the source line is. */
struct caret {
	struct out out;
	size_t begin, end; /* characters of the line, from 0 */
	bool is_drawn;     /* the '^' is */
};

static void underline(struct caret *caret, size_t i, const struct cell *cell)
{
	if (i < caret->begin) {
		put_times(&caret->out, cell->is_tab ? '\t' : ' ', cell->width);
	} else if (i < caret->end) {
		put_times(&caret->out, caret->is_drawn ? '~' : '^', cell->width > 0);
		caret->is_drawn = caret->is_drawn || cell->width > 0;
		put_times(&caret->out, '~', cell->width > 1 ? cell->width - 1 : 0);
	}
}

static void put_excerpt(struct out *out, const struct spec_diag *diag, struct view line)
{
	struct caret caret = { .begin = diag->at.column ? diag->at.column - 1 : 0 };
	size_t first = 0, at = 0, size = 0;

	caret.end = caret.begin + diag->width;
	(void)skip_characters(line, SHOWN_MAX + 1, &first);
	if (first > SHOWN_MAX && caret.begin > SHOWN_BEFORE)
		at = skip_characters(line, caret.begin - SHOWN_BEFORE, &first);
	else
		first = 0;
	if (first > 0) {
		put_text(out, "...");
		put_text(&caret.out, "   ");
	}
	for (size_t i = first; i < first + SHOWN_MAX; i++, at += size) {
		struct cell cell;

		size = character_size(line, at);
		if (size == 0)
			break;
		cell = cell_at(line, at);
		put_text(out, cell.text);
		underline(&caret, i, &cell);
	}
	put_text(out, character_size(line, at) > 0 ? "...\n" : "\n");
	put_text(&caret.out, caret.is_drawn ? "\n" : "^\n");
	if (caret.out.text)
		put_text(out, caret.out.text);
	out->failed = out->failed || caret.out.failed;
	free(caret.out.text);
}

char *spec_diag_format(const struct spec_diag *diag, const char *file, const char *text, size_t len)
{
	static const char *const severities[] = {
		[SPEC_ERROR] = "error",
		[SPEC_WARNING] = "warning",
	};
	struct out out = { .text = NULL };
	struct view line;
	char place[64];

	(void)snprintf(place, sizeof(place), ":%u:%u: %s: ", diag->at.line, diag->at.column,
	               severities[diag->severity]);
	put_text(&out, file);
	put_text(&out, place);
	put_text(&out, diag->message);
	put_text(&out, "\n");
	if (find_line(without_mark(text, len), diag->at.line, &line) && character_size(line, 0) > 0)
		put_excerpt(&out, diag, line);
	if (diag->hint) {
		put_text(&out, "  hint: ");
		put_text(&out, diag->hint);
		put_text(&out, "\n");
	}
	if (!out.failed)
		return out.text;
	free(out.text);
	return NULL;
}
