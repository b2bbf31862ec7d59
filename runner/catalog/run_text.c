/* The rows of one run as a text that lies in the run's directory, and rows from such a text. */
#include <string.h>

#include "catalog/catalog.h"
#include "catalog/stmt.h"

/* The format of the text; the names are those of the columns. */
static const char print_sql[] =
	"SELECT json_object('format', 1, 'workflow', workflow, 'number', number, 'phase', phase,"
	" 'message', message, 'created_ms', created_ms, 'started_ms', started_ms,"
	" 'finished_ms', finished_ms,"
	" 'jobs', (SELECT json_group_array(json_object('name', name, 'place', place,"
	"   'state', state, 'message', message, 'attempt', attempt, 'exit_code', exit_code,"
	"   'signal', signal, 'started_ms', started_ms, 'finished_ms', finished_ms,"
	"   'cpu_ms', cpu_ms, 'peak_bytes', peak_bytes, 'read_bytes', read_bytes,"
	"   'written_bytes', written_bytes)) FROM job WHERE run = ?1),"
	" 'links', (SELECT json_group_array(json_object('job', job, 'is_output', is_output,"
	"   'name', name, 'dataset', dataset, 'version', version, 'committed', committed))"
	"   FROM link WHERE run = ?1),"
	" 'events', (SELECT json_group_array(json_object('job', job, 'attempt', attempt,"
	"   'state', state, 'detail', detail, 'at_ms', at_ms))"
	"   FROM (SELECT * FROM event WHERE run = ?1 ORDER BY id)))"
	" FROM run WHERE uuid = ?1";

/* ?1 is the run, ?2 the text; in the order in which rows need each other.  A number that another
 * run of the workflow has been given meanwhile is replaced by the next one. */
static const char run_sql[] =
	"INSERT INTO run (uuid, workflow, number, phase, message, spec, created_ms, started_ms,"
	" finished_ms)"
	" SELECT ?1, t.w, CASE WHEN EXISTS (SELECT 1 FROM run WHERE workflow = t.w"
	"   AND number = t.n AND uuid <> ?1)"
	"   THEN 1 + max((SELECT max(number) FROM run WHERE workflow = t.w),"
	"   coalesce((SELECT last_number FROM workflow WHERE name = t.w), 0)) ELSE t.n END,"
	" json_extract(?2, '$.phase'), json_extract(?2, '$.message'), ?3,"
	" json_extract(?2, '$.created_ms'), json_extract(?2, '$.started_ms'),"
	" json_extract(?2, '$.finished_ms')"
	" FROM (SELECT json_extract(?2, '$.workflow') AS w, json_extract(?2, '$.number') AS n) AS t"
	" WHERE true"
	" ON CONFLICT (uuid) DO UPDATE SET phase = excluded.phase, message = excluded.message,"
	" started_ms = excluded.started_ms, finished_ms = excluded.finished_ms"
	" WHERE excluded.phase NOT IN ('PENDING', 'RUNNING')";

static const char *const part_sql[] = {
	"INSERT INTO workflow (name, last_number) SELECT workflow, number FROM run"
	" WHERE uuid = ?1 AND ?2 IS NOT NULL ON CONFLICT (name) DO UPDATE"
	" SET last_number = excluded.last_number WHERE excluded.last_number > last_number",

	/* what the text does not say is not known */
	"INSERT OR IGNORE INTO job (run, name, place, state, message, attempt, exit_code, signal,"
	" started_ms, finished_ms, cpu_ms, peak_bytes, read_bytes, written_bytes)"
	" SELECT ?1, json_extract(value, '$.name'),"
	" coalesce(json_extract(value, '$.place'), 0), json_extract(value, '$.state'),"
	" json_extract(value, '$.message'), coalesce(json_extract(value, '$.attempt'), 0),"
	" coalesce(json_extract(value, '$.exit_code'), -1),"
	" coalesce(json_extract(value, '$.signal'), 0),"
	" coalesce(json_extract(value, '$.started_ms'), 0),"
	" coalesce(json_extract(value, '$.finished_ms'), 0),"
	" coalesce(json_extract(value, '$.cpu_ms'), 0),"
	" coalesce(json_extract(value, '$.peak_bytes'), 0),"
	" coalesce(json_extract(value, '$.read_bytes'), 0),"
	" coalesce(json_extract(value, '$.written_bytes'), 0)"
	" FROM json_each(?2, '$.jobs')",

	"INSERT OR IGNORE INTO link (run, job, is_output, name, dataset, version, committed)"
	" SELECT ?1, json_extract(value, '$.job'), json_extract(value, '$.is_output'),"
	" json_extract(value, '$.name'), json_extract(value, '$.dataset'),"
	" json_extract(value, '$.version'), json_extract(value, '$.committed')"
	" FROM json_each(?2, '$.links')",

	"INSERT OR IGNORE INTO event (run, job, attempt, state, detail, at_ms)"
	" SELECT ?1, json_extract(value, '$.job'), json_extract(value, '$.attempt'),"
	" json_extract(value, '$.state'), json_extract(value, '$.detail'),"
	" json_extract(value, '$.at_ms') FROM json_each(?2, '$.events')"
	" WHERE NOT EXISTS (SELECT 1 FROM event WHERE run = ?1)",
};

