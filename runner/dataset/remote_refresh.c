/*
 * What other homes did in a bucket becomes known here: records that are not here yet, tags that
 * moved, versions and datasets that were deleted.  A record that is missing in the bucket proves
 * nothing (the provider may have been given another bucket); only deleted/ does.
 *
 * Names, descriptions and messages change: the one that was put last in the bucket stands.  To read
 * them all each time would take long, so a record is read again if it was put there after it was
 * put or confirmed here, or less than CLOCKS_MS before that: the server's clock is another one.
 *
 * A version that is open here is left to its committer, who is about to write that record or was
 * killed before it did, and goes on from there.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "dataset/internal.h"
#include "dataset/remote.h"

struct refreshing {
	struct datasets *d;
	struct remote *r;
	struct dataset dataset;  /* whose records are looked at; its id may be "" */
	bool is_here, is_listed; /* its record is known here; it stands in the bucket */
	struct map tags;         /* that stand in the bucket */
	struct map deleted;      /* versions that are marked so there */
	struct error *err;
};

/* --- records that come ----------------------------------------------------------------------- */

static int get_document(struct refreshing *f, const char *path, struct strbuf *text,
                        cJSON **ret_doc)
{
	int rc = remote_get_record(f->r, path, text, f->err);

	return rc < 0 ? rc : json_parse(strbuf_str(text), text->len, path, ret_doc, f->err);
}

/* What cannot be read is no reason not to look at the rest. */
static int unreadable(struct refreshing *f, const char *path, const char *why)
{
	AUTO_FREE char *text = xasprintf("storage provider '%s': record '%s' is damaged, and left "
	                                 "out: %s",
	                                 f->r->provider.name, path, why);

	if (f->d->public.note)
		f->d->public.note(f->d->public.arg, text);
	return 0;
}

static int keep_dataset(struct refreshing *f, const struct dataset *there)
{
	AUTO_FD int lock = index_lock_names(f->d, f->err);
	int rc = lock < 0 ? lock : index_intend(f->d, there->id, f->err);

	if (rc < 0)
		return rc;
	rc = record_put_dataset(f->d->store, there, f->err);
	index_settle(f->d, there->id);
	return rc == SLUICE_EXISTS ? 0 : rc;
}

/* More than a quarter of an hour, and S3 takes no signature. */
enum { CLOCKS_MS = 20 * 60 * 1000 };

static bool may_be_newer(const struct refreshing *f, const char *path, int64_t put_ms)
{
	return put_ms + CLOCKS_MS > store_record_ms(f->d->store, path);
}

/* The lock of what it is of is held. */
static int change(struct refreshing *f, const char *what, const char *path,
                  const struct record_text *texts)
{
	AUTO_FREE char *text = NULL;
	int rc = record_changed(f->d->store, path, texts, &text, f->err);

	if (rc == 0)
		rc = index_intend(f->d, what, f->err);
	if (rc < 0)
		return rc == SLUICE_NOT_FOUND ? 0 : rc; /* deleted meanwhile */
	rc = store_put_record(f->d->store, path, text, true, f->err);
	index_settle(f->d, what);
	return rc;
}

static int change_dataset(struct refreshing *f, const char *path, const struct dataset *there)
{
	const struct record_text texts[] = {
		{ "name", there->name },
		{ "description", there->description },
		{ NULL, NULL },
	};
	AUTO_FD int lock = -1;

	if (strcmp(there->name, f->dataset.name) == 0 &&
	    strcmp(there->description, f->dataset.description) == 0) {
		store_confirm_record(f->d->store, path);
		return 0;
	}
	lock = index_lock_names(f->d, f->err);
	return lock < 0 ? lock : change(f, f->dataset.id, path, texts);
}

static int see_dataset(struct refreshing *f, const char *path, int64_t put_ms)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	AUTO_JSON cJSON *doc = NULL;
	struct dataset there;
	const char *why;
	int rc;

	f->is_listed = true;
	if (f->is_here && !may_be_newer(f, path, put_ms))
		return 0;
	rc = get_document(f, path, &text, &doc);
	if (rc < 0)
		return rc == SLUICE_NOT_FOUND ? 0 : rc;
	why = record_parse_dataset(doc, f->dataset.id, &there);
	if (!why && !id_is_name(there.name))
		why = "its name cannot be one";
	if (why)
		return unreadable(f, path, why);
	if (f->is_here)
		return change_dataset(f, path, &there);
	text_copy(there.provider, sizeof there.provider, f->r->provider.id);
	rc = keep_dataset(f, &there);
	if (rc < 0)
		return rc;
	f->dataset = there;
	f->is_here = true;
	return 0;
}

