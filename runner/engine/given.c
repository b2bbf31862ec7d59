/*
 * The directories that were given as inputs become versions before the run starts.  Their bytes are
 * read on the pool, so that the run can be canceled meanwhile; none becomes a version unless all
 * can.  One whose content a version of its dataset has already stands for that version.  Until then
 * nothing is recorded of the run: it has not started.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "engine/internal.h"

enum { WARNINGS_MAX = 1 << 20 };

struct given_dir {
	struct work work;
	struct run *run;
	struct pin *pin;
	struct dataset_version version;
	struct store_tree_info info;
	const atomic_bool *stop;
	struct strbuf warnings; /* each ends with a NUL */
	int lock;
	int rc;
	struct error error;
};

struct given {
	struct given_dir *dir;
	size_t n;
	size_t n_open; /* have an open version */
	size_t pending;
	atomic_bool stop; /* read on the pool */
};

static void given_free(struct given *given)
{
	for (size_t i = 0; i < given->n; i++) {
		cleanup_fd(&given->dir[i].lock);
		strbuf_release(&given->dir[i].warnings);
	}
	free(given->dir);
	free(given);
}

static struct given *list_dirs(struct run *run)
{
	struct given *given = xcalloc(1, sizeof *given);
	size_t pos = 0;
	void *value;

	given->dir = xcalloc(run->pins.len, sizeof *given->dir);
	while (map_next(&run->pins, &pos, &value)) {
		struct pin *pin = value;

		if (pin->dir)
			given->dir[given->n++] = (struct given_dir){
				.run = run,
				.pin = pin,
				.stop = &given->stop,
				.warnings = STRBUF_INIT(WARNINGS_MAX),
				.lock = -1,
			};
	}
	return given;
}

static int open_version(struct given_dir *dir, struct error *err)
{
	struct run *run = dir->run;
	struct dataset dataset;
	bool made;
	int rc = run_find_or_create(run, dir->pin->target, &dataset, &made, err);

	if (rc == 0 && made)
		run_notice(run, "created dataset '%s' (%s)", dataset.name, dataset.id);
	if (rc == 0)
		rc = datasets_open_version(run->datasets, &dataset, "", NULL, &dir->version, err);
	return rc < 0 ? error_wrap(err, "cannot commit '%s'", dir->pin->dir) : 0;
}

static void drop_versions(struct run *run)
{
	struct given *given = run->given;
	struct error ignored; /* it stays open, and `versions list` shows it */

	for (size_t i = 0; i < given->n_open; i++)
		if (!given->dir[i].version.committed)
			(void)!datasets_drop_version(run->datasets, &given->dir[i].version,
			                             &ignored);
}

static void on_warning(void *arg, const char *text)
{
	struct given_dir *dir = arg;

	strbuf_add(&dir->warnings, text, strlen(text) + 1);
}

static void read_dir(struct work *work)
{
	struct given_dir *dir = container_of(work, struct given_dir, work);

	const struct store_watch watch = { .warn = on_warning, .arg = dir, .stop = dir->stop };

	dir->rc = datasets_commit_bytes(dir->run->datasets, &dir->version, dir->pin->dir, &watch,
	                                &dir->info, &dir->lock, &dir->error);
}

static void say_warnings(const struct given_dir *dir)
{
	const char *text = dir->warnings.buf;

	for (; text && text < dir->warnings.buf + dir->warnings.len; text += strlen(text) + 1)
		run_notice(dir->run, "%s: %s", dir->pin->dir, text);
}

enum { FOUND = 1 };

static int take_equal(void *arg, const struct dataset_version *version)
{
	struct given_dir *dir = arg;

	if (!digest_equal(&version->manifest, &dir->info.manifest))
		return 0;
	dir->pin->version = *version;
	return FOUND;
}

/* FOUND: the newest version of its dataset that has the same content stands for it. */
static int find_equal(struct given_dir *dir, struct error *err)
{
	struct datasets *datasets = dir->run->datasets;
	struct dataset dataset;
	int rc = datasets_find(datasets, dir->version.dataset, &dataset, err);

	if (rc == 0)
		rc = datasets_each_version(datasets, &dataset, true, take_equal, dir, err);
	if (rc != FOUND)
		return rc;
	(void)close(take_fd(&dir->lock));
	rc = datasets_drop_version(datasets, &dir->version, err);
	if (rc < 0)
		return rc;
	dir->version = dir->pin->version;
	run_notice(dir->run, "%s is as it was: %s:%s", dir->pin->dir, dir->version.dataset_name,
	           dir->version.id);
	return FOUND;
}

static int record_dir(struct given_dir *dir, struct error *err)
{
	struct run *run = dir->run;
	int rc = find_equal(dir, err);

	if (rc == FOUND)
		return 0;
	if (rc == 0)
		rc = datasets_commit_record(run->datasets, &dir->version, NULL, &dir->info,
		                            take_fd(&dir->lock), err);
	if (rc < 0)
		return error_wrap(err, "cannot commit '%s'", dir->pin->dir);
	dir->pin->version = dir->version;
	run_notice(run, "committed %s as %s:%s", dir->pin->dir, dir->version.dataset_name,
	           dir->version.id);
	return 0;
}

static int record_all(struct given *given, struct error *err)
{
	for (size_t i = 0; i < given->n; i++) {
		say_warnings(&given->dir[i]);
		if (given->dir[i].rc < 0) {
			*err = given->dir[i].error;
			return error_wrap(err, "cannot commit '%s'", given->dir[i].pin->dir);
		}
	}
	for (size_t i = 0; i < given->n; i++)
		if (record_dir(&given->dir[i], err) < 0)
			return err->class;
	return 0;
}

static void dir_done(struct work *work)
{
	struct run *run = container_of(work, struct given_dir, work)->run;
	struct error err;
	int rc;

	if (--run->given->pending > 0)
		return;
	rc = run->cancel_signal ? error_set(&err, SLUICE_CANCELED,
	                                    "canceled before it started: nothing was run")
	                        : record_all(run->given, &err);
	if (rc < 0)
		drop_versions(run);
	given_free(run->given);
	run->given = NULL;
	run_given_done(run, rc < 0 ? &err : NULL);
}

int given_start(struct run *run, struct error *err)
{
	struct given *given = run->given = list_dirs(run);
	int rc = 0;

	for (; rc == 0 && given->n_open < given->n; given->n_open += rc == 0)
		rc = open_version(&given->dir[given->n_open], err);
	if (rc < 0)
		drop_versions(run);
	if (rc < 0 || given->n == 0) {
		given_free(given);
		run->given = NULL;
		return rc;
	}
	given->pending = given->n;
	for (size_t i = 0; i < given->n; i++)
		work_start(run->loop, &given->dir[i].work, read_dir, dir_done);
	return 0;
}

void given_cancel(struct run *run)
{
	atomic_store(&run->given->stop, true);
}
