/*
 * Deleting.  A version is one record, which is unlinked; a dataset is one directory of records,
 * which is renamed out of sight: killed at any instant, each is there whole, or gone.  The intent
 * that was put before makes whoever comes next finish the rest: rows, and tags that name nothing
 * any more.  Bytes are left to the garbage collection.
 *
 * A run holds what it reads and makes by its links in the catalog until it has its end, also if its
 * runner died: its containers may live on, or it may be resumed.  It links a version first and then
 * asks, under the dataset's lock, whether that is still there (datasets_confirm); a deletion looks
 * for links under that lock.  So one of the two always sees the other.  A version that is mounted
 * is held by that, see claim.c.
 */
#include <string.h>

#include "base/cleanup.h"
#include "dataset/internal.h"
#include "dataset/mount.h"
#include "dataset/remote.h"

static int refuse_held(void *arg, const struct catalog_hold *hold)
{
	struct error *err = arg;

	return error_set(
		err, SLUICE_INVALID,
		"version '%s:%s' is held by job '%s' of run %s/%lld, which %s it; wait for "
		"the run's end, or 'sluice runs cancel %s/%lld'",
		hold->dataset, hold->version, hold->job, hold->workflow, (long long)hold->number,
		hold->is_output ? "makes" : "reads", hold->workflow, (long long)hold->number);
}

static int refuse_mounted(void *arg, const struct dataset_mount *m)
{
	struct error *err = arg;

	if (m->pid < 0)
		return error_set(err, SLUICE_INVALID,
		                 "version '%s:%s' was mounted at '%s' outside of this container, "
		                 "and may be still; do this where it was mounted",
		                 m->dataset, m->version, m->directory);
	if (m->pid > 0)
		return error_set(err, SLUICE_INVALID,
		                 "version '%s:%s' is mounted at '%s' for process %d, and with the "
		                 "end of that no more",
		                 m->dataset, m->version, m->directory, (int)m->pid);
	return error_set(err, SLUICE_INVALID,
	                 "version '%s:%s' is mounted at '%s'; 'sluice datasets unmount' takes it "
	                 "away there",
	                 m->dataset, m->version, m->directory);
}

/* What holds it, and no --force makes let go; `ver` NULL: any version of the dataset. */
static int check_holds(struct datasets *d, const char *ds, const char *ver, struct error *err)
{
	int rc = catalog_each_hold(d->catalog, ds, ver, refuse_held, err, err);

	return rc < 0 ? rc : datasets_each_mount(d, ds, ver, refuse_mounted, err, err);
}

static int add_name(void *arg, const char *tag)
{
	struct strbuf *names = arg;

	strbuf_addf(names, "%s'%s'", names->len > 0 ? ", " : "", tag);
	return 0;
}

static int check_tags(struct datasets *d, const char *ds, const char *ver, struct error *err)
{
	AUTO_STRBUF struct strbuf names = STRBUF_INIT(STRBUF_BIG);
	int rc = tags_each_of(d, ds, ver, add_name, &names, err);

	if (rc < 0 || names.len == 0)
		return rc;
	return error_set(
		err, SLUICE_INVALID,
		"version '%s:%s' has the tag %.512s; delete that with 'sluice datasets tags "
		"delete' first, or give --force, which deletes it too",
		ds, ver, strbuf_str(&names));
}

/* --- a version -------------------------------------------------------------------------------- */

int version_check_there(struct datasets *d, const struct dataset_version *v, struct error *err)
{
	struct dataset_version is;
	int rc = record_get_version(d->store, v->dataset, v->id, &is, err);

	if (rc == SLUICE_NOT_FOUND)
		return error_set(err, rc, "there is no version '%s:%s' any more", v->dataset,
		                 v->id);
	return rc;
}

static int check_version(struct datasets *d, const struct dataset_version *v, unsigned flags,
                         struct error *err)
{
	int rc = version_check_there(d, v, err);

	if (rc == 0)
		rc = check_holds(d, v->dataset, v->id, err);
	if (rc == 0 && !(flags & DATASET_DELETE_TAGS))
		rc = check_tags(d, v->dataset, v->id, err);
	return rc;
}

static bool is_gone(struct datasets *d, const struct dataset_version *v)
{
	struct dataset_version is;
	struct error ignored;

	return record_get_version(d->store, v->dataset, v->id, &is, &ignored) == SLUICE_NOT_FOUND;
}

struct removal {
	struct datasets *d;
	const char *ds;
	struct error *err;
};

static int forget_tag(void *arg, const char *tag)
{
	const struct removal *r = arg;
	char path[RECORD_PATH_SIZE];

	return remote_change(r->d, r->ds, record_tag_path(r->ds, tag, path), NULL, r->err);
}