/* Under its lock a record is put that another may have put meanwhile. */
static int keep(struct refreshing *f, const char *what, const char *path, const char *text,
                bool replace)
{
	AUTO_FD int lock = index_lock_dataset(f->d, f->dataset.id, f->err);
	int rc = lock < 0 ? lock : index_intend(f->d, what, f->err);

	if (rc < 0)
		return rc;
	rc = store_put_record(f->d->store, path, text, replace, f->err);
	index_settle(f->d, what);
	return rc == SLUICE_EXISTS ? 0 : rc;
}

static int change_version(struct refreshing *f, const char *path,
                          const struct dataset_version *there)
{
	const struct record_text texts[] = { { "message", there->message }, { NULL, NULL } };
	struct dataset_version here;
	char what[INTENT_SIZE];
	AUTO_FD int lock = -1;
	int rc = record_get_version(f->d->store, f->dataset.id, there->id, &here, f->err);

	if (rc < 0) /* `store verify` tells of a damaged one */
		return rc == SLUICE_NOT_FOUND || rc == SLUICE_CORRUPT ? 0 : rc;
	if (strcmp(here.message, there->message) == 0) {
		store_confirm_record(f->d->store, path);
		return 0;
	}
	lock = index_lock_dataset(f->d, f->dataset.id, f->err);
	return lock < 0 ? lock
	                : change(f, intent_of_version(f->dataset.id, there->id, what), path, texts);
}

static int see_version(struct refreshing *f, const char *path, int64_t put_ms, const char *ver)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	AUTO_JSON cJSON *doc = NULL;
	struct dataset_version there;
	char open[RECORD_PATH_SIZE];
	char what[INTENT_SIZE];
	bool is_here = store_has_record(f->d->store, path);
	const char *why;
	int rc;

	if (map_find(&f->deleted, ver) || (is_here && !may_be_newer(f, path, put_ms)) ||
	    store_has_record(f->d->store, record_open_path(f->dataset.id, ver, open)))
		return 0;
	rc = get_document(f, path, &text, &doc);
	if (rc < 0)
		return rc == SLUICE_NOT_FOUND ? 0 : rc;
	why = record_parse_version(doc, f->dataset.id, ver, &there);
	if (why)
		return unreadable(f, path, why);
	if (is_here)
		return change_version(f, path, &there);
	return keep(f, intent_of_version(f->dataset.id, ver, what), path, strbuf_str(&text), false);
}

static int see_tag(struct refreshing *f, const char *path, const char *tag)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MAX);
	char here[VERSION_ID_LEN + 1] = "";
	char what[INTENT_SIZE];
	int rc = remote_get_record(f->r, path, &text, f->err);
	struct error ignored;

	if (rc < 0)
		return rc == SLUICE_NOT_FOUND ? 0 : rc;
	if (text.len != VERSION_ID_LEN + 1 || text.buf[VERSION_ID_LEN] != '\n')
		return unreadable(f, path, "it is not one version id");
	(void)map_set(&f->tags, tag, f);
	(void)!record_get_tag(f->d->store, f->dataset.id, tag, here, &ignored);
	if (strncmp(here, text.buf, VERSION_ID_LEN) == 0)
		return 0;
	return keep(f, intent_of_tag(f->dataset.id, tag, what), path, strbuf_str(&text), true);
}

/* --- records that go ------------------------------------------------------------------------- */

/* What a run or a mount holds goes another time. */
static int or_held(int rc)
{
	return rc == SLUICE_INVALID || rc == SLUICE_NOT_FOUND ? 0 : rc;
}

static int see_deleted(struct refreshing *f, const char *ver)
{
	struct dataset_version v;
	struct error ignored;
	int rc;

	if (strcmp(ver, REMOTE_ALL) == 0) {
		f->is_here = false;
		return or_held(datasets_delete(f->d, &f->dataset, DATASET_DELETE_TAGS, f->err));
	}
	(void)map_set(&f->deleted, ver, f);
	rc = record_get_version(f->d->store, f->dataset.id, ver, &v, &ignored);
	return rc < 0 ? 0
	              : or_held(datasets_delete_version(
				f->d, &v, DATASET_DELETE_TAGS | DATASET_DELETE_HERE, f->err));
}

/* One that is not listed may have been set since. */
static int drop_tag(void *arg, const char *tag)
{
	struct refreshing *f = arg;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MAX);
	char path[RECORD_PATH_SIZE];
	AUTO_FD int lock = -1;
	int rc;

	if (!id_is_name(tag) || map_find(&f->tags, tag))
		return 0;
	lock = index_lock_dataset(f->d, f->dataset.id, f->err);
	rc = lock < 0 ? lock
	              : remote_get_record(f->r, record_tag_path(f->dataset.id, tag, path), &text,
	                                  f->err);
	if (rc == SLUICE_NOT_FOUND)
		rc = or_held(tags_delete(f->d, f->dataset.id, tag, f->err));
	return rc;
}

static void release_dataset(struct refreshing *f)
{
	map_release(&f->tags, NULL);
	map_release(&f->deleted, NULL);
	f->tags = f->deleted = MAP_INIT;
}

