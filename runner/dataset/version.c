#include "dataset/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/remote.h"

char *open_data_path(const struct datasets *d, const char *ds, const char *ver)
{
	return xasprintf("%s/datasets/%s/open/%s.data", store_path(d->store), ds, ver);
}

char *open_part_path(const struct datasets *d, const char *ds, const char *ver)
{
	return xasprintf("%s/datasets/%s/open/%s.part", store_path(d->store), ds, ver);
}

static char *open_lock_path(const struct datasets *d, const char *ds, const char *ver)
{
	return xasprintf("%s/datasets/%s/open/.%s.lock", store_path(d->store), ds, ver);
}

/* The directory is there if the version ever was open; no lock is left by asking for others. */
int open_lock(const struct datasets *d, const struct dataset_version *v, enum lock_how how,
              struct error *err)
{
	AUTO_FREE char *path = open_lock_path(d, v->dataset, v->id);
	struct open_record open;
	int rc = record_get_open(d->store, v, &open, err);

	if (rc < 0)
		return rc;
	rc = lock_take(AT_FDCWD, path, how, true);
	return rc < 0 ? error_sys(err, rc, "cannot lock '%s'", path) : rc;
}

/* What cannot be removed now is in nobody's way, and collected with the garbage. */
void open_remove_leftovers(struct datasets *d, const char *ds, const char *ver)
{
	AUTO_FREE char *data = open_data_path(d, ds, ver);
	AUTO_FREE char *part = open_part_path(d, ds, ver);
	AUTO_FREE char *lock = open_lock_path(d, ds, ver);

	(void)!io_remove_tree(AT_FDCWD, data);
	(void)!io_remove_tree(AT_FDCWD, part);
	(void)unlink(lock);
}

bool open_is_made_by(const struct open_record *open, const struct dataset_maker *maker)
{
	const char *run = maker && maker->run ? maker->run : "";
	const char *job = maker && maker->job ? maker->job : "";

	return strcmp(open->v.run, run) == 0 && strcmp(open->v.job, job) == 0 &&
	       open->v.attempt == (maker ? maker->attempt : 0);
}

static int set_maker(struct dataset_version *v, const struct dataset_maker *maker,
                     struct error *err)
{
	if (!maker)
		return 0;
	if ((maker->run && !id_is_uuid(maker->run)) ||
	    (maker->job && strlen(maker->job) >= sizeof v->job))
		return error_set(err, SLUICE_INVALID, "'%s' of run '%s' cannot make a version",
		                 maker->job ? maker->job : "", maker->run ? maker->run : "");
	text_copy(v->run, sizeof v->run, maker->run);
	text_copy(v->job, sizeof v->job, maker->job);
	v->attempt = maker->attempt;
	return 0;
}

static int check_message(const char *message, struct error *err)
{
	const size_t size = sizeof((struct dataset_version *)0)->message;

	if (!message || strlen(message) < size)
		return 0;
	return error_set(err, SLUICE_INVALID, "the message has %zu bytes; up to %zu are allowed",
	                 strlen(message), size - 1);
}

static int put_new(struct datasets *d, struct open_record *open, struct error *err)
{
	char what[INTENT_SIZE];
	struct dataset_version other;
	int rc;

	/* Ids are short enough to meet one day; a committed one would be hidden by its record. */
	do
		id_new_version(open->v.id);
	while (record_get_version(d->store, open->v.dataset, open->v.id, &other, err) == 0);
	rc = index_intend(d, intent_of_version(open->v.dataset, open->v.id, what), err);
	if (rc < 0)
		return rc;
	rc = record_put_open(d->store, open, false, err);
	index_settle(d, what);
	return rc;
}

static int take_base(void *arg, const struct dataset_version *newest)
{
	struct open_record *open = arg;

	open->has_base = true;
	open->base = newest->manifest;
	text_copy(open->base_version, sizeof open->base_version, newest->id);
	return 1;
}

int datasets_open_version(struct datasets *d, const struct dataset *dataset, const char *message,
                          const struct dataset_maker *maker, struct dataset_version *ret_version,
                          struct error *err)
{
	struct open_record open = { .v.created_ms = clock_wall_ms() };
	struct dataset is;
	AUTO_FD int lock = -1;
	int rc = set_maker(&open.v, maker, err);

	if (rc < 0)
		return rc;
	rc = check_message(message, err);
	if (rc < 0)
		return rc;
	text_copy(open.v.dataset, sizeof open.v.dataset, dataset->id);
	text_copy(open.v.dataset_name, sizeof open.v.dataset_name, dataset->name);
	text_copy(open.v.message, sizeof open.v.message, message);
	lock = index_lock_dataset(d, dataset->id, err);
	rc = lock < 0 ? lock : record_get_dataset(d->store, dataset->id, &is, err);
	if (rc == SLUICE_NOT_FOUND)
		return error_set(err, rc, "there is no dataset '%s' any more", dataset->name);
	if (rc == 0)
		rc = datasets_each_version(d, dataset, true, take_base, &open, err);
	if (rc < 0)
		return rc;
	do
		rc = put_new(d, &open, err);
	while (rc == SLUICE_EXISTS);
	if (rc < 0)
		return error_wrap(err, "cannot open a version of dataset '%s'", dataset->name);
	*ret_version = open.v;
	return 0;
}

