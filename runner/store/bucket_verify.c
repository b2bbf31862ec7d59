#include "base/xalloc.h"
#include "store/adding.h"
#include "store/bucket_internal.h"

struct looking {
	struct store *store;
	const struct bucket *bucket;
	struct marks there;
	verify_damage_fn *fn;
	void *arg;
	struct error *err;
};

static int see_object(void *arg, const struct s3_object *object, struct error *err)
{
	struct looking *l = arg;
	struct mark name;

	(void)err;
	if (bucket_parse_key(l->bucket, object->key, &name))
		(void)marks_add(&l->there, name.kind, &name.digest);
	return 0;
}

static int list(struct looking *l)
{
	static const char *const folders[] = { "manifests/", "objects/" };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof folders / sizeof *folders; i++) {
		AUTO_FREE char *prefix = xasprintf("%s%s", l->bucket->prefix, folders[i]);

		rc = s3_each(&l->bucket->s3, prefix, see_object, l, l->err);
	}
	return rc;
}

/* `e` is NULL for a list of files. */
static int tell(struct looking *l, const struct store_entry *e, char kind,
                const struct digest *name)
{
	AUTO_FREE char *key = bucket_key(l->bucket, kind, name);
	bool here = !e || object_is_there(l->store, e);
	AUTO_FREE char *problem = xasprintf(
		"object '%s' is missing in bucket '%s'; %s", key, l->bucket->s3.name,
		here ? "'sluice store verify --mend' sends it again"
		     : "it is not here either: in a home that has it, 'sluice store verify --mend' "
		       "sends it again");
	const struct verify_damage damage = { .path = e ? e->path : NULL, .problem = problem };

	return l->fn(l->arg, &damage);
}

static int look_at_large(struct looking *l, const struct store_entry *e)
{
	AUTO_CHUNKS struct chunk_list chunks = { 0 };
	int rc = base_read_list(l->store, &e->digest, &chunks, l->err);

	if (rc == SLUICE_CORRUPT ||
	    rc == SLUICE_NOT_FOUND) /* it is not here: who fetches it looks */
		return 0;
	for (size_t i = 0; rc == 0 && i < chunks.n; i++)
		if (!marks_has(&l->there, 'f', &chunks.chunk[i]))
			return tell(l, e, 'f', &chunks.chunk[i]);
	return rc;
}

static int look_at_entry(void *arg, const struct store_entry *e)
{
	struct looking *l = arg;

	if (!is_file(e))
		return 0;
	if (!marks_has(&l->there, 'f', &e->digest))
		return tell(l, e, 'f', &e->digest);
	return is_large(e) ? look_at_large(l, e) : 0;
}

static int look_at_lists(struct looking *l, const struct digest *manifest)
{
	AUTO_ROOT struct manifest_root root = { 0 };
	int rc = reader_load_root(l->store, manifest, &root, l->err);

	if (rc == 0 && !marks_has(&l->there, OBJECT_MANIFEST, manifest))
		rc = tell(l, NULL, OBJECT_MANIFEST, manifest);
	for (size_t i = 0; rc == 0 && i < root.n; i++)
		if (!marks_has(&l->there, OBJECT_MANIFEST, &root.part[i].digest))
			rc = tell(l, NULL, OBJECT_MANIFEST, &root.part[i].digest);
	return rc;
}

int bucket_each_missing(struct store *store, const struct bucket *bucket,
                        const struct digest *manifest, verify_damage_fn *fn, void *arg,
                        struct error *err)
{
	struct looking l = { .store = store, .bucket = bucket, .fn = fn, .arg = arg, .err = err };
	int rc = list(&l);

	if (rc == 0)
		rc = look_at_lists(&l, manifest);
	if (rc == 0)
		rc = store_each(store, manifest, "", look_at_entry, &l, err);
	marks_release(&l.there);
	return rc < 0 ? error_wrap(err, "cannot look into bucket '%s'", bucket->s3.name) : 0;
}
