#include "dataset/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

enum { RECORD_MAX = 4 << 20 };

int remote_open_provider(struct datasets *d, const char *provider, struct remote *ret_remote,
                         struct error *err)
{
	AUTO_PROVIDER struct provider p = PROVIDER_INIT;
	struct remote r = { .by = NULL };
	int rc;

	if (!provider[0])
		return REMOTE_NONE;
	rc = record_get_provider(d->store, provider, &p, err);
	if (rc == SLUICE_NOT_FOUND)
		(void)error_set(err, rc, "there is no storage provider '%s'", provider);
	if (rc < 0)
		return rc;
	rc = asker_new(&r.by, err);
	if (rc < 0)
		return rc;
	r.provider = p;
	p = PROVIDER_INIT;
	provider_bucket(&r.provider, &r.bucket.s3);
	r.bucket.prefix = r.provider.prefix;
	*ret_remote = r;
	return 0;
}

int remote_open(struct datasets *d, const char *ds, struct remote *ret_remote, struct error *err)
{
	struct dataset dataset;
	int rc = record_get_dataset(d->store, ds, &dataset, err);

	return rc < 0 ? rc : remote_open_provider(d, dataset.provider, ret_remote, err);
}

void remote_release(struct remote *r)
{
	asker_free(r->by);
	provider_release(&r->provider);
}

/* --- records --------------------------------------------------------------------------------- */

static char *key_of(const struct remote *r, const char *path)
{
	return xasprintf("%sdatasets/%s", r->bucket.prefix, path);
}

static int in_bucket(const struct remote *r, int rc, struct error *err)
{
	return rc < 0 ? error_wrap(err, "storage provider '%s'", r->provider.name) : rc;
}

int remote_put_record(struct remote *r, const char *path, const char *text, bool replace,
                      struct error *err)
{
	AUTO_FREE char *key = key_of(r, path);
	const size_t len = strlen(text);
	const struct s3_body body = { .text = text, .len = len, .digest = digest_of(text, len) };

	return in_bucket(r, s3_put(&r->bucket.s3, r->by, key, &body, replace, err), err);
}

int remote_get_record(struct remote *r, const char *path, struct strbuf *ret_text,
                      struct error *err)
{
	AUTO_FREE char *key = key_of(r, path);
	AUTO_FREE char *url = s3_url(&r->bucket.s3, key);
	const struct fetch how = { .request = { .url = url, .max_body = RECORD_MAX }, .by = r->by };

	return in_bucket(r, s3_fetch_text(&r->bucket.s3, &how, ret_text, err), err);
}

int remote_get_version(struct remote *r, const char *ds, const char *ver,
                       struct dataset_version *ret_version, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(RECORD_MAX);
	AUTO_JSON cJSON *doc = NULL;
	char path[RECORD_PATH_SIZE];
	const char *why;
	int rc = remote_get_record(r, record_version_path(ds, ver, path), &text, err);

	if (rc == 0)
		rc = json_parse(strbuf_str(&text), text.len, path, &doc, err);
	if (rc < 0)
		return rc;
	why = record_parse_version(doc, ds, ver, ret_version);
	return why ? error_set(err, SLUICE_CORRUPT, "record '%s' of the bucket is damaged: %s",
	                       path, why)
	           : 0;
}

int remote_delete_record(struct remote *r, const char *path, struct error *err)
{
	AUTO_FREE char *key = key_of(r, path);

	return in_bucket(r, s3_delete(&r->bucket.s3, r->by, key, err), err);
}

struct listing {
	size_t skip; /* so many bytes of a key stand before a record's path */
	remote_name_fn *fn;
	void *arg;
};

static int see_key(void *arg, const struct s3_object *object, struct error *err)
{
	const struct listing *l = arg;

	return strlen(object->key) > l->skip
	               ? l->fn(l->arg, object->key + l->skip, object->put_ms, err)
	               : 0;
}

int remote_each_record(struct remote *r, const char *path, remote_name_fn *fn, void *arg,
                       struct error *err)
{
	AUTO_FREE char *begin = key_of(r, path);
	struct listing l = { .skip = strlen(begin) - strlen(path), .fn = fn, .arg = arg };

