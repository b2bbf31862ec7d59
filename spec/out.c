#include "spec/out.h"

#include <stdlib.h>
#include <string.h>

void out_bytes(struct out *out, const char *bytes, size_t n)
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

void out_text(struct out *out, const char *text)
{
	out_bytes(out, text, strlen(text));
}

void out_times(struct out *out, char c, size_t n)
{
	for (; n > 0; n--)
		out_bytes(out, &c, 1);
}

void out_json(struct out *out, const char *text)
{
	for (; *text; text++)
		out_bytes(out, *text == '\'' ? "\"" : text, 1);
}

void out_json_string(struct out *out, const char *text)
{
	static const char hex[] = "0123456789abcdef";

	out_text(out, "\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		char escape[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

		if (c == '"' || c == '\\')
			out_text(out, "\\");
		if (c < 0x20 || c == 0x7f)
			out_bytes(out, escape, sizeof escape);
		else
			out_bytes(out, text, 1);
	}
	out_text(out, "\"");
}
