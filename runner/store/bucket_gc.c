#include "store/bucket_gc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "store/bucket_internal.h"

enum { BEGIN_MS = BUCKET_ROUND_MS / 3, ANNOUNCEMENT_DEAD_MS = 24 * 3600 * 1000 };

enum outcome { LEFT, GONE, YOUNG, REMOVED };

struct found {
	uint64_t size;
	enum outcome outcome; /* of a round */
};

struct bucket_gc {
	struct store *store;
	const struct bucket_gc_how *how;
	struct bucket bucket;    /* ... */
	struct bucket patient;   /* ... whose requests are tried more than once */
	struct bucket_line line; /* of `bucket` */
	struct marks needed;
	struct marks kept; /* of what was deleted a short while ago */
	/* What was found and nobody needs: of so many, names and what else is known of them. */
	struct mark name[BUCKET_SWEEP_MOST];
	struct found found[BUCKET_SWEEP_MOST];
	size_t n;
	int64_t announced_ms;
	struct first_error failed;
	struct bucket_gc_result result;
};

int bucket_gc_add_root(struct bucket_gc *gc, const struct digest *manifest, struct error *err)
{
	return bucket_mark(gc->store, &gc->patient, manifest, &gc->needed, err);
}

int bucket_gc_add_young(struct bucket_gc *gc, const struct digest *manifest, struct error *err)
{
	return bucket_mark(gc->store, &gc->patient, manifest, &gc->kept, err);
}

/* --- a round --------------------------------------------------------------------------------- */

/* By the wall clock, which goes on while the machine sleeps. */
static bool is_late(const struct bucket_gc *gc)
{
	int64_t since_ms = clock_wall_ms() - gc->announced_ms;

	return since_ms < 0 || since_ms > BEGIN_MS;
}

static int remove_if_old(struct bucket_gc *gc, struct asker *by, size_t i, struct error *err)
{
	AUTO_FREE char *key = bucket_key(&gc->bucket, gc->name[i].kind, &gc->name[i].digest);
	int64_t put_ms = 0;
	int rc = s3_look(&gc->bucket.s3, by, key, &put_ms, err);

	if (rc == SLUICE_NOT_FOUND)
		gc->found[i].outcome = GONE;
	if (rc < 0)
		return rc == SLUICE_NOT_FOUND ? 0 : rc;
	if (!put_ms || bucket_is_younger(put_ms, gc->how->grace_ms)) {
		gc->found[i].outcome = YOUNG;
		return 0;
	}
	if (is_late(gc))
		return 0;
	rc = s3_delete(&gc->bucket.s3, by, key, err);
	if (rc == 0)
		gc->found[i].outcome = REMOVED;
	return rc;
}

static int sweep_item(void *arg, void *state, size_t i)
{
	struct bucket_gc *gc = arg;
	struct error err = { 0 };
	struct asker *by = NULL;
	int rc;

	(void)state;
	if (is_late(gc))
		return 0;
	rc = bucket_line_take(&gc->line, &by, &err);
	if (rc == 0)
		rc = remove_if_old(gc, by, i, &err);
	bucket_line_give(&gc->line, by);
	return rc < 0 ? first_error_keep(&gc->failed, i, &err) : 0;
}

static void count(struct bucket_gc *gc, const struct found *f)
{
	if (f->outcome == REMOVED) {
		gc->result.objects++;
		gc->result.bytes += f->size;
	} else if (f->outcome == YOUNG) {
		gc->result.young++;
		gc->result.young_bytes += f->size;
	}
}

/* What there was no time for is of the next round. */
static void settle(struct bucket_gc *gc)
{
	size_t left = 0;

	for (size_t i = 0; i < gc->n; i++) {
		count(gc, &gc->found[i]);
		if (gc->found[i].outcome != LEFT)
			continue;
		gc->name[left] = gc->name[i];
		gc->found[left++] = gc->found[i];
	}
	gc->n = left;
}

static int sweep_round(struct bucket_gc *gc, struct asker *by, struct error *err)
{
	static const struct parallel_ops ops = { .item = sweep_item };
	AUTO_FREE char *key = NULL;
	struct error ignored;
	int rc;

	gc->announced_ms = clock_wall_ms();
	rc = bucket_sweep_begin(&gc->patient, by, gc->name, gc->n, &key, err);
	if (rc < 0)
		return rc;
	rc = parallel_run(gc->n, BUCKET_AT_ONCE, &ops, gc);
	if (rc != 0)
		*err = gc->failed.err;
	settle(gc);
	if (rc == 0)
		return s3_delete(&gc->patient.s3, by, key, err);
	(void)!s3_delete(&gc->patient.s3, by, key, &ignored);
	return rc;
}

