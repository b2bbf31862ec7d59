/* Names of images: what is accepted has one full form, which is accepted too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	AUTO_REFERENCE struct reference ref = { 0 }, again = { 0 };
	AUTO_FREE char *full = NULL, *twice = NULL;
	struct error err;

	if (reference_parse(text, &ref, &err) != 0)
		return 0;
	full = reference_format(&ref);
	if (reference_parse(full, &again, &err) != 0)
		abort();
	twice = reference_format(&again);
	if (strcmp(full, twice) != 0)
		abort();
	return 0;
}
