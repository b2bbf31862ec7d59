/* The lists of objects that a server sends. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "loop/s3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *arg, const struct s3_object *o, struct error *err)
{
	(void)arg;
	(void)err;
	if (!o->key[0])
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err;
	char *next;
	int rc = s3_parse_list((const char *)data, size, look, NULL, &next, &err);

	if (rc != 0 && next)
		abort();
	free(next);
	return 0;
}
