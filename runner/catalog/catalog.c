#include "catalog/catalog.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/xalloc.h"
#include "catalog/schema.h"
#include "catalog/stmt.h"

enum { CATALOG_BUSY_MS = 10000 };

/*
 * NORMAL: a kill loses nothing, a power cut may lose the last transactions.  The records are
 * durable by themselves, and the boot id tells the next opener to read them again.
 */
static const char setup[] = "PRAGMA journal_mode = WAL;"
			    "PRAGMA synchronous = NORMAL;"
			    "PRAGMA foreign_keys = ON;"
			    "PRAGMA trusted_schema = OFF;";

/* An unknown boot id proves nothing: then the index is always stale. */
int catalog_is_stale(struct catalog *c, bool *ret_stale, struct error *err)
{
	AUTO_STMT struct stmt st =
		stmt_begin(c, "SELECT 1 FROM meta WHERE key = 'fresh' AND value = ?1");
	char boot[37];
	int rc;

	clock_boot_id(boot);
	stmt_text(&st, boot);
	rc = stmt_step(&st, err);
	if (rc < 0)
		return rc;
	*ret_stale = rc != STMT_ROW || strcmp(boot, "unknown") == 0;
	return 0;
}

int catalog_mark_fresh(struct catalog *c, struct error *err)
{
	AUTO_STMT struct stmt st =
		stmt_begin(c, "INSERT INTO meta (key, value) VALUES ('fresh', ?1)"
	                      " ON CONFLICT (key) DO UPDATE SET value = excluded.value");
	char boot[37];

	clock_boot_id(boot);
	stmt_text(&st, boot);
	return stmt_run(&st, err);
}

int catalog_mark_stale(struct catalog *c, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(c, "DELETE FROM meta WHERE key = 'fresh'");

	return stmt_run(&st, err);
}

/* Closes the descriptors at exec: SQLite opens with O_CLOEXEC. */
int catalog_connect(struct catalog *c, struct error *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
	            SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2(c->path, &c->db, flags, NULL);

	if (rc != SQLITE_OK)
		return stmt_error(c, rc, err);
	(void)sqlite3_busy_timeout(c->db, CATALOG_BUSY_MS);
	return stmt_exec(c, setup, err);
}

/* The switch to WAL and the migrations do not wait for each other: a lock of ours makes the
 * openers take turns. */
int catalog_open(const char *home, struct catalog **ret_catalog, bool *ret_stale, struct error *err)
{
	AUTO_FREE char *lock_path = xasprintf("%s/catalog.lock", home);
	AUTO_FD int lock = lock_take(AT_FDCWD, lock_path, LOCK_EXCLUSIVE, true);
	struct catalog *c;
	int rc;

	if (lock < 0)
		return error_sys(err, lock, "cannot lock '%s'", lock_path);
	c = xcalloc(1, sizeof *c);
	c->path = xasprintf("%s/catalog.db", home);
	rc = catalog_connect(c, err);
	if (rc == 0)
		rc = schema_migrate(c, err);
	if (rc == 0)
		rc = catalog_is_stale(c, ret_stale, err);
	if (rc < 0) {
		catalog_close(c);
		return rc;
	}
	*ret_catalog = c;
	return 0;
}

int catalog_open_reader(const char *home, struct catalog **ret_catalog, struct error *err)
{
	struct catalog *c = xcalloc(1, sizeof *c);
	bool ours = false;
	int rc;

	c->path = xasprintf("%s/catalog.db", home);
	rc = sqlite3_open_v2(c->path, &c->db,
	                     SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	                     NULL);
	if (rc != SQLITE_OK)
		rc = stmt_error(c, rc, err);
	else
		rc = schema_is_ours(c, &ours, err);
	if (rc == 0 && !ours)
		rc = error_set(err, SLUICE_NOT_FOUND, "'%s' has another schema", c->path);
	if (rc < 0) {
		catalog_close(c);
		return rc;
	}
	*ret_catalog = c;
	return 0;
}

void catalog_close(struct catalog *c)
{
	struct error ignored; /* nobody is left to hear it; every row that matters was committed */

	if (!c)
		return;
	if (c->depth > 0) {
		c->depth = 1;
		(void)!catalog_commit(c, &ignored);
	}
	stmt_free_all(c);
	(void)sqlite3_close(c->db);
	free(c->path);
	free(c);
}

int catalog_begin(struct catalog *c, struct error *err)
{
	int rc = 0;

	if (c->depth == 0)
		rc = stmt_exec(c, "BEGIN IMMEDIATE", err);
	if (rc == 0)
		c->depth++;
	return rc;
}

bool catalog_in_transaction(const struct catalog *c)
{
	return c->depth > 0;
}

/* After some failures (a full disk) SQLite has rolled back by itself. */
static void undo(struct catalog *c)
{
	if (!sqlite3_get_autocommit(c->db))
		(void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	c->doomed = false;
}

int catalog_commit(struct catalog *c, struct error *err)
{
	int rc;

	if (--c->depth > 0)
		return 0;
	if (c->doomed || sqlite3_get_autocommit(c->db)) {
		undo(c);
		return error_set(err, SLUICE_SYSTEM,
		                 "catalog '%s': the transaction was given up by a step inside it",
		                 c->path);
	}
	rc = stmt_exec(c, "COMMIT", err);
	if (rc < 0)
		undo(c);
	return rc;
}

void catalog_rollback(struct catalog *c)
{
	if (--c->depth > 0)
		c->doomed = true;
	else
		undo(c);
}