/* In the bucket, if it is in one. */
static int forget(struct datasets *d, const struct dataset_version *v, struct error *err)
{
	struct removal r = { .d = d, .ds = v->dataset, .err = err };
	int rc = tags_each_of(d, v->dataset, v->id, forget_tag, &r, err);

	return rc < 0 ? rc : remote_forget_version(d, v, err);
}

static int delete_committed(struct datasets *d, const struct dataset_version *v, unsigned flags,
                            struct error *err)
{
	char path[RECORD_PATH_SIZE];
	char what[INTENT_SIZE];
	struct error ignored;
	AUTO_FD int lock = index_lock_dataset(d, v->dataset, err);
	int rc = lock < 0 ? lock : check_version(d, v, flags, err);

	if (rc == 0 && !(flags & DATASET_DELETE_HERE))
		rc = forget(d, v, err);
	if (rc == 0)
		rc = index_intend(d, intent_of_version(v->dataset, v->id, what), err);
	if (rc < 0)
		return rc;
	rc = store_delete_record(d->store, record_version_path(v->dataset, v->id, path), err);
	/* Whether it went may be another thing than whether all went well; what of the rest cannot
	 * go now does when the intent is looked at next. */
	if (is_gone(d, v) && tags_delete_of(d, v->dataset, v->id, &ignored) < 0)
		d->behind = true;
	else
		index_settle(d, what);
	return rc;
}

int datasets_delete_version(struct datasets *d, const struct dataset_version *v, unsigned flags,
                            struct error *err)
{
	int rc;

	if (v->committed)
		return delete_committed(d, v, flags, err);
	rc = catalog_each_hold(d->catalog, v->dataset, v->id, refuse_held, err, err);
	return rc < 0 ? rc : datasets_drop_version(d, v, err);
}

int datasets_confirm(struct datasets *d, const struct dataset_version *v, struct error *err)
{
	struct dataset_version is;
	AUTO_FD int lock = index_lock_dataset(d, v->dataset, err);
	int rc = lock < 0 ? lock : record_get_version(d->store, v->dataset, v->id, &is, err);

	if (rc == SLUICE_NOT_FOUND)
		return error_set(err, rc, "version '%s:%s' was deleted a moment ago",
		                 v->dataset_name, v->id);
	return rc;
}

/* --- a dataset -------------------------------------------------------------------------------- */

struct checked {
	struct datasets *d;
	const char *ds;
	struct error *err;
};

static int check_tag_names_nothing(void *arg, const char *tag)
{
	const struct checked *c = arg;
	struct dataset_version v;
	char ver[VERSION_ID_LEN + 1];
	int rc = record_get_tag(c->d->store, c->ds, tag, ver, c->err);

	if (rc == 0)
		rc = record_get_version(c->d->store, c->ds, ver, &v, c->err);
	if (rc == SLUICE_NOT_FOUND)
		return 0;
	return rc < 0 ? rc : check_tags(c->d, c->ds, ver, c->err);
}

static int check_dataset(struct datasets *d, const char *ds, unsigned flags, struct error *err)
{
	struct checked c = { .d = d, .ds = ds, .err = err };
	char path[RECORD_PATH_SIZE];
	struct dataset is;
	int rc = record_get_dataset(d->store, ds, &is, err);

	if (rc == 0)
		rc = check_holds(d, ds, NULL, err);
	if (rc < 0 || (flags & DATASET_DELETE_TAGS))
		return rc;
	return store_list_records(d->store, record_tag_path(ds, "", path), check_tag_names_nothing,
	                          &c, err);
}

static int delete_records(struct datasets *d, const struct dataset *dataset, unsigned flags,
                          char ret_deleted[STORE_DELETED_SIZE], struct error *err)
{
	AUTO_FD int names = index_lock_names(d, err);
	AUTO_FD int lock = names < 0 ? names : index_lock_dataset(d, dataset->id, err);
	int rc = lock < 0 ? lock : check_dataset(d, dataset->id, flags, err);

	if (rc == 0 && !(flags & DATASET_DELETE_HERE))
		rc = remote_forget(d, dataset->id, err);
	if (rc == 0)
		rc = index_intend(d, dataset->id, err);
	if (rc < 0)
		return error_wrap(err, "cannot delete dataset '%s'", dataset->name);
	rc = store_delete_dataset(d->store, dataset->id, ret_deleted, err);
	index_settle(d, dataset->id);
	return rc;
}

/* The locks are let go of before what is out of sight is removed. */
int datasets_delete_watched(struct datasets *d, const struct dataset *dataset, unsigned flags,
                            struct progress *progress, struct error *err)
{
	char deleted[STORE_DELETED_SIZE];
	int rc = delete_records(d, dataset, flags, deleted, err);

	if (rc == 0)
		store_remove_deleted(d->store, deleted, progress);
	return rc;
}

int datasets_delete(struct datasets *d, const struct dataset *dataset, unsigned flags,
                    struct error *err)
{
	return datasets_delete_watched(d, dataset, flags, NULL, err);
}
