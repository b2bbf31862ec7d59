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
