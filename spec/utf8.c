#include "spec/utf8.h"

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

bool utf8_is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
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