	return in_bucket(r, s3_each(&r->bucket.s3, begin, see_key, &l, err), err);
}

static int see_name(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return 1;
}

/* REMOTE_NONE too, if the bucket need not know of the dataset yet. */
static int open_known(struct datasets *d, const char *ds, struct remote *ret_remote,
                      struct error *err)
{
	AUTO_FREE char *versions = xasprintf("%s/versions", ds);
	int rc = store_list_records(d->store, versions, see_name, NULL, err);

	return rc == 0 ? REMOTE_NONE : rc < 0 ? rc : remote_open(d, ds, ret_remote, err);
}

int remote_change(struct datasets *d, const char *ds, const char *path, const char *text,
                  struct error *err)
{
	struct remote r;
	int rc = open_known(d, ds, &r, err);

	if (rc != 0)
		return rc == REMOTE_NONE ? 0 : rc;
	rc = text ? remote_put_record(&r, path, text, true, err)
	          : remote_delete_record(&r, path, err);
	remote_release(&r);
	return rc;
}

int remote_rewrite(struct datasets *d, const char *ds, const char *path,
                   const struct record_text *texts, struct error *err)
{
	AUTO_FREE char *text = NULL;
	int rc = record_changed(d->store, path, texts, &text, err);

	if (rc == 0 && !strstr(path, "/open/"))
		rc = remote_change(d, ds, path, text, err);
	return rc < 0 ? rc : store_put_record(d->store, path, text, true, err);
}

/* --- deletions ------------------------------------------------------------------------------- */

static const char *mark_path(const char *ds, const char *ver, char path[RECORD_PATH_SIZE])
{
	(void)snprintf(path, RECORD_PATH_SIZE, "%s/deleted/%s", ds, ver);
	return path;
}

int remote_mark_deleted(struct remote *r, const struct dataset_version *v, struct error *err)
{
	char path[RECORD_PATH_SIZE], hex[DIGEST_HEX_LEN + 1];
	AUTO_FREE char *text = xasprintf("%s\n", digest_hex(&v->manifest, hex));
	int rc = remote_put_record(r, mark_path(v->dataset, v->id, path), text, true, err);

	return rc < 0 ? rc
	              : remote_delete_record(r, record_version_path(v->dataset, v->id, path), err);
}

int remote_unmark_deleted(struct remote *r, const struct dataset_version *v, struct error *err)
{
	char path[RECORD_PATH_SIZE];

	return remote_delete_record(r, mark_path(v->dataset, v->id, path), err);
}

int remote_forget_version(struct datasets *d, const struct dataset_version *v, struct error *err)
{
	struct remote r;
	int rc = open_known(d, v->dataset, &r, err);

	if (rc != 0)
		return rc == REMOTE_NONE ? 0 : rc;
	rc = remote_mark_deleted(&r, v, err);
	remote_release(&r);
	return rc;
}

struct forgetting {
	struct remote *r;
	const char *ds;
};

/* What is deleted of a dataset: all but what says so. */
static int forget_record(void *arg, const char *path, int64_t put_ms, struct error *err)
{
	const struct forgetting *f = arg;
	const char *rest = path + strlen(f->ds) + 1;
	char ver[VERSION_ID_LEN + 1];
	struct dataset_version v;
	int rc = SLUICE_CORRUPT;

	(void)put_ms;
	if (strncmp(rest, "deleted/", strlen("deleted/")) == 0)
		return 0;
	if (strncmp(rest, "versions/", strlen("versions/")) == 0 &&
	    record_is_of_version(rest + strlen("versions/"), ver))
		rc = remote_get_version(f->r, f->ds, ver, &v, err);
	if (rc == 0)
		return remote_mark_deleted(f->r, &v, err);
	return rc == SLUICE_CORRUPT || rc == SLUICE_NOT_FOUND
	               ? remote_delete_record(f->r, path, err)
	               : rc;
}