int catalog_print_run(struct catalog *c, const char *uuid, struct strbuf *text, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(c, print_sql);
	int rc;

	stmt_text(&st, uuid);
	rc = stmt_step(&st, err);
	if (rc == 0)
		return error_set(err, SLUICE_NOT_FOUND, "no run '%s' in the catalog", uuid);
	if (rc == STMT_ROW)
		strbuf_addstr(text, stmt_col_text(&st, 0));
	return rc < 0 ? rc : 0;
}

/* Whether it is such a text, and one of a run that has ended. */
static int check(struct catalog *c, const char *text, bool *ret_ended, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "SELECT json_extract(?1, '$.phase') NOT IN ('PENDING', 'RUNNING')"
		   " WHERE CASE WHEN json_valid(?1) THEN json_extract(?1, '$.format') = 1"
		   " AND json_type(?1, '$.workflow') = 'text'"
		   " AND json_type(?1, '$.phase') = 'text'"
		   " AND json_type(?1, '$.number') = 'integer'"
		   " AND json_type(?1, '$.created_ms') = 'integer'"
		   " AND json_type(?1, '$.started_ms') = 'integer'"
		   " AND json_type(?1, '$.finished_ms') = 'integer' END");
	int rc;

	stmt_text(&st, text);
	rc = stmt_step(&st, err);
	if (rc == 0)
		return error_set(err, SLUICE_CORRUPT, "these are no rows of a run");
	*ret_ended = rc == STMT_ROW && stmt_col_int(&st, 0) != 0;
	return rc < 0 ? rc : 0;
}

/* What the text says of the end is the last word. */
static int delete_parts(struct catalog *c, const char *uuid, struct error *err)
{
	static const char *const sql[] = {
		"DELETE FROM job WHERE run = ?1",
		"DELETE FROM link WHERE run = ?1",
		"DELETE FROM event WHERE run = ?1",
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof sql / sizeof *sql; i++) {
		AUTO_STMT struct stmt st = stmt_begin(c, sql[i]);

		stmt_text(&st, uuid);
		rc = stmt_run(&st, err);
	}
	return rc;
}

static int put(struct catalog *c, const char *sql, const char *uuid, const char *text,
               const char *spec, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(c, sql);

	stmt_text(&st, uuid);
	stmt_text(&st, text);
	if (sql == run_sql)
		stmt_text(&st, spec);
	return stmt_run(&st, err);
}

int catalog_restore_run(struct catalog *c, const char *uuid, const char *text, const char *spec,
                        bool *ret_changed, struct error *err)
{
	int before = sqlite3_total_changes(c->db);
	bool ended = false;
	int rc = check(c, text, &ended, err);

	if (rc == 0)
		rc = catalog_begin(c, err);
	if (rc < 0)
		return rc;
	if (ended)
		rc = delete_parts(c, uuid, err);
	if (rc == 0)
		rc = put(c, run_sql, uuid, text, spec, err);
	for (size_t i = 0; rc == 0 && i < sizeof part_sql / sizeof *part_sql; i++)
		rc = put(c, part_sql[i], uuid, text, NULL, err);
	if (rc == 0)
		rc = catalog_commit(c, err);
	else
		catalog_rollback(c);
	*ret_changed = sqlite3_total_changes(c->db) != before;
	return rc;
}

int catalog_order_runs(struct catalog *c, struct error *err)
{
	int rc = catalog_begin(c, err);

	if (rc < 0)
		return rc;
	rc = stmt_exec(c,
	               "UPDATE run SET id = -o.place FROM (SELECT uuid, row_number() OVER"
	               " (ORDER BY created_ms, id) AS place FROM run) AS o"
	               " WHERE o.uuid = run.uuid;"
	               "UPDATE run SET id = -id",
	               err);
	if (rc == 0)
		return catalog_commit(c, err);
	catalog_rollback(c);
	return rc;
}
