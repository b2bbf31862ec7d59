/*
 * The index follows the records.  A row is always made by reading its record again, so there is
 * one way from record to row, whether the writer is alive, was killed, or the whole index is gone.
 *
 * A writer announces the record that it is about to change by an intent, which is committed to the
 * catalog before the record changes, and goes away in the transaction of the row.  Writers of one
 * dataset hold its lock over all of this, so whoever holds the lock and still sees an intent sees
 * the intent of a dead one, and looks at that record.  A rebuild holds no such lock: it excludes
 * writers of rows by its transaction, reads every record after that, and leaves the intents, so a
 * record that changes under its eyes gets its row from its own writer, or from who heals it.
 */
#include "dataset/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"

const char *intent_of_version(const char *ds, const char *ver, char what[INTENT_SIZE])
{
	if (snprintf(what, INTENT_SIZE, "%s/%s", ds, ver) < 0)
		what[0] = '\0';
	return what;
}

const char *intent_of_tag(const char *ds, const char *tag, char what[INTENT_SIZE])
{
	return record_tag_path(ds, tag, what);
}

/* --- from one record to its row ------------------------------------------------------------ */

static int index_dataset(struct datasets *d, const char *ds, bool *ret_exists, struct error *err)
{
	struct dataset found;
	struct catalog_dataset row = { .created_ms = 0 };
	int rc = record_get_dataset(d->store, ds, &found, err);

	*ret_exists = rc == 0;
	if (rc == SLUICE_NOT_FOUND)
		return catalog_delete_dataset(d->catalog, ds, err);
	if (rc < 0)
		return rc;
	text_copy(row.id, sizeof row.id, found.id);
	row.name = found.name;
	row.description = found.description;
	row.provider = found.provider[0] ? found.provider : NULL;
	row.created_ms = found.created_ms;
	return catalog_put_dataset(d->catalog, &row, err);
}

/* `inputs`: what its maker read, each text with its NUL. */
static int put_version_row(struct datasets *d, const struct dataset_version *v,
                           const struct strbuf *inputs, struct error *err)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct catalog_version row = {
		.seq = v->seq,
		.committed = v->committed,
		.message = v->message[0] ? v->message : NULL,
		.manifest = v->committed ? digest_hex(&v->manifest, hex) : NULL,
		.files = v->committed ? v->files : 0,
		.bytes = v->committed ? v->bytes : 0,
		.created_ms = v->created_ms,
		.committed_ms = v->committed_ms,
		.run = v->run[0] ? v->run : NULL,
		.job = v->job[0] ? v->job : NULL,
		.attempt = v->attempt,
	};
	int rc;

	text_copy(row.dataset, sizeof row.dataset, v->dataset);
	text_copy(row.id, sizeof row.id, v->id);
	rc = catalog_put_version(d->catalog, &row, err);
	for (size_t at = 0; rc == 0 && at < inputs->len; at += strlen(inputs->buf + at) + 1)
		rc = catalog_put_input(d->catalog, &row, inputs->buf + at, err);
	return rc;
}

static int add_input(void *arg, const char *ref)
{
	strbuf_add(arg, ref, strlen(ref) + 1);
	return 0;
}

/* A committed version may still have the record of the open one beside it. */
static int index_version(struct datasets *d, const char *ds, const char *ver, struct error *err)
{
	AUTO_STRBUF struct strbuf inputs = STRBUF_INIT(STRBUF_BIG);
	struct dataset_version v;
	struct open_record open = { 0 };
	int rc = record_read_version(d->store, ds, ver, add_input, &inputs, &v, err);

	if (rc == 0)
		return put_version_row(d, &v, &inputs, err);
	if (rc == SLUICE_NOT_FOUND)
		rc = record_read_open(d->store, ds, ver, &open, err);
	if (rc == 0)
		return put_version_row(d, &open.v, &inputs, err);
	if (rc == SLUICE_NOT_FOUND)
		return catalog_delete_version(d->catalog, ds, ver, err);
	return rc;
}

