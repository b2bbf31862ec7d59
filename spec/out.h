/* Text that grows while it is written; a failure sticks, and one look at the end is enough. */
#ifndef SPEC_OUT_H
#define SPEC_OUT_H

#include <stdbool.h>
#include <stddef.h>

struct out {
	char *text; /* NULL until something is there; the caller frees it */
	size_t len, capacity;
	bool failed; /* memory is gone */
};

void out_bytes(struct out *out, const char *bytes, size_t n);
void out_text(struct out *out, const char *text);
void out_times(struct out *out, char c, size_t n);

/* JSON that is written with ' for ". */
void out_json(struct out *out, const char *text);

/* In quotes, escaped. */
void out_json_string(struct out *out, const char *text);

#endif
