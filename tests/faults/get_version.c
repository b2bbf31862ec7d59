/*
 * Copies the files of a version out, for a driver that kills it or lets it fail:
 *
 *	get_version HOME DATASET:VERSION TARGET
 */
#include <stdio.h>

#include "dataset/dataset.h"

int main(int argc, char **argv)
{
	struct datasets *d = NULL;
	struct dataset_version v;
	struct error err = { 0 };
	int rc;

	if (argc != 4)
		return 2;
	rc = datasets_open(argv[1], &d, &err);
	if (rc == 0)
		rc = datasets_resolve(d, argv[2], &v, &err);
	if (rc == 0)
		rc = datasets_get(d, &v, "/", argv[3], NULL, &err);
	datasets_close(d);
	if (rc < 0)
		(void)fprintf(stderr, "%s\n", err.msg);
	return rc < 0;
}
