/* Lines of /proc/PID/mountinfo, whose paths anybody may have chosen. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct mountinfo m;
	const char *at = text;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	while (mountinfo_next(&at, &m))
		if (!memchr(m.root, '\0', sizeof m.root) ||
		    !memchr(m.point, '\0', sizeof m.point) ||
		    !memchr(m.type, '\0', sizeof m.type) || at > text + size)
			abort();
	free(text);
	return 0;
}