static int index_tag(struct datasets *d, const char *ds, const char *tag, struct error *err)
{
	struct catalog_tag row = { .name = tag };
	int rc = record_get_tag(d->store, ds, tag, row.version, err);

	if (rc == SLUICE_NOT_FOUND)
		return catalog_delete_tag(d->catalog, ds, tag, err);
	if (rc < 0)
		return rc;
	text_copy(row.dataset, sizeof row.dataset, ds);
	return catalog_put_tag(d->catalog, &row, err);
}

/* --- a whole dataset, all datasets --------------------------------------------------------- */

struct sweep {
	struct datasets *d;
	struct progress *progress;
	const char *ds;
	struct error *err;
};

static int on_version(void *arg, const char *name)
{
	const struct sweep *s = arg;
	char ver[VERSION_ID_LEN + 1];

	if (!record_is_of_version(name, ver))
		return 0;
	progress_add(s->progress, 1);
	return index_version(s->d, s->ds, ver, s->err);
}

static int on_tag(void *arg, const char *name)
{
	const struct sweep *s = arg;

	return id_is_name(name) ? index_tag(s->d, s->ds, name, s->err) : 0;
}

/* An id's directory without dataset.json is what a killed creator left. */
static int index_whole_dataset(struct datasets *d, const char *ds, struct progress *progress,
                               struct error *err)
{
	static const struct {
		const char *folder;
		store_name_fn *fn;
	} part[] = { { "open", on_version }, { "versions", on_version }, { "tags", on_tag } };
	struct sweep s = { .d = d, .progress = progress, .ds = ds, .err = err };
	char path[RECORD_PATH_SIZE];
	bool exists = false;
	int rc = catalog_delete_dataset(d->catalog, ds, err);

	if (rc == 0)
		rc = index_dataset(d, ds, &exists, err);
	for (size_t i = 0; rc == 0 && exists && i < sizeof part / sizeof part[0]; i++) {
		if (snprintf(path, sizeof path, "%s/%s", ds, part[i].folder) < 0)
			path[0] = '\0';
		rc = store_list_records(d->store, path, part[i].fn, &s, err);
	}
	return rc;
}

static int on_dataset(void *arg, const char *name)
{
	const struct sweep *s = arg;

	return id_is_dataset(name) ? index_whole_dataset(s->d, name, s->progress, s->err) : 0;
}

/* In a transaction. */
static int rebuild(struct datasets *d, struct progress *progress, struct error *err)
{
	struct sweep s = { .d = d, .progress = progress, .err = err };
	bool stale = false;
	int rc = catalog_is_stale(d->catalog, &stale, err);

	if (rc < 0 || !stale)
		return rc;
	/* Who makes more of it than the index has expected them already. */
	if (progress && atomic_load(&progress->total) == 0)
		rc = record_expect_versions(d->store, 1, progress, err);
	if (rc == 0)
		rc = catalog_clear_datasets(d->catalog, err);
	if (rc == 0)
		rc = store_list_records(d->store, "", on_dataset, &s, err);
	if (rc == 0)
		rc = catalog_mark_fresh(d->catalog, err);
	return rc;
}

static int finish(struct datasets *d, int rc, struct error *err)
{
	if (rc == 0)
		return catalog_commit(d->catalog, err);
	catalog_rollback(d->catalog);
	return rc;
}

int index_rebuild(struct datasets *d, struct progress *progress, struct error *err)
{
	int rc = catalog_begin(d->catalog, err);

	if (rc == 0)
		rc = finish(d, rebuild(d, progress, err), err);
	return rc < 0 ? error_wrap(err, "cannot make the index of datasets anew") : 0;
}

/* --- intents ------------------------------------------------------------------------------- */

/* The three forms of an intent: "DS", "DS/VER", "DS/tags/NAME". */
static int index_intended(struct datasets *d, const char *what, struct error *err)
{
	char ds[DATASET_ID_LEN + 1];
	const char *rest = what + DATASET_ID_LEN + 1;
	bool exists;
	int rc;

	text_copy(ds, sizeof ds, what);
	rc = index_dataset(d, ds, &exists, err);
	if (rc < 0 || !exists || what[strlen(ds)] != '/')
		return rc;
	if (strncmp(rest, "tags/", 5) == 0)
		return index_tag(d, ds, rest + 5, err);
	return index_version(d, ds, rest, err);
}

