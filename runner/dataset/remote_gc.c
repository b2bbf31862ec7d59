/*
 * What is needed in a bucket, by the records that are there: those of all homes.  A version is a
 * root while it has a record, and for the grace after it was deleted.  Records are looked at first
 * and deletions then, so that what is deleted meanwhile is seen in one of the two.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"
#include "dataset/internal.h"
#include "dataset/remote.h"
#include "store/bucket_gc.h"

struct collection {
	struct remote *r;
	const struct providers_gc_how *how;
	struct bucket_gc *gc;
	struct map versions; /* DS/VER of those that have a record */
};

/* "DS/FOLDER/NAME": the id, and where NAME begins; NULL for another path. */
static const char *name_in(const char *path, const char *folder, char ret_ds[DATASET_ID_LEN + 1])
{
	size_t len = strlen(folder);

	text_copy(ret_ds, DATASET_ID_LEN + 1, path);
	if (!id_is_dataset(ret_ds) || path[DATASET_ID_LEN] != '/' ||
	    strncmp(path + DATASET_ID_LEN + 1, folder, len) != 0)
		return NULL;
	return path + DATASET_ID_LEN + 1 + len;
}

static int see_version(void *arg, const char *path, int64_t put_ms, struct error *err)
{
	struct collection *c = arg;
	char ds[DATASET_ID_LEN + 1], ver[VERSION_ID_LEN + 1], key[INTENT_SIZE];
	const char *name = name_in(path, "versions/", ds);
	struct dataset_version v;
	int rc;

	(void)put_ms;
	if (!name || !record_is_of_version(name, ver))
		return 0;
	progress_expect(c->how->progress, 1);
	rc = remote_get_version(c->r, ds, ver, &v, err);
	if (rc == 0)
		rc = bucket_gc_add_root(c->gc, &v.manifest, err);
	if (rc < 0)
		return rc == SLUICE_NOT_FOUND ? 0 : error_wrap(err, "version '%s:%s'", ds, ver);
	(void)map_set(&c->versions, intent_of_version(ds, ver, key), c);
	progress_add(c->how->progress, 1);
	return 0;
}

/* What of it is there no more nobody can rest on. */
static int keep_deleted(struct collection *c, const char *path, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MAX);
	struct digest manifest;
	int rc = remote_get_record(c->r, path, &text, err);

	if (rc == 0 && text.len == DIGEST_HEX_LEN + 1 && digest_parse(strbuf_str(&text), &manifest))
		rc = bucket_gc_add_young(c->gc, &manifest, err);
	return rc == SLUICE_NOT_FOUND || rc == SLUICE_CORRUPT ? 0 : rc;
}

/* Who deleted it was killed before its record went. */
static int end_deletion(struct collection *c, const char *ds, const char *ver, struct error *err)
{
	struct dataset_version v;
	int rc = remote_get_version(c->r, ds, ver, &v, err);

	if (rc < 0)
		return rc == SLUICE_NOT_FOUND ? 0 : rc;
	return c->how->dry_run ? 0 : remote_mark_deleted(c->r, &v, err);
}

static int see_deleted(void *arg, const char *path, int64_t put_ms, struct error *err)
{
	struct collection *c = arg;
	char ds[DATASET_ID_LEN + 1], key[INTENT_SIZE];
	const char *ver = name_in(path, "deleted/", ds);

	if (!ver || !id_is_version(ver))
		return 0;
	if (!put_ms || clock_wall_ms() - put_ms < c->how->grace_ms)
		return keep_deleted(c, path, err);
	return map_find(&c->versions, intent_of_version(ds, ver, key))
	               ? end_deletion(c, ds, ver, err)
	               : 0;
}

static int name_roots(void *arg, struct bucket_gc *gc, struct error *err)
{
	struct collection *c = arg;
	int rc;

	c->gc = gc;
	rc = remote_each_record(c->r, "", see_version, c, err);
	return rc == 0 ? remote_each_record(c->r, "", see_deleted, c, err) : rc;
}

int providers_gc(struct datasets *d, const char *id, const struct providers_gc_how *how,
                 struct bucket_gc_result *ret_result, struct error *err)
{
	struct remote r;
	struct collection c = { .r = &r, .how = how };
	const struct bucket_gc_how sweep = {
		.roots = name_roots,
		.arg = &c,
		.grace_ms = how->grace_ms,
		.dry_run = how->dry_run,
		.progress = how->progress,
	};
	int rc = remote_open_provider(d, strcmp(id, PROVIDER_MANAGED_ID) == 0 ? "" : id, &r, err);

	if (rc == REMOTE_NONE)
		return error_set(
			err, SLUICE_INVALID,
			"'" PROVIDER_MANAGED_NAME
			"' is this home's own store, which 'sluice store gc' alone collects");
	if (rc < 0)
		return rc;
	rc = bucket_gc(d->store, &r.bucket, &sweep, ret_result, err);
	rc = rc < 0 ? error_wrap(err, "storage provider '%s'", r.provider.name) : 0;
	map_release(&c.versions, NULL);
	remote_release(&r);
	return rc;
}
