/*
 * Makes a version, and says how far it has come, for a driver that kills it or lets it fail:
 *
 *	commit_version HOME DATASET put|take DIRECTORY
 *
 * `put` puts a copy of DIRECTORY into the version and commits that, `take` commits DIRECTORY
 *itself. It prints `opened VERSION`, `filled VERSION` and `committed VERSION`, each once it is so.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "dataset/dataset.h"

static void say(const char *what, const struct dataset_version *v)
{
	(void)printf("%s %s\n", what, v->id);
	(void)fflush(stdout);
}

static int commit(struct datasets *d, char **argv, struct error *err)
{
	bool put = strcmp(argv[3], "put") == 0;
	AUTO_FREE char *content = xasprintf("%s/", argv[4]);
	struct dataset dataset;
	struct dataset_version v;
	int rc = datasets_find(d, argv[2], &dataset, err);

	if (rc == 0)
		rc = datasets_open_version(d, &dataset, NULL, NULL, &v, err);
	if (rc < 0)
		return rc;
	say("opened", &v);
	if (put)
		rc = datasets_put(d, &v, content, "/", err);
	if (rc < 0)
		return rc;
	say("filled", &v);
	rc = datasets_commit(d, &v, put ? NULL : argv[4], NULL, err);
	if (rc == 0)
		say("committed", &v);
	return rc;
}

int main(int argc, char **argv)
{
	struct datasets *d = NULL;
	struct error err = { 0 };
	int rc;

	if (argc != 5)
		return 2;
	rc = datasets_open(argv[1], &d, &err);
	if (rc == 0)
		rc = commit(d, argv, &err);
	datasets_close(d);
	if (rc < 0)
		(void)fprintf(stderr, "%s\n", err.msg);
	return rc < 0;
}