/* Under the locks that guard them. */
static int settle(struct datasets *d, const char *const *what, size_t n, struct error *err)
{
	int rc = catalog_begin(d->catalog, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = index_intended(d, what[i], err);
		if (rc == 0)
			rc = catalog_delete_intent(d->catalog, what[i], err);
	}
	return finish(d, rc, err);
}

void index_settle_all(struct datasets *d, const char *const *what, size_t n)
{
	struct error ignored; /* the intents stay, and with them the memory of what is to do */

	if (settle(d, what, n, &ignored) < 0)
		d->behind = true;
}

void index_settle(struct datasets *d, const char *what)
{
	index_settle_all(d, &what, 1);
}

/* A dead writer may also have left an open version's record or files behind, or the tags of a
 * deleted one. */
static int heal_version(struct datasets *d, const char *what, struct error *err)
{
	char path[RECORD_PATH_SIZE];
	struct open_record open;
	struct dataset_version v = { .committed = false };
	struct error ignored;
	int rc;

	text_copy(v.dataset, sizeof v.dataset, what);
	text_copy(v.id, sizeof v.id, what + DATASET_ID_LEN + 1);
	rc = record_get_open(d->store, &v, &open, &ignored);
	if (rc == SLUICE_EXISTS)
		(void)!store_delete_record(d->store, record_open_path(v.dataset, v.id, path),
		                           &ignored);
	if (rc == SLUICE_EXISTS || rc == SLUICE_NOT_FOUND)
		open_remove_leftovers(d, v.dataset, v.id);
	return rc == SLUICE_NOT_FOUND ? tags_delete_of(d, v.dataset, v.id, err) : 0;
}

static int heal_one(struct datasets *d, const char *what, struct error *err)
{
	bool is_version = strlen(what) == DATASET_ID_LEN + 1 + VERSION_ID_LEN;
	int rc = is_version ? heal_version(d, what, err) : 0;

	return rc < 0 ? rc : settle(d, &what, 1, err);
}

struct intents {
	char **what;
	size_t n, cap;
};

static int collect(void *arg, const char *what)
{
	struct intents *list = arg;

	list->what = xgrow(list->what, list->n, &list->cap, sizeof *list->what);
	list->what[list->n++] = xstrdup(what);
	return 0;
}

static void release_intents(struct intents *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->what[i]);
	free(list->what);
}

#define AUTO_INTENTS __attribute__((cleanup(release_intents)))

/* Those that the held lock guards: of datasets themselves (`ds` NULL), or of parts of `ds`. */
static int heal_guarded(struct datasets *d, const char *ds, struct error *err)
{
	AUTO_INTENTS struct intents list = { 0 };
	int rc = catalog_each_intent(d->catalog, collect, &list, err);

	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		const char *what = list.what[i];
		bool part = strlen(what) > DATASET_ID_LEN;

		if (ds ? part && strncmp(what, ds, DATASET_ID_LEN) == 0 : !part)
			rc = heal_one(d, what, err);
	}
	return rc;
}

static int check_outside(const struct datasets *d, struct error *err)
{
	if (!catalog_in_transaction(d->catalog))
		return 0;
	return error_set(err, SLUICE_INVALID,
	                 "datasets cannot change while a transaction of the catalog is open");
}

int index_lock_names(struct datasets *d, struct error *err)
{
	int rc = check_outside(d, err);
	AUTO_FD int fd = rc < 0 ? rc : store_lock_names(d->store, err);

	if (fd < 0)
		return fd;
	rc = heal_guarded(d, NULL, err);
	return rc < 0 ? rc : take_fd(&fd);
}

