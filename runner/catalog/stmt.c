#include "catalog/stmt.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/xalloc.h"

static const struct {
	int rc; /* SQLite's code, extended ones before their primary one */
	enum sluice_err class;
	const char *words;
} failures[] = {
	{ SQLITE_CORRUPT, SLUICE_CORRUPT, "is damaged; 'sluice store recover' makes it anew" },
	{ SQLITE_NOTADB, SLUICE_CORRUPT,
	  "is no database of sluice; 'sluice store recover' makes it anew" },
	{ SQLITE_BUSY, SLUICE_SYSTEM, "is kept locked by another process" },
	{ SQLITE_FULL, SLUICE_SYSTEM, "cannot grow; free some space there and do it again" },
	{ SQLITE_READONLY, SLUICE_SYSTEM, "cannot be written" },
	{ SQLITE_CANTOPEN, SLUICE_SYSTEM, "cannot be opened" },
	{ SQLITE_CONSTRAINT_FOREIGNKEY, SLUICE_NOT_FOUND, "lacks what the new row belongs to" },
	{ SQLITE_CONSTRAINT_UNIQUE, SLUICE_EXISTS, "has such a row already" },
	{ SQLITE_CONSTRAINT, SLUICE_INVALID, "refuses a row" },
};

/* SQLite says of a full disk, too, that it met an I/O error or cannot open a file: the files beside
 * the database are made when it is opened. */
static bool is_disk_full(struct catalog *c, int rc)
{
	int sys = c->db ? sqlite3_system_errno(c->db) : 0;
	struct statvfs fs;

	if ((rc & 0xff) != SQLITE_IOERR && (rc & 0xff) != SQLITE_CANTOPEN)
		return false;
	if (sys == ENOSPC || sys == EDQUOT)
		return true;
	return statvfs(c->path, &fs) == 0 &&
	       (fs.f_bavail == 0 || (fs.f_files > 0 && fs.f_favail == 0));
}

int stmt_error(struct catalog *c, int rc, struct error *err)
{
	const char *detail = c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);

	if (is_disk_full(c, rc))
		return error_set(err, SLUICE_SYSTEM,
		                 "catalog '%s' cannot grow: the disk is full (blocks or inodes); "
		                 "free some there and do it again",
		                 c->path);
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
		if (failures[i].rc == rc || failures[i].rc == (rc & 0xff))
			return error_set(err, failures[i].class, "catalog '%s' %s (%s)", c->path,
			                 failures[i].words, detail);
	return error_set(err, SLUICE_SYSTEM, "catalog '%s': %s", c->path, detail);
}

static struct stmt_slot *find_slot(struct catalog *c, const char *sql)
{
	for (size_t i = 0; i < c->slots; i++)
		if (c->slot[i].sql == sql && !c->slot[i].lent)
			return &c->slot[i];
	return NULL;
}

/* A statement that is in use already (a visitor asks what its caller asked) is prepared again. */
struct stmt stmt_begin(struct catalog *c, const char *sql)
{
	struct stmt_slot *slot = find_slot(c, sql);
	struct stmt st = { .c = c };

	if (!slot) {
		st.rc = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st.prepared,
		                           NULL);
		if (st.rc != SQLITE_OK)
			return st;
		c->slot = xgrow(c->slot, c->slots, &c->cap, sizeof *c->slot);
		slot = &c->slot[c->slots++];
		*slot = (struct stmt_slot){ .sql = sql, .prepared = st.prepared };
	}
	slot->lent = true;
	st.prepared = slot->prepared;
	return st;
}

void stmt_end(struct stmt *st)
{
	if (!st->prepared) /* that failed, and SQLite takes no NULL here */
		return;
	for (size_t i = 0; i < st->c->slots; i++)
		if (st->c->slot[i].prepared == st->prepared)
			st->c->slot[i].lent = false;
	(void)sqlite3_reset(st->prepared); /* says again what stmt_step has said */
	(void)sqlite3_clear_bindings(st->prepared);
}

void stmt_text(struct stmt *st, const char *text)
{
	if (st->rc == SQLITE_OK)
		st->rc = sqlite3_bind_text(st->prepared, ++st->bound, text, -1, SQLITE_STATIC);
}

void stmt_int(struct stmt *st, int64_t value)
{
	if (st->rc == SQLITE_OK)
		st->rc = sqlite3_bind_int64(st->prepared, ++st->bound, value);
}

int stmt_step(struct stmt *st, struct error *err)
{
	if (st->rc == SQLITE_OK || st->rc == SQLITE_ROW)
		st->rc = sqlite3_step(st->prepared);
	if (st->rc == SQLITE_ROW)
		return STMT_ROW;
	return st->rc == SQLITE_DONE ? 0 : stmt_error(st->c, st->rc, err);
}

int stmt_run(struct stmt *st, struct error *err)
{
	int rc;

	do
		rc = stmt_step(st, err);
	while (rc == STMT_ROW);
	return rc;
}

const char *stmt_col_text(struct stmt *st, int column)
{
	return (const char *)sqlite3_column_text(st->prepared, column);
}

int64_t stmt_col_int(struct stmt *st, int column)
{
	return sqlite3_column_int64(st->prepared, column);
}

int stmt_exec(struct catalog *c, const char *sql, struct error *err)
{
	int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : stmt_error(c, rc, err);
}

void stmt_free_all(struct catalog *c)
{
	for (size_t i = 0; i < c->slots; i++)
		(void)sqlite3_finalize(c->slot[i].prepared);
	free(c->slot);
	c->slot = NULL;
	c->slots = c->cap = 0;
}
