/* Whatever a server says it wants, it is read without harm, and a reading can be used. */
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "image/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CHALLENGE struct challenge c = { 0 };
	AUTO_FREE char *header = xstrndup((const char *)data, size);

	challenge_add(&c, header);
	if (c.scheme == CHALLENGE_BEARER && !c.realm)
		abort();
	if (c.scheme == CHALLENGE_NONE && (c.realm || c.service || c.scope))
		abort();
	return 0;
}
