#include "catalog/schema.h"

#include <stdio.h>

#include "catalog/catalog.h"
#include "catalog/stmt.h"

enum { SCHEMA_APPLICATION_ID = 0x736c7569 }; /* "slui" */

/*
 * Step i brings a file from user_version i to i + 1.  A step that was released never changes;
 * what comes later is another step.
 */
static const char *const migrations[] = {
	"PRAGMA application_id = 0x736c7569;"

	/* key 'fresh': the boot id of which the index of datasets is whole */
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"

	/* --- index of datasets; no UNIQUE name and no reference from tag to version: the records
	 * are the truth, and the index must be able to show what they say */
	"CREATE TABLE dataset ("
	"  id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT, provider TEXT,"
	"  created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX dataset_name ON dataset (name);"
	"CREATE TABLE version ("
	"  dataset TEXT NOT NULL REFERENCES dataset ON DELETE CASCADE, id TEXT NOT NULL,"
	"  seq INTEGER NOT NULL, committed INTEGER NOT NULL CHECK (committed IN (0, 1)),"
	"  message TEXT, manifest TEXT, files INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	"  created_ms INTEGER NOT NULL, committed_ms INTEGER NOT NULL,"
	"  run TEXT, job TEXT, attempt INTEGER NOT NULL,"
	"  PRIMARY KEY (dataset, id)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX version_order ON version (dataset, committed, seq DESC, created_ms DESC, id);"
	"CREATE TABLE tag ("
	"  dataset TEXT NOT NULL REFERENCES dataset ON DELETE CASCADE, name TEXT NOT NULL,"
	"  version TEXT NOT NULL, PRIMARY KEY (dataset, name)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE intent (what TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"

	/* --- history of runs; `id` is the order in which they were added */
	"CREATE TABLE run ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE,"
	"  workflow TEXT NOT NULL, number INTEGER NOT NULL, phase TEXT NOT NULL, message TEXT,"
	"  spec TEXT, created_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL,"
	"  finished_ms INTEGER NOT NULL, UNIQUE (workflow, number)) STRICT;"
	"CREATE INDEX run_unfinished ON run (id) WHERE phase IN ('PENDING', 'RUNNING');"
	"CREATE TABLE job ("
	"  run TEXT NOT NULL REFERENCES run (uuid) ON DELETE CASCADE, name TEXT NOT NULL,"
	"  place INTEGER NOT NULL, state TEXT NOT NULL, message TEXT, attempt INTEGER NOT NULL,"
	"  exit_code INTEGER NOT NULL, signal INTEGER NOT NULL, started_ms INTEGER NOT NULL,"
	"  finished_ms INTEGER NOT NULL, PRIMARY KEY (run, name)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE link ("
	"  run TEXT NOT NULL REFERENCES run (uuid) ON DELETE CASCADE, job TEXT NOT NULL,"
	"  is_output INTEGER NOT NULL CHECK (is_output IN (0, 1)), name TEXT NOT NULL,"
	"  dataset TEXT, version TEXT, committed INTEGER NOT NULL CHECK (committed IN (0, 1)),"
	"  PRIMARY KEY (run, job, is_output, name)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE event ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  run TEXT NOT NULL REFERENCES run (uuid) ON DELETE CASCADE, job TEXT,"
	"  attempt INTEGER NOT NULL, state TEXT NOT NULL, detail TEXT, at_ms INTEGER NOT NULL)"
	"  STRICT;"
	"CREATE INDEX event_run ON event (run, id);",

	/* the last number that was given for a workflow: it stays when its run is deleted, so that
	 * WORKFLOW/NUMBER names one run for ever */
	"CREATE TABLE workflow ("
	"  name TEXT PRIMARY KEY, last_number INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"INSERT INTO workflow SELECT workflow, max(number) FROM run GROUP BY workflow;",

	/* what the maker of a version read, as DS:VER, which may be deleted by now; part of the
	 * index of datasets, which is made anew to have it */
	"CREATE TABLE input ("
	"  dataset TEXT NOT NULL, version TEXT NOT NULL, ref TEXT NOT NULL,"
	"  PRIMARY KEY (dataset, version, ref),"
	"  FOREIGN KEY (dataset, version) REFERENCES version ON DELETE CASCADE)"
	"  STRICT, WITHOUT ROWID;"
	"CREATE INDEX input_ref ON input (ref);"
	"DELETE FROM meta WHERE key = 'fresh';",

	/* what the last attempt of a job used; 0: not known */
	"ALTER TABLE job ADD COLUMN cpu_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN peak_bytes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN read_bytes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN written_bytes INTEGER NOT NULL DEFAULT 0;",
};

enum { SCHEMA_VERSION = sizeof migrations / sizeof migrations[0] };

static int read_number(struct catalog *c, const char *pragma, int64_t *ret_value, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(c, pragma);
	int rc = stmt_step(&st, err);

	if (rc < 0)
		return rc;
	*ret_value = rc == STMT_ROW ? stmt_col_int(&st, 0) : 0;
	return 0;
}

static int apply(struct catalog *c, int64_t step, struct error *err)
{
	char bump[64];
	int rc = catalog_begin(c, err);

	if (rc < 0)
		return rc;
	if (snprintf(bump, sizeof bump, "PRAGMA user_version = %d", (int)step + 1) < 0)
		bump[0] = '\0';
	rc = stmt_exec(c, migrations[step], err);
	if (rc == 0)
		rc = stmt_exec(c, bump, err);
	if (rc == 0)
		return catalog_commit(c, err);
	catalog_rollback(c);
	return error_wrap(err, "cannot bring the catalog to schema %d", (int)step + 1);
}

int schema_is_ours(struct catalog *c, bool *ret_ours, struct error *err)
{
	int64_t app = 0, version = 0;
	int rc = read_number(c, "PRAGMA application_id", &app, err);

	if (rc == 0)
		rc = read_number(c, "PRAGMA user_version", &version, err);
	if (rc == 0)
		*ret_ours = app == SCHEMA_APPLICATION_ID && version == SCHEMA_VERSION;
	return rc;
}

int schema_migrate(struct catalog *c, struct error *err)
{
	int64_t app = 0, version = 0, objects = 0;
	int rc = read_number(c, "PRAGMA application_id", &app, err);

	if (rc == 0)
		rc = read_number(c, "PRAGMA user_version", &version, err);
	if (rc == 0)
		rc = read_number(c, "SELECT count(*) FROM sqlite_schema", &objects, err);
	if (rc < 0)
		return rc;
	if (app != SCHEMA_APPLICATION_ID && (app != 0 || version != 0 || objects != 0))
		return stmt_error(c, SQLITE_NOTADB, err);
	if (version > SCHEMA_VERSION)
		return error_set(err, SLUICE_INVALID,
		                 "catalog '%s' has schema %d, and this sluice knows up to %d; use "
		                 "the newer sluice that made it",
		                 c->path, (int)version, (int)SCHEMA_VERSION);
	for (; rc == 0 && version < SCHEMA_VERSION; version++)
		rc = apply(c, version, err);
	return rc;
}
