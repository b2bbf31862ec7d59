#include "cli/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/xalloc.h"
#include "spec/utf8.h"

enum {
	CUT_LEAST = 12, /* a column that may shrink keeps so many */
	DOTS = 3,
	UTF8_MOST = 4, /* bytes of a character */
};

void text_add_safe(struct strbuf *sb, const char *s, size_t len)
{
	while (len > 0) {
		size_t n = 1;
		uint32_t u = utf8_decode(s, len, &n);
		bool safe = u != UINT32_MAX && !utf8_is_control(u);

		if (safe)
			strbuf_add(sb, s, n);
		for (size_t i = 0; !safe && i < n; i++)
			strbuf_addf(sb, "\\x%02x", (unsigned)(unsigned char)s[i]);
		s += n;
		len -= n;
	}
}

void text_add_utf8(struct strbuf *sb, const char *s, size_t len)
{
	while (len > 0) {
		size_t n = 1;
		uint32_t u = utf8_decode(s, len, &n);

		if (u == 0 || u == UINT32_MAX)
			strbuf_addstr(sb, "\xef\xbf\xbd");
		else
			strbuf_add(sb, s, n);
		s += n;
		len -= n;
	}
}

/* Length of a colour sequence (ECMA-48 SGR: ESC [ digits and ';' m) at s, or 0. */
static size_t colour_length(const char *s, size_t len)
{
	size_t n = 2;

	if (len < 3 || s[0] != '\x1b' || s[1] != '[')
		return 0;
	while (n < len && ((s[n] >= '0' && s[n] <= '9') || s[n] == ';'))
		n++;
	return n < len && s[n] == 'm' ? n + 1 : 0;
}

static bool is_colour_end(const char *s, size_t len)
{
	return len == 3 || (len == 4 && s[2] == '0');
}

void text_skip_overwritten(const char **s, size_t *len)
{
	const char *overwritten;

	while (*len > 0 && (*s)[*len - 1] == '\r')
		--*len;
	overwritten = memrchr(*s, '\r', *len);
	if (overwritten) {
		*len -= (size_t)(overwritten + 1 - *s);
		*s = overwritten + 1;
	}
}

void text_add_log(struct strbuf *sb, const char *s, size_t len, bool colours)
{
	bool coloured = false;

	text_skip_overwritten(&s, &len);
	while (len > 0) {
		size_t colour = colour_length(s, len);
		size_t as_is = s[0] == '\t' ? 1 : colour;
		size_t safe = 0;

		if (colour == 0 || colours)
			strbuf_add(sb, s, as_is);
		if (colour > 0)
			coloured = colours && !is_colour_end(s, colour);
		s += as_is;
		len -= as_is;
		while (safe < len && s[safe] != '\t' && colour_length(s + safe, len - safe) == 0)
			safe++;
		text_add_safe(sb, s, safe);
		s += safe;
		len -= safe;
	}
	if (coloured)
		strbuf_addstr(sb, "\x1b[0m");
}

static char *safe_copy(const char *s)
{
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	text_add_safe(&sb, s, strlen(s));
	return strbuf_detach(&sb);
}

int text_put_safe(const char *s, FILE *to)
{
	char *safe = safe_copy(s);
	int rc = fputs(safe, to);

	free(safe);
	return rc;
}

bool text_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (value && value[0]) /* the first that is set decides */
			return strcasestr(value, "UTF-8") || strcasestr(value, "UTF8");
	}
	return false;
}

/* Columns of the longest beginning that fits `most`, and its bytes. */
static size_t width_within(const char *s, size_t most, size_t *ret_bytes)
{
	size_t len = strlen(s);
	size_t columns = 0;
	size_t at = 0;

	while (at < len) {
		size_t n = 1;
		uint32_t u = utf8_decode(s + at, len - at, &n);
		size_t w = u == UINT32_MAX ? 1 : utf8_width(u);

		if (w > most - columns)
			break;
		columns += w;
		at += n;
	}
	*ret_bytes = at;
	return columns;
}

size_t text_width(const char *s)
{
	size_t bytes;

	return width_within(s, SIZE_MAX, &bytes);
}

size_t text_add_fit(struct strbuf *sb, const char *s, size_t most)
{
	size_t bytes;
	size_t columns = width_within(s, most, &bytes);

	if (!s[bytes]) {
		strbuf_add(sb, s, bytes);
		return columns;
	}
	columns = width_within(s, most > DOTS ? most - DOTS : 0, &bytes);
	strbuf_add(sb, s, bytes);
	strbuf_add(sb, "...", most < DOTS ? most : DOTS);
	return columns + (most < DOTS ? most : DOTS);
}

