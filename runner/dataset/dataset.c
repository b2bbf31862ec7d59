#include "dataset/internal.h"
#include "dataset/remote.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/xalloc.h"

int datasets_open(const char *home, struct datasets **ret_datasets, struct error *err)
{
	return datasets_open_watched(home, NULL, ret_datasets, err);
}

int datasets_open_watched(const char *home, struct progress *progress,
                          struct datasets **ret_datasets, struct error *err)
{
	struct datasets *d = xcalloc(1, sizeof *d);
	bool stale = false;
	int rc = store_open(home, &d->store, err);

	d->home = xstrdup(home);
	if (rc == 0)
		rc = catalog_open(home, &d->catalog, &stale, err);
	d->made_anew = stale;
	if (rc == 0 && stale)
		rc = index_rebuild(d, progress, err);
	if (rc == 0)
		rc = index_heal(d, err);
	if (rc < 0) {
		datasets_close(d);
		return rc;
	}
	*ret_datasets = d;
	return 0;
}

void datasets_close(struct datasets *d)
{
	if (!d)
		return;
	map_release(&d->refreshed, NULL);
	catalog_close(d->catalog);
	store_close(d->store);
	free(d->home);
	free(d);
}

struct catalog *datasets_catalog(struct datasets *d)
{
	return d->catalog;
}

bool datasets_were_indexed(const struct datasets *d)
{
	return d->made_anew;
}

struct store *datasets_store(struct datasets *d)
{
	return d->store;
}

/* --- create -------------------------------------------------------------------------------- */

static int check_new(const struct dataset *dataset, const char *name, const char *want_id,
                     const char *description, struct error *err)
{
	if (want_id && !id_is_dataset(want_id))
		return error_set(err, SLUICE_INVALID,
		                 "'%s' is no id of a dataset: an id is 'ds' and 13 lower-case "
		                 "letters or digits",
		                 want_id);
	if (name && id_is_dataset(name))
		return error_set(err, SLUICE_INVALID,
		                 "a dataset cannot be named '%s': that is the form of an id", name);
	if (name && !id_is_name(name))
		return error_set(err, SLUICE_INVALID,
		                 "'%s' cannot name a dataset; use up to %d letters, digits, '.', "
		                 "'_', '-' and blanks inside, not beginning with '.' or '-'",
		                 name, (int)NAME_MAX_LEN);
	if (description && strlen(description) >= sizeof dataset->description)
		return error_set(err, SLUICE_INVALID,
		                 "the description has %zu bytes; up to %zu are allowed",
		                 strlen(description), sizeof dataset->description - 1);
	return 0;
}

struct taken {
	const char *by_other_than; /* an id */
	struct error *err;
};

static int is_taken(void *arg, const struct catalog_dataset *row)
{
	const struct taken *t = arg;

	if (strcmp(row->id, t->by_other_than) == 0)
		return 0;
	return error_set(t->err, SLUICE_EXISTS, "there is a dataset '%s' already (%s)", row->name,
	                 row->id);
}

/* Under the lock of names: of this one, and that of a provider that must not go away. */
static int check_free(struct datasets *d, const struct dataset *dataset, struct error *err)
{
	struct taken t = { .by_other_than = "", .err = err };
	int rc = catalog_each_dataset(d->catalog, dataset->name, is_taken, &t, err);

	if (rc == 0)
		rc = catalog_each_dataset(d->catalog, dataset->id, is_taken, &t, err);
	return rc == 0 ? provider_check_there(d, dataset->provider, err) : rc;
}

static int begin(const char *name, const char *description, const char *want_id,
                 struct dataset *ret_made, struct error *err)
{
	struct dataset made = { .created_ms = clock_wall_ms() };
	int rc = check_new(&made, name, want_id, description, err);

	if (rc < 0)
		return rc;
	id_new_dataset(made.id);
	if (want_id)
		text_copy(made.id, sizeof made.id, want_id);
	text_copy(made.name, sizeof made.name, name ? name : made.id);
	text_copy(made.description, sizeof made.description, description);
	*ret_made = made;
	return 0;
}

static int create(struct datasets *d, const struct dataset *made, struct dataset *ret_dataset,
                  struct error *err)
{
	AUTO_FD int lock = index_lock_names(d, err);
	int rc = lock < 0 ? lock : check_free(d, made, err);

	if (rc == 0)
		rc = index_intend(d, made->id, err);
	if (rc < 0)
		return rc;
	rc = record_put_dataset(d->store, made, err);
	index_settle(d, made->id);
	if (rc == 0)
		*ret_dataset = *made;
	return rc < 0 ? error_wrap(err, "cannot create dataset '%s'", made->name) : 0;
}

int datasets_create(struct datasets *d, const char *name, const char *description,
                    const char *want_id, struct dataset *ret_dataset, struct error *err)
{
	struct dataset made;
	int rc = name || want_id ? begin(name, description, want_id, &made, err)
	                         : error_set(err, SLUICE_INVALID, "a dataset needs a name");

	return rc < 0 ? rc : create(d, &made, ret_dataset, err);
}

int datasets_create_on(struct datasets *d, const char *name, const char *description,
                       const char *provider, struct dataset *ret_dataset, struct error *err)
{
	struct dataset made;
	int rc = begin(name, description, NULL, &made, err);

	if (rc < 0)
		return rc;
	text_copy(made.provider, sizeof made.provider, provider);
	return create(d, &made, ret_dataset, err);
}

/* --- update -------------------------------------------------------------------------------- */

static int change(struct datasets *d, struct dataset *dataset, const struct record_text *texts,
                  struct error *err)
{
	char path[RECORD_PATH_SIZE];
	struct dataset is;
	int rc = record_get_dataset(d->store, dataset->id, &is, err);

	if (rc == SLUICE_NOT_FOUND)
		return error_set(err, rc, "there is no dataset '%s' any more", dataset->name);
	if (rc == 0)
		rc = index_intend(d, dataset->id, err);
	if (rc < 0)
		return rc;
	rc = remote_rewrite(d, dataset->id, record_dataset_path(dataset->id, path), texts, err);
	index_settle(d, dataset->id);
	return rc < 0 ? rc : record_get_dataset(d->store, dataset->id, dataset, err);
}

int datasets_update(struct datasets *d, struct dataset *dataset, const char *name,
                    const char *description, struct error *err)
{
	const struct record_text texts[] = {
		{ "name", name },
		{ "description", description },
		{ NULL, NULL },
	};
	struct taken t = { .by_other_than = dataset->id, .err = err };
	AUTO_FD int lock = -1;
	int rc = check_new(dataset, name, NULL, description, err);

	if (rc < 0)
		return rc;
	lock = index_lock_names(d, err);
	rc = lock < 0 ? lock : 0;
	if (rc == 0 && name)
		rc = catalog_each_dataset(d->catalog, name, is_taken, &t, err);
	return rc < 0 ? rc : change(d, dataset, texts, err);
}
