/*
 * Commits three empty versions together, two of them of one dataset, for a driver that kills it or
 * lets it fail:
 *
 *	commit_group HOME
 *
 * It prints `committed` once they are.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "dataset/dataset.h"

enum { N = 3 };

static int commit(struct datasets *d, struct error *err)
{
	static const char *const names[N] = { "b", "a", "b" };
	struct dataset_version v[N];
	struct dataset_commit c[N];
	struct dataset dataset;
	int rc = 0;

	for (int i = 0; rc == 0 && i < N; i++) {
		c[i] = (struct dataset_commit){ .version = &v[i], .lock = -1 };
		rc = datasets_find(d, names[i], &dataset, err);
		if (rc == 0)
			rc = datasets_open_version(d, &dataset, NULL, NULL, &v[i], err);
		if (rc == 0)
			rc = datasets_commit_bytes(d, &v[i], NULL, NULL, &c[i].info, &c[i].lock,
			                           err);
	}
	return rc < 0 ? rc : datasets_commit_records(d, c, N, NULL, err);
}

int main(int argc, char **argv)
{
	struct datasets *d = NULL;
	struct error err = { 0 };
	int rc;

	if (argc != 2)
		return 2;
	rc = datasets_open(argv[1], &d, &err);
	if (rc == 0)
		rc = commit(d, &err);
	if (rc == 0)
		(void)puts("committed");
	datasets_close(d);
	if (rc < 0)
		(void)fprintf(stderr, "%s\n", err.msg);
	return rc < 0;
}