size_t text_add_name_fit(struct strbuf *sb, const char *s, size_t most)
{
	size_t len = strlen(s);
	size_t tail = most > DOTS ? (most - DOTS) / 2 : 0;
	size_t bytes, columns;
	const char *end;

	if (tail == 0 || text_width(s) <= most)
		return text_add_fit(sb, s, most);
	columns = width_within(s, most - DOTS - tail, &bytes);
	strbuf_add(sb, s, bytes);
	end = len - bytes > UTF8_MOST * tail ? s + len - UTF8_MOST * tail : s + bytes;
	while (((unsigned char)*end & 0xc0) == 0x80 || text_width(end) > tail)
		end++;
	strbuf_addf(sb, "...%s", end);
	return columns + DOTS + text_width(end);
}

const char *text_size(uint64_t bytes, char buf[TEXT_SIZE_LEN])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024) {
		(void)snprintf(buf, TEXT_SIZE_LEN, "%" PRIu64 " B", bytes);
		return buf;
	}
	/* 1023.95 and more would be shown as 1024.0. */
	for (value /= 1024; value >= 1023.95 && unit < 5; unit++)
		value /= 1024;
	(void)snprintf(buf, TEXT_SIZE_LEN, "%.1f %s", value, units[unit]);
	return buf;
}

const char *text_duration(int64_t ms, char buf[TEXT_SIZE_LEN])
{
	int64_t tenths = ms < 0 ? 0 : ms / 100;
	int64_t s = tenths / 10;

	if (s < 1)
		(void)snprintf(buf, TEXT_SIZE_LEN, "%" PRId64 "ms", ms < 0 ? 0 : ms);
	else if (s < 60)
		(void)snprintf(buf, TEXT_SIZE_LEN, "%" PRId64 ".%" PRId64 "s", s, tenths % 10);
	else if (s < 3600)
		(void)snprintf(buf, TEXT_SIZE_LEN, "%" PRId64 "m %02" PRId64 "s", s / 60, s % 60);
	else
		(void)snprintf(buf, TEXT_SIZE_LEN, "%" PRId64 "h %02" PRId64 "m", s / 3600,
		               s / 60 % 60);
	return buf;
}

const char *text_time(int64_t wall_ms, char buf[TEXT_TIME_LEN])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm = { 0 };

	if (wall_ms <= 0 || !gmtime_r(&seconds, &tm) ||
	    strftime(buf, TEXT_TIME_LEN, "%Y-%m-%d %H:%MZ", &tm) == 0)
		buf[0] = '\0';
	return buf;
}

void text_table_add(struct text_table *t, const char *const *cells)
{
	for (size_t i = 0; i < t->columns; i++) {
		t->cell = xgrow(t->cell, t->n, &t->cap, sizeof *t->cell);
		t->cell[t->n++] = safe_copy(cells[i] ? cells[i] : "");
	}
}

static size_t table_width(const struct text_table *t, const size_t *width)
{
	size_t total = 1;

	for (size_t i = 0; i < t->columns; i++)
		total += width[i] > 0 ? width[i] + 3 : 0;
	return total;
}

static bool may_shrink(const struct text_table *t, size_t column)
{
	return (t->may_cut | t->may_wrap) >> column & 1;
}

static size_t least_width(const struct text_table *t, const size_t *width)
{
	size_t least = table_width(t, width);

	for (size_t i = 0; i < t->columns; i++)
		if (may_shrink(t, i) && width[i] > CUT_LEAST)
			least -= width[i] - CUT_LEAST;
	return least;
}

/* Takes from the widest column that may shrink until all fit, or nothing more can be taken. */
static void shrink(const struct text_table *t, size_t *width, size_t most)
{
	for (size_t total = table_width(t, width); total > most; total--) {
		size_t *widest = NULL;

		for (size_t i = 0; i < t->columns; i++)
			if (may_shrink(t, i) && width[i] > CUT_LEAST &&
			    (!widest || width[i] > *widest))
				widest = &width[i];
		if (!widest)
			return;
		(*widest)--;
	}
}

/* A column that is left out has no width. */
static void fit(const struct text_table *t, size_t *width, size_t most)
{
	for (const char *go = t->may_go; go && *go && least_width(t, width) > most; go++)
		width[*go - '0'] = 0;
	shrink(t, width, most);
}

static void put_rule(const struct text_table *t, const size_t *width)
{
	const char *edge = "+-";

	for (size_t i = 0; i < t->columns; i++) {
		if (width[i] == 0)
			continue;
		(void)fputs(edge, stdout);
		edge = "-+-";
		for (size_t j = 0; j < width[i]; j++)
			(void)fputc('-', stdout);
	}
	(void)fputs("-+\n", stdout);
}