static int end_dataset(struct refreshing *f)
{
	char path[RECORD_PATH_SIZE];
	int rc = 0;

	if (f->is_listed && f->is_here)
		rc = store_list_records(f->d->store, record_tag_path(f->dataset.id, "", path),
		                        drop_tag, f, f->err);
	release_dataset(f);
	f->is_listed = false;
	return rc;
}

/* --- all of them ----------------------------------------------------------------------------- */

/* Of this provider: another one's may have the same id only as a copy. */
static int begin_dataset(struct refreshing *f, const char *ds)
{
	int rc = end_dataset(f);

	if (rc < 0)
		return rc;
	rc = record_get_dataset(f->d->store, ds, &f->dataset, f->err);
	f->is_here = rc == 0;
	if (rc == SLUICE_NOT_FOUND)
		f->dataset = (struct dataset){ .id = "" };
	text_copy(f->dataset.id, sizeof f->dataset.id, ds);
	return rc == SLUICE_NOT_FOUND ? 0 : rc;
}

static bool is_foreign(const struct refreshing *f)
{
	return f->is_here && strcmp(f->dataset.provider, f->r->provider.id) != 0;
}

/* They come by name: dataset.json first, then deleted/, tags/ and versions/. */
static int see_record(void *arg, const char *path, int64_t put_ms, struct error *err)
{
	struct refreshing *f = arg;
	char ds[DATASET_ID_LEN + 1];
	char ver[VERSION_ID_LEN + 1];
	const char *rest;
	int rc = 0;

	(void)err; /* it is f->err */
	text_copy(ds, sizeof ds, path);
	if (!id_is_dataset(ds) || path[DATASET_ID_LEN] != '/')
		return 0;
	rest = path + DATASET_ID_LEN + 1;
	if (strcmp(f->dataset.id, ds) != 0)
		rc = begin_dataset(f, ds);
	if (rc < 0 || is_foreign(f))
		return rc;
	if (strcmp(rest, "dataset.json") == 0)
		return see_dataset(f, path, put_ms);
	if (!f->is_here || strlen(path) >= RECORD_PATH_SIZE)
		return 0;
	if (strncmp(rest, "deleted/", strlen("deleted/")) == 0)
		return see_deleted(f, rest + strlen("deleted/"));
	if (strncmp(rest, "tags/", strlen("tags/")) == 0 && id_is_name(rest + strlen("tags/")))
		return see_tag(f, path, rest + strlen("tags/"));
	if (strncmp(rest, "versions/", strlen("versions/")) == 0 &&
	    record_is_of_version(rest + strlen("versions/"), ver))
		return see_version(f, path, put_ms, ver);
	return 0;
}

static int refresh(struct datasets *d, const char *provider, const char *ds, bool hasty,
                   struct error *err)
{
	struct remote r;
	struct refreshing f = { .d = d, .r = &r, .err = err };
	AUTO_FREE char *path = xasprintf("%s%s", ds ? ds : "", ds ? "/" : "");
	int rc = remote_open_provider(d, provider, &r, err);

	if (rc != 0)
		return rc == REMOTE_NONE ? 0 : rc;
	r.bucket.s3.hasty = hasty;
	rc = remote_each_record(&r, path, see_record, &f, err);
	if (rc == 0)
		rc = end_dataset(&f);
	release_dataset(&f);
	remote_release(&r);
	return rc;
}

int providers_refresh(struct datasets *d, const char *id, const char *ds, struct error *err)
{
	return refresh(d, id, ds, false, err);
}

/* --- when somebody looks --------------------------------------------------------------------- */

static void say_stale(struct datasets *d, const struct error *err)
{
	AUTO_FREE char *text = xasprintf("what is known here is used, and may not be the newest: "
	                                 "%s",
	                                 err->msg);

	if (d->public.note)
		d->public.note(d->public.arg, text);
}

void remote_refresh_once(struct datasets *d, const struct dataset *dataset)
{
	struct error err;

	if (!dataset->provider[0] || catalog_in_transaction(d->catalog) ||
	    map_set(&d->refreshed, dataset->id, d))
		return;
	if (refresh(d, dataset->provider, dataset->id, true, &err) < 0)
		say_stale(d, &err);
}

struct buckets {
	struct datasets *d;
	bool any;
};

static int refresh_all_of(void *arg, const struct provider *p)
{
	struct buckets *b = arg;
	struct error err;

	if (!p->bucket || map_set(&b->d->refreshed, p->id, b->d))
		return 0;
	b->any = true;
	if (refresh(b->d, p->id, NULL, true, &err) < 0)
		say_stale(b->d, &err);
	return 0;
}

bool remote_refresh_all_once(struct datasets *d)
{
	struct buckets b = { .d = d };
	struct error ignored;

	if (!catalog_in_transaction(d->catalog))
		(void)!providers_each(d->store, refresh_all_of, &b, &ignored);
	return b.any;
}
