/* Notes of directories: their digest is made right, so that what they say is looked at. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/seen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The paths are those that the input itself may hold, in the order of a walk. */
static void ask(struct seen *seen)
{
	static const char *const paths[] = { "a", "a/b", "b", "bb", "c" };

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		size_t at = seen_find(seen, paths[i]);

		if (at > 0 && seen_at(seen, at).path_len != strlen(paths[i]))
			abort();
	}
	if (seen->at > seen->len)
		abort();
	(void)seen_is_at_end(seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = sizeof SEEN_MAGIC + size + sizeof(struct digest);
	uint8_t *text = malloc(len);
	struct digest digest;
	struct seen seen;

	if (!text)
		abort();
	memcpy(text, SEEN_MAGIC, sizeof SEEN_MAGIC);
	memcpy(text + sizeof SEEN_MAGIC, data, size);
	digest = digest_of(text, len - sizeof digest);
	memcpy(text + len - sizeof digest, &digest, sizeof digest);
	if (!seen_parse(text, len, &seen))
		abort();
	ask(&seen);
	free(text);
	return 0;
}
