#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/out.h"
#include "spec/spec.h"
#include "spec/utf8.h"

enum {
	SHOWN_MAX = 74,    /* columns of the source line: with "..." on both sides 80 */
	SHOWN_BEFORE = 40, /* of them before the place, when the line is cut */
	TAB_COLUMNS = 8,   /* at most */
};

/* The size of the character at AT, or 0 at its line's end. */
static size_t character_size(const struct spec_text *s, size_t at)
{
	unsigned char c = at < s->len ? (unsigned char)s->text[at] : '\n';
	size_t size = 1;

	if (c >= 0x20 && c < 0x7f)
		return 1;
	if (at == s->len || utf8_line_break(s->text + at, s->len - at))
		return 0;
	(void)utf8_decode(s->text + at, s->len - at, &size);
	return size;
}

static void rewind_source(struct spec_text *s)
{
	bool has_mark = s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0;

	s->line = 1;
	s->line_at = s->at = has_mark ? 3 : 0;
	s->skipped = 0;
}

/* False if the text has no such line. */
static bool seek_line(struct spec_text *s, uint32_t line)
{
	if (s->line == 0 || line < s->line)
		rewind_source(s);
	while (s->line < line) {
		size_t end = utf8_line_end(s->text, s->len, s->at);

		if (end == s->len)
			return false;
		s->line_at = s->at = end + utf8_line_break(s->text + end, s->len - end);
		s->skipped = 0;
		s->line++;
	}
	return true;
}

/* To the character after N others of the line, or to its end. */
static void seek_character(struct spec_text *s, size_t n)
{
	if (n < s->skipped) {
		s->at = s->line_at;
		s->skipped = 0;
	}
	for (size_t size = 0; s->skipped < n && (size = character_size(s, s->at)) > 0; s->skipped++)
		s->at += size;
}

/* One character of the source as it is shown. */
struct cell {
	char text[16];
	unsigned width; /* columns on the screen */
	bool is_tab;
};

/* SIZE is the character's. */
static struct cell cell_at(const struct spec_text *s, size_t at, size_t size)
{
	struct cell cell = { .width = 1 };
	size_t decoded = 0;
	uint32_t c = utf8_decode(s->text + at, s->len - at, &decoded);

	cell.is_tab = c == '\t';
	if (c == UINT32_MAX || (utf8_is_control(c) && !cell.is_tab)) {
		unsigned shown = c == UINT32_MAX ? (unsigned char)s->text[at] : c;

		cell.width = (unsigned)snprintf(cell.text, sizeof(cell.text), "\\x%02x", shown);
		return cell;
	}
	memcpy(cell.text, s->text + at, size);
	cell.width = cell.is_tab ? TAB_COLUMNS : utf8_width(c);
	return cell;
}

/* Columns of at most N characters from AT on; stops beyond MOST. */
static size_t columns_of(const struct spec_text *s, size_t at, size_t n, size_t most)
{
	size_t columns = 0;

	for (size_t size = 0; n > 0 && columns <= most; n--, at += size) {
		size = character_size(s, at);
		if (size == 0)
			break;
		columns += cell_at(s, at, size).width;
	}
	return columns;
}

/* A character of the line: how many stand before it, and its offset. */
struct spot {
	size_t i, at;
};

/* Where the part of the line begins that is shown of a place after BEGIN characters. */
static struct spot find_excerpt(struct spec_text *s, size_t begin)
{
	struct spot spot = { 0, s->line_at };

	if (columns_of(s, s->line_at, SIZE_MAX, SHOWN_MAX) <= SHOWN_MAX ||
	    columns_of(s, s->line_at, begin, SHOWN_BEFORE) <= SHOWN_BEFORE)
		return spot;
	seek_character(s, begin > SHOWN_BEFORE ? begin - SHOWN_BEFORE : 0);
	spot = (struct spot){ s->skipped, s->at };
	while (spot.i < begin &&
	       columns_of(s, spot.at, begin - spot.i, SHOWN_BEFORE) > SHOWN_BEFORE) {
		spot.at += character_size(s, spot.at);
		spot.i++;
	}
	return spot;
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
		out_times(&caret->out, cell->is_tab ? '\t' : ' ', cell->is_tab ? 1 : cell->width);
	} else if (i < caret->end && cell->width > 0) {
		out_times(&caret->out, caret->is_drawn ? '~' : '^', 1);
		out_times(&caret->out, '~', cell->is_tab ? 0 : cell->width - 1);
		caret->is_drawn = true;
	}
}

static void put_excerpt(struct out *out, const struct spec_diag *diag, struct spec_text *s)
{
	struct caret caret = { .begin = diag->at.column ? diag->at.column - 1 : 0 };
	struct spot spot = find_excerpt(s, caret.begin);
	size_t columns = 0, size = 0;

	caret.end = caret.begin + diag->width;
	if (spot.i > 0) {
		out_text(out, "...");
		out_text(&caret.out, "   ");
	}
	for (; (size = character_size(s, spot.at)) > 0; spot.i++, spot.at += size) {
		struct cell cell = cell_at(s, spot.at, size);

		columns += cell.width;
		if (columns > SHOWN_MAX)
			break;
		out_text(out, cell.text);
		underline(&caret, spot.i, &cell);
	}
	out_text(out, size > 0 ? "...\n" : "\n");
	out_text(&caret.out, caret.is_drawn ? "\n" : "^\n");
	if (caret.out.text)
		out_text(out, caret.out.text);
	out->failed = out->failed || caret.out.failed;
	free(caret.out.text);
}

char *spec_diag_format(struct spec_text *source, const struct spec_diag *diag)
{
	static const char *const severities[] = {
		[SPEC_ERROR] = "error",
		[SPEC_WARNING] = "warning",
	};
	struct out out = { .text = NULL };
	char place[64];

	(void)snprintf(place, sizeof(place), ":%u:%u: %s: ", diag->at.line, diag->at.column,
	               severities[diag->severity]);
	out_text(&out, source->file);
	out_text(&out, place);
	out_text(&out, diag->message);
	out_text(&out, "\n");
	if (seek_line(source, diag->at.line) && character_size(source, source->line_at) > 0)
		put_excerpt(&out, diag, source);
	if (diag->hint) {
		out_text(&out, "  hint: ");
		out_text(&out, diag->hint);
		out_text(&out, "\n");
	}
	if (!out.failed)
		return out.text;
	free(out.text);
	return NULL;
}