/* The files that a killed commit took may not be in the directory, and new ones would be lost. */
int datasets_open_path(struct datasets *d, const struct dataset_version *v, char **ret_path,
                       struct error *err)
{
	AUTO_FREE char *path = open_data_path(d, v->dataset, v->id);
	struct open_record open;
	int rc = record_get_open(d->store, v, &open, err);

	if (rc < 0)
		return rc;
	if (open.taken)
		return error_set(err, SLUICE_INVALID,
		                 "version '%s:%s' is in the middle of its commit; commit it, or "
		                 "drop it",
		                 v->dataset, v->id);
	rc = io_mkdirs(path, 0755);
	if (rc < 0)
		return error_sys(err, rc, "cannot make directory '%s'", path);
	*ret_path = take_ptr(&path);
	return 0;
}

int datasets_drop_version(struct datasets *d, const struct dataset_version *v, struct error *err)
{
	char path[RECORD_PATH_SIZE];
	char what[INTENT_SIZE];
	struct open_record open;
	AUTO_FD int lock = index_lock_dataset(d, v->dataset, err);
	int rc = lock < 0 ? lock : record_get_open(d->store, v, &open, err);

	if (rc == SLUICE_EXISTS)
		return error_set(err, SLUICE_INVALID,
		                 "version '%s:%s' is committed and cannot be dropped", v->dataset,
		                 v->id);
	if (rc == 0)
		rc = index_intend(d, intent_of_version(v->dataset, v->id, what), err);
	if (rc < 0)
		return rc;
	rc = store_delete_record(d->store, record_open_path(v->dataset, v->id, path), err);
	if (rc == 0)
		open_remove_leftovers(d, v->dataset, v->id);
	index_settle(d, what);
	return rc;
}

int datasets_hand_over(struct datasets *d, const struct dataset_version *v,
                       const struct dataset_maker *maker, struct error *err)
{
	char what[INTENT_SIZE];
	struct open_record open;
	AUTO_FD int lock = index_lock_dataset(d, v->dataset, err);
	int rc = lock < 0 ? lock : record_get_open(d->store, v, &open, err);

	if (rc == 0)
		rc = set_maker(&open.v, maker, err);
	if (rc == 0)
		rc = index_intend(d, intent_of_version(v->dataset, v->id, what), err);
	if (rc < 0)
		return rc;
	/* What the attempt before had taken into the store is not the next one's. */
	open.taken = false;
	rc = record_put_open(d->store, &open, true, err);
	index_settle(d, what);
	return rc;
}

/* The record that says the message; it is looked for under the lock. */
static int find_record(struct datasets *d, const struct dataset_version *v,
                       char path[RECORD_PATH_SIZE], struct error *err)
{
	struct open_record open;
	int rc = record_get_open(d->store, v, &open, err);

	if (rc == SLUICE_EXISTS)
		(void)record_version_path(v->dataset, v->id, path);
	else
		(void)record_open_path(v->dataset, v->id, path);
	return rc == SLUICE_EXISTS ? 0 : rc;
}

int datasets_set_message(struct datasets *d, struct dataset_version *v, const char *message,
                         struct error *err)
{
	const struct record_text texts[] = { { "message", message }, { NULL, NULL } };
	char path[RECORD_PATH_SIZE];
	char what[INTENT_SIZE];
	AUTO_FD int lock = -1;
	int rc = check_message(message, err);

	if (rc < 0)
		return rc;
	lock = index_lock_dataset(d, v->dataset, err);
	rc = lock < 0 ? lock : find_record(d, v, path, err);
	if (rc == 0)
		rc = index_intend(d, intent_of_version(v->dataset, v->id, what), err);
	if (rc < 0)
		return rc;
	rc = remote_rewrite(d, v->dataset, path, texts, err);
	index_settle(d, what);
	if (rc == 0)
		text_copy(v->message, sizeof v->message, message);
	return rc;
}

int datasets_each_input(struct datasets *d, const struct dataset_version *v, dataset_input_fn *fn,
                        void *arg, struct error *err)
{
	return v->committed ? record_each_input(d->store, v->dataset, v->id, fn, arg, err) : 0;
}

int datasets_tree(struct datasets *d, const struct dataset_version *v, char **ret_path,
                  struct error *err)
{
	int rc;

	if (!v->committed)
		return error_set(err, SLUICE_INVALID,
		                 "version '%s:%s' is not committed, and has no tree yet",
		                 v->dataset, v->id);
	rc = datasets_fetch(d, v, DATASET_FILES, NULL, err);
	return rc < 0 ? rc : store_tree(d->store, &v->manifest, ret_path, err);
}
