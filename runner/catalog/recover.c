/*
 * A new catalog in the place of a damaged one.  It is made beside it, takes what can still be read
 * of the history of runs, and gets the name when it is whole; the index of datasets it leaves to
 * who opens it.  Killed on the way, the old one is where it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/xalloc.h"
#include "catalog/catalog.h"
#include "catalog/schema.h"
#include "catalog/stmt.h"

#define NEW_NAME "catalog.db.new"

/* In the order in which rows need each other. */
static const struct {
	const char *read, *write;
	bool is_run;
} tables[] = {
	{ "SELECT id, uuid, workflow, number, phase, message, spec, created_ms, started_ms,"
	  " finished_ms FROM run",
	  "INSERT OR IGNORE INTO run (id, uuid, workflow, number, phase, message, spec,"
	  " created_ms, started_ms, finished_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	  true },
	{ "SELECT run, name, place, state, message, attempt, exit_code, signal, started_ms,"
	  " finished_ms, cpu_ms, peak_bytes, read_bytes, written_bytes FROM job",
	  "INSERT OR IGNORE INTO job (run, name, place, state, message, attempt, exit_code,"
	  " signal, started_ms, finished_ms, cpu_ms, peak_bytes, read_bytes, written_bytes)"
	  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
	  false },
	{ "SELECT run, job, is_output, name, dataset, version, committed FROM link",
	  "INSERT OR IGNORE INTO link (run, job, is_output, name, dataset, version, committed)"
	  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	  false },
	{ "SELECT id, run, job, attempt, state, detail, at_ms FROM event",
	  "INSERT OR IGNORE INTO event (id, run, job, attempt, state, detail, at_ms)"
	  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	  false },
	{ "SELECT name, last_number FROM workflow",
	  "INSERT OR IGNORE INTO workflow (name, last_number) VALUES (?1, ?2)", false },
};

/* A row that cannot be put (what it belongs to is lost) is left out. */
static bool copy_row(sqlite3_stmt *from, sqlite3_stmt *to)
{
	bool put;

	for (int i = 0; i < sqlite3_column_count(from); i++)
		(void)sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
	put = sqlite3_step(to) == SQLITE_DONE;
	(void)sqlite3_reset(to);
	(void)sqlite3_clear_bindings(to);
	return put;
}

/* As far as it can be read; returns whether that is to the end. */
static bool copy_table(sqlite3 *from, sqlite3 *to, size_t i, uint64_t *ret_rows)
{
	sqlite3_stmt *read = NULL;
	sqlite3_stmt *write = NULL;
	int rc = sqlite3_prepare_v2(from, tables[i].read, -1, &read, NULL);

	*ret_rows = 0;
	if (rc == SQLITE_OK && sqlite3_prepare_v2(to, tables[i].write, -1, &write, NULL) == 0)
		while ((rc = sqlite3_step(read)) == SQLITE_ROW)
			*ret_rows += copy_row(read, write);
	(void)sqlite3_finalize(read);
	(void)sqlite3_finalize(write);
	return rc == SQLITE_DONE;
}

/* A catalog of a newer sluice is not damaged. */
static int check_age(struct catalog *old, struct error *err)
{
	struct error why;

	if (schema_migrate(old, &why) == SLUICE_INVALID) {
		*err = why;
		return why.class;
	}
	return 0;
}

static int copy_history(struct catalog *old, struct catalog *new, struct catalog_recovered *result,
                        struct error *err)
{
	bool whole = true;
	int rc = check_age(old, err);

	if (rc == 0)
		rc = catalog_begin(new, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		uint64_t rows;

		whole = copy_table(old->db, new->db, i, &rows) && whole;
		if (tables[i].is_run)
			result->runs = rows;
	}
	result->whole = whole;
	return catalog_commit(new, err);
}

static struct catalog *new_catalog(const char *home, const char *name)
{
	struct catalog *c = xcalloc(1, sizeof *c);

	c->path = xasprintf("%s/%s", home, name);
	return c;
}

/* A file with its companions: the log of writes belongs to it. */
static int rename_all(int home, const char *from, const char *to)
{
	static const char *const suffix[] = { "-wal", "-shm", "" };

	for (size_t i = 0; i < sizeof suffix / sizeof suffix[0]; i++) {
		AUTO_FREE char *a = xasprintf("%s%s", from, suffix[i]);
		AUTO_FREE char *b = xasprintf("%s%s", to, suffix[i]);

		if (renameat(home, a, home, b) != 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int remove_new(int home)
{
	static const char *const name[] = { NEW_NAME, NEW_NAME "-wal", NEW_NAME "-shm" };

	for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
		if (unlinkat(home, name[i], 0) != 0 && errno != ENOENT)
			return -errno;
	return 0;
}

static int build(int fd, const char *home, bool exists, struct catalog_recovered *result,
                 struct error *err)
{
	struct catalog *old = new_catalog(home, "catalog.db");
	struct catalog *new = new_catalog(home, NEW_NAME);
	struct error ignored;
	int rc = remove_new(fd);

	if (rc < 0)
		rc = error_sys(err, rc, "cannot remove '%s'", new->path);
	if (rc == 0)
		rc = catalog_connect(new, err);
	if (rc == 0)
		rc = schema_migrate(new, err);
	if (rc == 0 && exists && catalog_connect(old, &ignored) == 0)
		rc = copy_history(old, new, result, err);
	catalog_close(old);
	catalog_close(new);
	return rc;
}

int catalog_recover(const char *home, struct catalog_recovered *ret_result, struct error *err)
{
	AUTO_FD int fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int lock = fd < 0 ? -errno : lock_take(fd, "catalog.lock", LOCK_EXCLUSIVE, true);
	struct catalog_recovered result = { .whole = false };
	char id[DATASET_ID_LEN + 1];
	bool exists;
	int rc;

	if (lock < 0)
		return error_sys(err, lock, "cannot lock '%s/catalog.lock'", home);
	exists = faccessat(fd, "catalog.db", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	rc = build(fd, home, exists, &result, err);
	if (rc < 0)
		return rc;
	if (exists) {
		id_new_dataset(id);
		(void)snprintf(result.kept, sizeof result.kept, "catalog.db.old-%.6s", id + 2);
		rc = rename_all(fd, "catalog.db", result.kept);
	}
	if (rc == 0)
		rc = rename_all(fd, NEW_NAME, "catalog.db");
	if (rc == 0)
		rc = io_fsync_dir(fd, ".");
	*ret_result = result;
	return rc < 0 ? error_sys(err, rc, "cannot put a new catalog into '%s'", home) : 0;
}