int index_lock_dataset(struct datasets *d, const char *ds, struct error *err)
{
	int rc = check_outside(d, err);
	AUTO_FD int fd = rc < 0 ? rc : store_lock_dataset(d->store, ds, err);

	if (fd < 0)
		return fd;
	rc = heal_guarded(d, ds, err);
	return rc < 0 ? rc : take_fd(&fd);
}

int index_intend(struct datasets *d, const char *what, struct error *err)
{
	return catalog_put_intent(d->catalog, what, err);
}

int index_heal(struct datasets *d, struct error *err)
{
	AUTO_INTENTS struct intents list = { 0 };
	int rc = catalog_each_intent(d->catalog, collect, &list, err);

	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		char ds[DATASET_ID_LEN + 1];
		AUTO_FD int lock = -1;

		text_copy(ds, sizeof ds, list.what[i]);
		lock = list.what[i][strlen(ds)] == '/' ? index_lock_dataset(d, ds, err)
		                                       : index_lock_names(d, err);
		rc = lock < 0 ? lock : 0;
	}
	if (rc == 0)
		d->behind = false;
	return rc;
}

int index_catch_up(struct datasets *d, struct error *err)
{
	return d->behind && !catalog_in_transaction(d->catalog) ? index_heal(d, err) : 0;
}

/* --- rows without records ------------------------------------------------------------------ */

struct losses {
	struct datasets *d;
	catalog_version_fn *fn;
	void *arg;
	struct error *err;
};

static int see_row(void *arg, const struct catalog_version *row)
{
	const struct losses *l = arg;
	char path[RECORD_PATH_SIZE];

	return store_has_record(l->d->store, record_version_path(row->dataset, row->id, path))
	               ? 0
	               : l->fn(l->arg, row);
}

static int see_rows_of(void *arg, const struct catalog_dataset *row)
{
	struct losses *l = arg;

	return catalog_each_in_state(l->d->catalog, row->id, true, see_row, l, l->err);
}

int index_each_lost(struct datasets *d, catalog_version_fn *fn, void *arg, struct error *err)
{
	struct losses l = { .d = d, .fn = fn, .arg = arg, .err = err };
	int rc = index_heal(d, err); /* what dead writers were about is no loss */

	return rc < 0 ? rc : catalog_each_dataset(d->catalog, NULL, see_rows_of, &l, err);
}

/* --- sequence numbers ---------------------------------------------------------------------- */

struct tally {
	int64_t rows, highest;
};

static int add_row(void *arg, const struct catalog_version *row)
{
	struct tally *t = arg;

	if (!row->committed)
		return 0;
	t->rows++;
	if (row->seq > t->highest)
		t->highest = row->seq;
	return 0;
}

static int count_name(void *arg, const char *name)
{
	int64_t *n = arg;
	char ver[VERSION_ID_LEN + 1];

	*n += record_is_of_version(name, ver);
	return 0;
}

int index_dataset_again(struct datasets *d, const char *ds, struct error *err)
{
	int rc = catalog_begin(d->catalog, err);

	return rc < 0 ? rc : finish(d, index_whole_dataset(d, ds, NULL, err), err);
}

/* The rows are trusted only if there are as many as records: somebody may have put back an older
 * catalog.db, or deleted it under a process that still writes to it. */
int index_next_seq(struct datasets *d, const char *ds, int64_t *ret_seq, struct error *err)
{
	struct tally t = { 0 };
	int64_t records = 0;
	char path[RECORD_PATH_SIZE];
	int rc;

	if (snprintf(path, sizeof path, "%s/versions", ds) < 0)
		path[0] = '\0';
	rc = store_list_records(d->store, path, count_name, &records, err);
	if (rc == 0)
		rc = catalog_each_version(d->catalog, ds, NULL, add_row, &t, err);
	if (rc == 0 && t.rows != records) {
		t = (struct tally){ 0 };
		rc = index_dataset_again(d, ds, err);
		if (rc == 0)
			rc = catalog_each_version(d->catalog, ds, NULL, add_row, &t, err);
	}
	if (rc == 0)
		*ret_seq = t.highest + 1;
	return rc;
}