static int sweep(struct bucket_gc *gc, struct error *err)
{
	struct asker *by = NULL;
	int rc = gc->n > 0 ? asker_new(&by, err) : 0;

	while (rc == 0 && gc->n > 0)
		rc = sweep_round(gc, by, err);
	asker_free(by);
	return rc;
}

/* --- what there is --------------------------------------------------------------------------- */

static int find(struct bucket_gc *gc, const struct mark *name, const struct s3_object *object,
                struct error *err)
{
	struct found f = { .size = object->size, .outcome = REMOVED };

	if (marks_has(&gc->needed, name->kind, &name->digest))
		return 0;
	if (!object->put_ms || bucket_is_younger(object->put_ms, gc->how->grace_ms) ||
	    marks_has(&gc->kept, name->kind, &name->digest))
		f.outcome = YOUNG;
	if (f.outcome == YOUNG || gc->how->dry_run) {
		count(gc, &f);
		return 0;
	}
	f.outcome = LEFT;
	gc->name[gc->n] = *name;
	gc->found[gc->n++] = f;
	return gc->n == BUCKET_SWEEP_MOST ? sweep(gc, err) : 0;
}

static int see_object(void *arg, const struct s3_object *object, struct error *err)
{
	struct bucket_gc *gc = arg;
	struct mark name;

	return bucket_parse_key(&gc->bucket, object->key, &name) ? find(gc, &name, object, err) : 0;
}

/* A collector that died left it, and nobody waited for it since. */
static int see_announcement(void *arg, const struct s3_object *object, struct error *err)
{
	struct bucket_gc *gc = arg;
	struct asker *by = NULL;
	int rc;

	if (gc->how->dry_run || !object->put_ms ||
	    bucket_is_younger(object->put_ms, ANNOUNCEMENT_DEAD_MS))
		return 0;
	rc = bucket_line_take(&gc->line, &by, err);
	if (rc == 0)
		rc = s3_delete(&gc->patient.s3, by, object->key, err);
	bucket_line_give(&gc->line, by);
	return rc;
}

static int see_all(struct bucket_gc *gc, const char *begin, s3_object_fn *fn, struct error *err)
{
	AUTO_FREE char *prefix = xasprintf("%s%s", gc->bucket.prefix, begin);

	return s3_each(&gc->patient.s3, prefix, fn, gc, err);
}

static int collect(struct bucket_gc *gc, struct error *err)
{
	static const char *const folders[] = { "manifests", "objects" };
	enum { FOLDERS = 2, PARTS = 16 };
	char begin[sizeof "manifests/a"];
	int rc;

	progress_expect(gc->how->progress, (uint64_t)FOLDERS * PARTS);
	rc = gc->how->roots(gc->how->arg, gc, err);
	if (rc < 0)
		return error_wrap(err, "nothing is removed, because what is needed cannot be told");
	rc = see_all(gc, BUCKET_SWEEPS, see_announcement, err);
	for (unsigned i = 0; rc == 0 && i < FOLDERS * PARTS; i++) {
		(void)snprintf(begin, sizeof begin, "%s/%x", folders[i / PARTS], i % PARTS);
		rc = see_all(gc, begin, see_object, err);
		progress_add(gc->how->progress, 1);
	}
	return rc == 0 ? sweep(gc, err) : rc;
}

int bucket_gc(struct store *store, const struct bucket *bucket, const struct bucket_gc_how *how,
              struct bucket_gc_result *ret_result, struct error *err)
{
	struct bucket_gc *gc = xcalloc(1, sizeof *gc);
	int rc;

	gc->store = store;
	gc->how = how;
	gc->bucket = gc->patient = *bucket;
	gc->bucket.s3.hasty = true;
	gc->failed = FIRST_ERROR_INIT;
	bucket_line_init(&gc->line, &gc->bucket);
	rc = collect(gc, err);
	*ret_result = gc->result;
	bucket_line_release(&gc->line);
	marks_release(&gc->needed);
	marks_release(&gc->kept);
	free(gc);
	return rc < 0 ? error_wrap(err, "cannot collect garbage in bucket '%s'", bucket->s3.name)
	              : 0;
}