/* Adds what one line holds of *at, up to its last blank where there is one, and moves behind it. */
static size_t add_piece(struct strbuf *sb, const char **at, size_t width)
{
	const char *s = *at;
	size_t bytes;
	size_t columns = width_within(s, width, &bytes);
	size_t blank = bytes;

	if (s[bytes]) {
		while (blank > 0 && s[blank] != ' ')
			blank--;
		if (blank > 0) {
			columns -= bytes - blank;
			bytes = blank;
		}
	}
	strbuf_add(sb, s, bytes);
	*at = s + bytes + strspn(s + bytes, " ");
	return columns;
}

/* Puts one line of a cell and leaves in *at what is still to be put. */
static void put_cell(const char **at, size_t width, bool wraps)
{
	AUTO_STRBUF struct strbuf cell = STRBUF_INIT(STRBUF_BIG);
	size_t shown;

	if (wraps) {
		shown = add_piece(&cell, at, width);
	} else {
		shown = text_add_fit(&cell, *at, width);
		*at = "";
	}
	(void)fputs(strbuf_str(&cell), stdout);
	for (; shown < width; shown++)
		(void)fputc(' ', stdout);
}

static void put_row(const struct text_table *t, const size_t *width, size_t row)
{
	const char **at = xcalloc(t->columns, sizeof *at);
	bool more = true;

	for (size_t i = 0; i < t->columns; i++)
		at[i] = t->cell[row * t->columns + i];
	while (more) {
		const char *edge = "| ";

		more = false;
		for (size_t i = 0; i < t->columns; i++) {
			if (width[i] == 0)
				continue;
			(void)fputs(edge, stdout);
			edge = " | ";
			put_cell(&at[i], width[i], t->may_wrap >> i & 1);
			more = more || at[i][0];
		}
		(void)fputs(" |\n", stdout);
	}
	free(at);
}

void text_table_release(struct text_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cell[i]);
	free(t->cell);
	*t = TEXT_TABLE_INIT(t->columns);
}

void text_details_print(const struct cli *cli, struct text_table *t)
{
	size_t *width = xcalloc(t->columns, sizeof *width);

	assert(t->columns > 0);
	for (size_t i = 0; i < t->columns; i++)
		width[i] = 1;
	for (size_t i = 0; i < t->n; i++) {
		size_t w = text_width(t->cell[i]);

		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	if (cli->columns > 0)
		fit(t, width, cli->columns);
	put_rule(t, width);
	for (size_t row = 0; row < t->n / t->columns; row++) {
		put_row(t, width, row);
		if (row == 0)
			put_rule(t, width);
	}
	if (t->n > t->columns)
		put_rule(t, width);
	free(width);
	text_table_release(t);
}

void text_table_print(const struct cli *cli, struct text_table *t)
{
	if (t->n > t->columns) {
		text_details_print(cli, t);
		return;
	}
	(void)puts("No data found");
	text_table_release(t);
}

int text_end_list(const struct cli *cli, int rc, struct text_table *t, cJSON *array,
                  const struct error *err)
{
	if (rc == 0 && cli->json)
		cli_print_json(array);
	else
		cJSON_Delete(array);
	if (rc == 0 && !cli->json)
		text_table_print(cli, t);
	else
		text_table_release(t);
	return rc < 0 ? cli_fail(err) : CLI_OK;
}

/* Adds one line's words, broken where the next would pass the width. */
static void wrap_line(struct strbuf *sb, const char *line, size_t len, size_t indent, size_t width)
{
	size_t column = 0;

	while (len > 0) {
		size_t word = 0;

		while (word < len && line[word] != ' ')
			word++;
		if (column > 0 && column + 1 + word > width) {
			strbuf_addch(sb, '\n');
			column = 0;
		}
		if (column > 0)
			strbuf_addch(sb, ' ');
		else
			strbuf_addf(sb, "%*s", (int)indent, "");
		column = (column > 0 ? column + 1 : indent) + word;
		strbuf_add(sb, line, word);
		line += word;
		len -= word;
		while (len > 0 && line[0] == ' ') {
			line++;
			len--;
		}
	}
	strbuf_addch(sb, '\n');
}

void text_wrap(struct strbuf *sb, const char *text, size_t indent, size_t width)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (text[0] == ' ') {
			strbuf_add(sb, text, len);
			strbuf_addch(sb, '\n');
		} else {
			wrap_line(sb, text, len, indent, width);
		}
		text += len + (text[len] == '\n');
	}
}
