#include "spec/utf8.h"

struct range {
	uint32_t first, last;
};

/* The blocks of the Unicode tables (EastAsianWidth W and F, categories Mn and Me) that matter for
 * putting a caret; the rest counts as one column. */
static const struct range wide[] = {
	{ 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x23e9, 0x23ec },   { 0x2614, 0x2615 },
	{ 0x2648, 0x2653 },   { 0x26a1, 0x26a1 },   { 0x2705, 0x2705 },   { 0x274c, 0x274c },
	{ 0x2753, 0x2755 },   { 0x2795, 0x2797 },   { 0x2e80, 0x303e },   { 0x3041, 0x33ff },
	{ 0x3400, 0x4dbf },   { 0x4e00, 0x9fff },   { 0xa000, 0xa4cf },   { 0xa960, 0xa97f },
	{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },
	{ 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff },
	{ 0x20000, 0x3fffd },
};

static const struct range combining[] = {
	{ 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x064b, 0x065f },
	{ 0x0e34, 0x0e3a }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x200b, 0x200f },
	{ 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xe0100, 0xe01ef },
};

static int is_in(const struct range *ranges, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return 1;
	return 0;
}

unsigned utf8_width(uint32_t c)
{
	if (c < 0x300)
		return 1;
	if (is_in(combining, sizeof(combining) / sizeof(*combining), c))
		return 0;
	return is_in(wide, sizeof(wide) / sizeof(*wide), c) ? 2 : 1;
}

uint32_t utf8_decode(const char *text, size_t len, size_t *ret_size)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)text[0];
	size_t size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	uint32_t c = first;

	*ret_size = 1;
	if (size == 1)
		return c;
	if (first < 0xc2 || first > 0xf4 || size > len)
		return UINT32_MAX;
	c = first & (0x7fU >> size);
	for (size_t i = 1; i < size; i++) {
		unsigned char byte = (unsigned char)text[i];

		if ((byte & 0xc0) != 0x80)
			return UINT32_MAX;
		c = c << 6 | (byte & 0x3fU);
	}
	if (c < least[size] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return UINT32_MAX;
	*ret_size = size;
	return c;
}

size_t utf8_line_break(const char *text, size_t len)
{
	unsigned char a = (unsigned char)text[0];
	unsigned char b = len > 1 ? (unsigned char)text[1] : 0;
	unsigned char c = len > 2 ? (unsigned char)text[2] : 0;

	if (a == '\n')
		return 1;
	if (a == '\r')
		return b == '\n' ? 2 : 1;
	if (a == 0xc2 && b == 0x85)
		return 2;
	return a == 0xe2 && b == 0x80 && (c == 0xa8 || c == 0xa9) ? 3 : 0;
}

/* Line breaks begin with one of four bytes; the rest is skipped over fast. */
size_t utf8_line_end(const char *text, size_t len, size_t at)
{
	for (; at < len; at++) {
		unsigned char c = (unsigned char)text[at];

		if ((c == '\n' || c == '\r' || c == 0xc2 || c == 0xe2) &&
		    utf8_line_break(text + at, len - at))
			break;
	}
	return at;
}
