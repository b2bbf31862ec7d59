/*
 * Deletes a version with its tags and collects the garbage, and says how far it has come, for a
 * driver that kills it or lets it fail:
 *
 *	delete_version HOME DATASET:VERSION
 *
 * Without a colon the whole dataset.  It prints `deleted` and `collected`, each once it is so.
 */
#include <stdio.h>
#include <string.h>

#include "dataset/dataset.h"

static bool nobody_is_dead(void *arg, const char *run)
{
	(void)arg;
	(void)run;
	return false;
}

static void say(const char *what)
{
	(void)puts(what);
	(void)fflush(stdout);
}

static int drop(struct datasets *d, const char *ref, struct error *err)
{
	struct dataset_version v;
	struct dataset dataset;
	int rc;

	if (strchr(ref, ':')) {
		rc = datasets_resolve(d, ref, &v, err);
		return rc < 0 ? rc : datasets_delete_version(d, &v, DATASET_DELETE_TAGS, err);
	}
	rc = datasets_find(d, ref, &dataset, err);
	return rc < 0 ? rc : datasets_delete(d, &dataset, DATASET_DELETE_TAGS, err);
}

static int delete_and_collect(struct datasets *d, const char *ref, struct error *err)
{
	const struct datasets_gc_how how = { .is_dead = nobody_is_dead };
	struct datasets_gc_result result;
	int rc = drop(d, ref, err);

	if (rc < 0)
		return rc;
	say("deleted");
	rc = datasets_gc(d, &how, &result, err);
	if (rc == 0)
		say("collected");
	return rc;
}

int main(int argc, char **argv)
{
	struct datasets *d = NULL;
	struct error err = { 0 };
	int rc;

	if (argc != 3)
		return 2;
	rc = datasets_open(argv[1], &d, &err);
	if (rc == 0)
		rc = delete_and_collect(d, argv[2], &err);
	datasets_close(d);
	if (rc < 0)
		(void)fprintf(stderr, "%s\n", err.msg);
	return rc < 0;
}
