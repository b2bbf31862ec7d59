/*
 * Asks for a public dataset, for a driver that kills it or lets it fail:
 *
 *	fetch_public HOME CATALOG NAME
 */
#include <stdio.h>

#include "dataset/public.h"

static int catalog_path(void *arg, const char **ret_path, struct error *err)
{
	(void)err;
	*ret_path = arg;
	return 0;
}

int main(int argc, char **argv)
{
	struct datasets_public how = { .catalog = catalog_path, .fetch = true };
	struct datasets *d = NULL;
	struct dataset_version v;
	struct error err = { 0 };
	int rc;

	if (argc != 4)
		return 2;
	how.arg = argv[2];
	rc = datasets_open(argv[1], &d, &err);
	if (rc == 0) {
		datasets_use_public(d, &how);
		rc = datasets_resolve(d, argv[3], &v, &err);
	}
	datasets_close(d);
	if (rc < 0)
		(void)fprintf(stderr, "%s\n", err.msg);
	return rc < 0;
}