int remote_forget(struct datasets *d, const char *ds, struct error *err)
{
	struct remote r;
	struct forgetting f = { .r = &r, .ds = ds };
	AUTO_FREE char *all = xasprintf("%s/", ds);
	char path[RECORD_PATH_SIZE];
	int rc = open_known(d, ds, &r, err);

	if (rc != 0)
		return rc == REMOTE_NONE ? 0 : rc;
	rc = remote_put_record(&r, mark_path(ds, REMOTE_ALL, path), "", true, err);
	if (rc == 0)
		rc = remote_delete_record(&r, record_dataset_path(ds, path), err);
	if (rc == 0)
		rc = remote_each_record(&r, all, forget_record, &f, err);
	remote_release(&r);
	return rc;
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* The version whose record is there now has all it needs there for long enough: see bucket_gc.h. */
static bool has_base(struct remote *r, const struct open_record *open)
{
	char path[RECORD_PATH_SIZE];
	AUTO_FREE char *key =
		key_of(r, record_version_path(open->v.dataset, open->base_version, path));
	struct error ignored;

	return open->has_base && id_is_version(open->base_version) &&
	       s3_look(&r->bucket.s3, r->by, key, NULL, &ignored) == 0;
}

int remote_send(struct datasets *d, const struct open_record *open, const struct digest *manifest,
                const struct store_watch *watch, struct error *err)
{
	struct remote r;
	int rc = remote_open(d, open->v.dataset, &r, err);

	if (rc != 0)
		return rc == REMOTE_NONE ? 0 : rc;
	rc = bucket_send(d->store, &r.bucket, manifest, has_base(&r, open) ? &open->base : NULL,
	                 watch, err);
	rc = in_bucket(&r, rc, err);
	remote_release(&r);
	return rc;
}

int remote_each_missing(struct datasets *d, const struct dataset_version *v, verify_damage_fn *fn,
                        void *arg, struct error *err)
{
	struct remote r;
	int rc = remote_open(d, v->dataset, &r, err);

	if (rc != 0)
		return rc == REMOTE_NONE ? 0 : rc;
	rc = in_bucket(&r, bucket_each_missing(d->store, &r.bucket, &v->manifest, fn, arg, err),
	               err);
	remote_release(&r);
	return rc;
}

int datasets_mend(struct datasets *d, const struct dataset_version *v,
                  const struct store_watch *watch, struct error *err)
{
	struct remote r;
	AUTO_FD int lock = store_lock(d->store, LOCK_SHARED, err);
	int rc = lock < 0 ? lock : remote_open(d, v->dataset, &r, err);

	if (rc == REMOTE_NONE)
		return error_set(err, SLUICE_INVALID,
		                 "dataset '%s' is in no bucket: what is damaged here is mended by "
		                 "the right bytes in its place",
		                 v->dataset_name);
	if (rc < 0)
		return rc;
	rc = in_bucket(&r, bucket_send(d->store, &r.bucket, &v->manifest, NULL, watch, err), err);
	remote_release(&r);
	return rc;
}

int remote_fetch_file(struct datasets *d, const char *ds, const struct store_entry *entry,
                      struct error *err)
{
	struct remote r;
	int rc = remote_open(d, ds, &r, err);

	if (rc != 0)
		return rc == REMOTE_NONE ? 0 : rc;
	rc = in_bucket(&r, bucket_fetch_file(d->store, &r.bucket, entry, err), err);
	remote_release(&r);
	return rc;
}

int datasets_fetch(struct datasets *d, const struct dataset_version *v, enum dataset_part part,
                   struct progress *progress, struct error *err)
{
	struct remote r;
	int rc = v->committed ? remote_open(d, v->dataset, &r, err) : REMOTE_NONE;

	if (rc != 0)
		return rc == REMOTE_NONE ? 0 : rc;
	rc = part == DATASET_LIST ? bucket_fetch_lists(d->store, &r.bucket, &v->manifest, err)
	                          : bucket_fetch(d->store, &r.bucket, &v->manifest, progress, err);
	rc = in_bucket(&r, rc, err);
	remote_release(&r);
	return rc;
}
