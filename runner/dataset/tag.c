#include <string.h>

#include "base/cleanup.h"
#include "dataset/internal.h"

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
		rc = index_intend(d, intent_of_tag(v->dataset, tag, what), err);
	if (rc < 0)
		return rc;
	text_copy(line, sizeof line, v->id);
	line[VERSION_ID_LEN] = '\n';
	line[VERSION_ID_LEN + 1] = '\0';
	rc = store_put_record(d->store, record_tag_path(v->dataset, tag, path), line, true, err);
	index_settle(d, what);
	return rc;
}

int datasets_delete_tag(struct datasets *d, const struct dataset *dataset, const char *tag,
                        struct error *err)
{
	char path[RECORD_PATH_SIZE];
	char what[INTENT_SIZE];
	AUTO_FD int lock = -1;
	int rc = check_tag(tag, err);

	if (rc < 0)
		return rc;
	lock = index_lock_dataset(d, dataset->id, err);
	rc = lock < 0 ? lock : index_intend(d, intent_of_tag(dataset->id, tag, what), err);
	if (rc < 0)
		return rc;
	rc = store_delete_record(d->store, record_tag_path(dataset->id, tag, path), err);
	index_settle(d, what);
	if (rc == SLUICE_NOT_FOUND)
		return error_set(err, rc, "dataset '%s' has no tag '%s'", dataset->name, tag);
	return rc;
}
