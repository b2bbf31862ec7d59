#include <string.h>

#include "base/cleanup.h"
#include "dataset/internal.h"
#include "dataset/remote.h"

static int check_tag(const char *tag, struct error *err)
{
	if (strcmp(tag, "latest") == 0)
		return error_set(err, SLUICE_INVALID,
		                 "'latest' is always the newest committed version and cannot be "
		                 "set or deleted");
	if (id_is_version(tag))
		return error_set(err, SLUICE_INVALID,
		                 "a tag cannot be named '%s': 7 lower-case letters or digits are "
		                 "the form of a version's id",
		                 tag);
	if (!id_is_name(tag))
		return error_set(err, SLUICE_INVALID,
		                 "'%s' cannot name a tag; use up to %d letters, digits, '.', '_', "
		                 "'-' and blanks inside, not beginning with '.' or '-'",
		                 tag, (int)NAME_MAX_LEN);
	return 0;
}

struct shadow {
	const char *tag;
	char version[VERSION_ID_LEN + 1];
};

static int see_shadowed(void *arg, const struct catalog_version *v)
{
	struct shadow *s = arg;

	if (strncmp(v->id, s->tag, strlen(s->tag)) != 0)
		return 0;
	text_copy(s->version, sizeof s->version, v->id);
	return 1;
}

/* The begin of an id stands for its version: who writes it must not get another one. */
static int check_shadow(struct datasets *d, const char *ds, const char *tag, struct error *err)
{
	struct shadow s = { .tag = tag };
	int rc = strlen(tag) < FIND_BEGINNING_LEAST
	                 ? 0
	                 : catalog_each_in_state(d->catalog, ds, true, see_shadowed, &s, err);

	return rc == 1 ? error_set(err, SLUICE_INVALID,
	                           "a tag cannot be named '%s': that stands for the version %s",
	                           tag, s.version)
	               : rc;
}

int datasets_set_tag(struct datasets *d, const struct dataset_version *v, const char *tag,
                     struct error *err)
{
	char line[VERSION_ID_LEN + 2];
	char path[RECORD_PATH_SIZE];
	char what[INTENT_SIZE];
	struct dataset_version committed;
	AUTO_FD int lock = -1;
	int rc = check_tag(tag, err);

	if (rc < 0)
		return rc;
	lock = index_lock_dataset(d, v->dataset, err);
	rc = lock < 0 ? lock : record_get_version(d->store, v->dataset, v->id, &committed, err);
	if (rc == SLUICE_NOT_FOUND)
		return error_set(err, SLUICE_INVALID,
		                 "cannot tag '%s:%s': it is not committed; commit it first",
		                 v->dataset, v->id);
	if (rc == 0)
		rc = check_shadow(d, v->dataset, tag, err);
	if (rc == 0)
		rc = index_intend(d, intent_of_tag(v->dataset, tag, what), err);
	if (rc < 0)
		return rc;
	text_copy(line, sizeof line, v->id);
	line[VERSION_ID_LEN] = '\n';
	line[VERSION_ID_LEN + 1] = '\0';
	rc = remote_change(d, v->dataset, record_tag_path(v->dataset, tag, path), line, err);
	if (rc == 0)
		rc = store_put_record(d->store, path, line, true, err);
	index_settle(d, what);
	return rc;
}

int tags_delete(struct datasets *d, const char *ds, const char *tag, struct error *err)
{
	char path[RECORD_PATH_SIZE];
	char what[INTENT_SIZE];
	int rc = index_intend(d, intent_of_tag(ds, tag, what), err);

	if (rc < 0)
		return rc;
	rc = store_delete_record(d->store, record_tag_path(ds, tag, path), err);
	index_settle(d, what);
	return rc;
}

int datasets_delete_tag(struct datasets *d, const struct dataset *dataset, const char *tag,
                        struct error *err)
{
	char path[RECORD_PATH_SIZE];
	AUTO_FD int lock = -1;
	int rc = check_tag(tag, err);

	if (rc < 0)
		return rc;
	lock = index_lock_dataset(d, dataset->id, err);
	rc = lock < 0 ? lock
	              : remote_change(d, dataset->id, record_tag_path(dataset->id, tag, path), NULL,
	                              err);
	if (rc == 0)
		rc = tags_delete(d, dataset->id, tag, err);
	if (rc == SLUICE_NOT_FOUND)
		return error_set(err, rc, "dataset '%s' has no tag '%s'", dataset->name, tag);
	return rc;
}

struct tags_of {
	struct datasets *d;
	const char *ds, *ver;
	tag_of_fn *fn;
	void *arg;
	struct error *err;
};

static int see_tag(void *arg, const char *tag)
{
	const struct tags_of *t = arg;
	char ver[VERSION_ID_LEN + 1];
	int rc = id_is_name(tag) ? record_get_tag(t->d->store, t->ds, tag, ver, t->err)
	                         : SLUICE_NOT_FOUND;

	if (rc == SLUICE_NOT_FOUND)
		return 0;
	if (rc < 0)
		return rc;
	return strcmp(ver, t->ver) == 0 ? t->fn(t->arg, tag) : 0;
}

int tags_each_of(struct datasets *d, const char *ds, const char *ver, tag_of_fn *fn, void *arg,
                 struct error *err)
{
	struct tags_of t = { .d = d, .ds = ds, .ver = ver, .fn = fn, .arg = arg, .err = err };
	char path[RECORD_PATH_SIZE];

	return store_list_records(d->store, record_tag_path(ds, "", path), see_tag, &t, err);
}

static int delete_one(void *arg, const char *tag)
{
	const struct tags_of *t = arg;

	return tags_delete(t->d, t->ds, tag, t->err);
}

int tags_delete_of(struct datasets *d, const char *ds, const char *ver, struct error *err)
{
	struct tags_of t = { .d = d, .ds = ds, .err = err };

	return tags_each_of(d, ds, ver, delete_one, &t, err);
}
