#include "catalog/catalog.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/xalloc.h"
#include "catalog/stmt.h"

enum { RUN_PREFIX_MIN = 4 };

/* One statement, so that two processes cannot get the same. */
static int next_number(struct catalog *c, const char *workflow, int64_t *ret_number,
                       struct error *err)
{
	AUTO_STMT struct stmt st =
		stmt_begin(c, "INSERT INTO workflow (name, last_number) VALUES (?1, 1)"
	                      " ON CONFLICT (name) DO UPDATE SET last_number = last_number + 1"
	                      " RETURNING last_number");
	int rc;

	stmt_text(&st, workflow);
	rc = stmt_step(&st, err);
	if (rc != STMT_ROW)
		return rc;
	*ret_number = stmt_col_int(&st, 0);
	return stmt_run(&st, err);
}

static int insert_run(struct catalog *c, const struct catalog_run *run, int64_t number,
                      struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "INSERT INTO run (uuid, workflow, number, phase, message, spec, created_ms,"
		   " started_ms, finished_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");

	stmt_text(&st, run->uuid);
	stmt_text(&st, run->workflow);
	stmt_int(&st, number);
	stmt_text(&st, run->phase);
	stmt_text(&st, run->message);
	stmt_text(&st, run->spec);
	stmt_int(&st, run->created_ms);
	stmt_int(&st, run->started_ms);
	stmt_int(&st, run->finished_ms);
	return stmt_run(&st, err);
}

/* A run that cannot be inserted takes no number. */
int catalog_add_run(struct catalog *c, const struct catalog_run *run, int64_t *ret_number,
                    struct error *err)
{
	int64_t number = 0;
	int rc = catalog_begin(c, err);

	if (rc < 0)
		return rc;
	rc = next_number(c, run->workflow, &number, err);
	if (rc == 0)
		rc = insert_run(c, run, number, err);
	if (rc < 0) {
		catalog_rollback(c);
		return error_wrap(err, "cannot record run '%s'", run->uuid);
	}
	rc = catalog_commit(c, err);
	if (rc == 0)
		*ret_number = number;
	return rc;
}

/* For a change that must meet a row. */
static int need_change(struct catalog *c, const char *uuid, struct error *err)
{
	if (sqlite3_changes(c->db) > 0)
		return 0;
	return error_set(err, SLUICE_NOT_FOUND, "no run '%s' in the catalog", uuid);
}

int catalog_update_run(struct catalog *c, const struct catalog_run *run, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "UPDATE run SET phase = ?2, message = ?3, created_ms = ?4, started_ms = ?5,"
		   " finished_ms = ?6 WHERE uuid = ?1");
	int rc;

	stmt_text(&st, run->uuid);
	stmt_text(&st, run->phase);
	stmt_text(&st, run->message);
	stmt_int(&st, run->created_ms);
	stmt_int(&st, run->started_ms);
	stmt_int(&st, run->finished_ms);
	rc = stmt_run(&st, err);
	return rc < 0 ? rc : need_change(c, run->uuid, err);
}

int catalog_delete_run(struct catalog *c, const char *uuid, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(c, "DELETE FROM run WHERE uuid = ?1");
	int rc;

	stmt_text(&st, uuid);
	rc = stmt_run(&st, err);
	return rc < 0 ? rc : need_change(c, uuid, err);
}

int catalog_put_job(struct catalog *c, const struct catalog_job *job, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "INSERT INTO job (run, name, place, state, message, attempt, exit_code, signal,"
		   " started_ms, finished_ms, cpu_ms, peak_bytes, read_bytes, written_bytes)"
		   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
		   " ON CONFLICT (run, name) DO UPDATE SET place = excluded.place,"
		   " state = excluded.state, message = excluded.message,"
		   " attempt = excluded.attempt, exit_code = excluded.exit_code,"
		   " signal = excluded.signal, started_ms = excluded.started_ms,"
		   " finished_ms = excluded.finished_ms, cpu_ms = excluded.cpu_ms,"
		   " peak_bytes = excluded.peak_bytes, read_bytes = excluded.read_bytes,"
		   " written_bytes = excluded.written_bytes");
	int rc;

	stmt_text(&st, job->run);
	stmt_text(&st, job->name);
	stmt_int(&st, job->index);
	stmt_text(&st, job->state);
	stmt_text(&st, job->message);
	stmt_int(&st, job->attempt);
	stmt_int(&st, job->exit_code);
	stmt_int(&st, job->signal);
	stmt_int(&st, job->started_ms);
	stmt_int(&st, job->finished_ms);
	stmt_int(&st, job->usage.cpu_ms);
	stmt_int(&st, job->usage.peak_bytes);
	stmt_int(&st, job->usage.read_bytes);
	stmt_int(&st, job->usage.written_bytes);
	rc = stmt_run(&st, err);
	return rc < 0 ? error_wrap(err, "cannot record job '%s'", job->name) : 0;
}

int catalog_put_link(struct catalog *c, const struct catalog_link *link, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "INSERT INTO link (run, job, is_output, name, dataset, version, committed)"
		   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
		   " ON CONFLICT (run, job, is_output, name) DO UPDATE SET"
		   " dataset = excluded.dataset, version = excluded.version,"
		   " committed = excluded.committed");
	int rc;

	stmt_text(&st, link->run);
	stmt_text(&st, link->job);
	stmt_int(&st, link->is_output);
	stmt_text(&st, link->name);
	stmt_text(&st, link->dataset);
	stmt_text(&st, link->version);
	stmt_int(&st, link->committed);
	rc = stmt_run(&st, err);
	return rc < 0 ? error_wrap(err, "cannot record '%s' of job '%s'", link->name, link->job)
	              : 0;
}

int catalog_add_event(struct catalog *c, const char *run, const char *job, int attempt,
                      const char *state, const char *detail, int64_t at_ms, struct error *err)
{
	AUTO_STMT struct stmt st =
		stmt_begin(c, "INSERT INTO event (run, job, attempt, state, detail, at_ms)"
	                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

	stmt_text(&st, run);
	stmt_text(&st, job);
	stmt_int(&st, attempt);
	stmt_text(&st, state);
	stmt_text(&st, detail);
	stmt_int(&st, at_ms);
	return stmt_run(&st, err);
}

#define RUN_COLUMNS " uuid, workflow, number, phase, message, created_ms, started_ms, finished_ms, "

static int visit_runs(struct stmt *st, catalog_run_fn *fn, void *arg, struct error *err)
{
	int rc;

	while ((rc = stmt_step(st, err)) == STMT_ROW) {
		struct catalog_run run = {
			.workflow = stmt_col_text(st, 1),
			.number = stmt_col_int(st, 2),
			.phase = stmt_col_text(st, 3),
			.message = stmt_col_text(st, 4),
			.created_ms = stmt_col_int(st, 5),
			.started_ms = stmt_col_int(st, 6),
			.finished_ms = stmt_col_int(st, 7),
			.spec = stmt_col_text(st, 8),
		};

		if (snprintf(run.uuid, sizeof run.uuid, "%s", stmt_col_text(st, 0)) < 0)
			run.uuid[0] = '\0';
		rc = fn(arg, &run);
		if (rc != 0)
			return rc;
	}
	return rc;
}

static int64_t limit_of(int64_t most)
{
	return most > 0 ? most : -1; /* SQLite's "no limit" */
}

static int each_of_workflow(struct catalog *c, const char *workflow, int64_t most,
                            catalog_run_fn *fn, void *arg, struct error *err)
{
	AUTO_STMT struct stmt st =
		stmt_begin(c, "SELECT" RUN_COLUMNS "NULL FROM run"
	                      " WHERE ?1 IS NULL OR workflow = ?1 ORDER BY id DESC LIMIT ?2");

	stmt_text(&st, workflow);
	stmt_int(&st, limit_of(most));
	return visit_runs(&st, fn, arg, err);
}

static int visit_latest(struct catalog *c, const char *workflow, catalog_run_fn *fn, void *arg,
                        struct error *err)
{
	AUTO_STMT struct stmt st =
		stmt_begin(c, "SELECT" RUN_COLUMNS "spec FROM run"
	                      " WHERE ?1 IS NULL OR workflow = ?1 ORDER BY id DESC LIMIT 1");

	stmt_text(&st, workflow);
	return visit_runs(&st, fn, arg, err);
}

/* 'g' comes after every character of a UUID. */
static int each_with_prefix(struct catalog *c, const char *prefix, const char *workflow,
                            int64_t most, catalog_run_fn *fn, void *arg, struct error *err)
{
	AUTO_STMT struct stmt st =
		stmt_begin(c, "SELECT" RUN_COLUMNS "spec FROM run"
	                      " WHERE uuid >= ?1 AND uuid < ?1 || 'g'"
	                      " AND (?2 IS NULL OR workflow = ?2) ORDER BY id DESC LIMIT ?3");

	stmt_text(&st, prefix);
	stmt_text(&st, workflow);
	stmt_int(&st, limit_of(most));
	return visit_runs(&st, fn, arg, err);
}

static int visit_numbered(struct catalog *c, const char *workflow, int64_t number,
                          catalog_run_fn *fn, void *arg, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "SELECT" RUN_COLUMNS "spec FROM run WHERE workflow = ?1 AND number = ?2");

	stmt_text(&st, workflow);
	stmt_int(&st, number);
	return visit_runs(&st, fn, arg, err);
}

static bool is_prefix(const char *which)
{
	size_t len = strlen(which);

	return len >= RUN_PREFIX_MIN && len <= UUID_LEN &&
	       strspn(which, "0123456789abcdef-") == len;
}

/* Names of workflows may hold a slash: the last one counts. */
int catalog_each_run(struct catalog *c, const char *which, const char *workflow, int64_t most,
                     catalog_run_fn *fn, void *arg, struct error *err)
{
	const char *slash = which ? strrchr(which, '/') : NULL;
	AUTO_FREE char *name = slash ? xstrndup(which, (size_t)(slash - which)) : NULL;
	uint64_t number;

	if (!which)
		return each_of_workflow(c, workflow, most, fn, arg, err);
	if (strcmp(which, "latest") == 0)
		return visit_latest(c, workflow, fn, arg, err);
	if (is_prefix(which))
		return each_with_prefix(c, which, workflow, most, fn, arg, err);
	if (!slash || !parse_u64(slash + 1, INT64_MAX, &number))
		return error_set(err, SLUICE_INVALID,
		                 "'%s' names no run; write its UUID or the first %d or more "
		                 "characters of it, WORKFLOW/NUMBER, or latest",
		                 which, (int)RUN_PREFIX_MIN);
	if (workflow && strcmp(workflow, name) != 0)
		return 0;
	return visit_numbered(c, name, (int64_t)number, fn, arg, err);
}

int catalog_each_unfinished(struct catalog *c, catalog_run_fn *fn, void *arg, struct error *err)
{
	AUTO_STMT struct stmt st =
		stmt_begin(c, "SELECT" RUN_COLUMNS "spec FROM run"
	                      " WHERE phase IN ('PENDING', 'RUNNING') ORDER BY id DESC");

	return visit_runs(&st, fn, arg, err);
}

int catalog_each_job(struct catalog *c, const char *run, catalog_job_fn *fn, void *arg,
                     struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c,
		"SELECT run, name, place, state, message, attempt, exit_code, signal, started_ms,"
		" finished_ms, cpu_ms, peak_bytes, read_bytes, written_bytes FROM job"
		" WHERE run = ?1 ORDER BY place, name");
	int rc;

	stmt_text(&st, run);
	while ((rc = stmt_step(&st, err)) == STMT_ROW) {
		struct catalog_job job = {
			.name = stmt_col_text(&st, 1),
			.index = stmt_col_int(&st, 2),
			.state = stmt_col_text(&st, 3),
			.message = stmt_col_text(&st, 4),
			.attempt = (int)stmt_col_int(&st, 5),
			.exit_code = (int)stmt_col_int(&st, 6),
			.signal = (int)stmt_col_int(&st, 7),
			.started_ms = stmt_col_int(&st, 8),
			.finished_ms = stmt_col_int(&st, 9),
			.usage = {
				.cpu_ms = stmt_col_int(&st, 10),
				.peak_bytes = stmt_col_int(&st, 11),
				.read_bytes = stmt_col_int(&st, 12),
				.written_bytes = stmt_col_int(&st, 13),
			},
		};

		if (snprintf(job.run, sizeof job.run, "%s", stmt_col_text(&st, 0)) < 0)
			job.run[0] = '\0';
		rc = fn(arg, &job);
		if (rc != 0)
			return rc;
	}
	return rc;
}

int catalog_each_link(struct catalog *c, const char *run, catalog_link_fn *fn, void *arg,
                      struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "SELECT l.run, l.job, l.is_output, l.name, l.dataset, l.version, l.committed,"
		   " d.name FROM link l LEFT JOIN dataset d ON d.id = l.dataset"
		   " WHERE l.run = ?1 ORDER BY l.job, l.is_output, l.name");
	int rc;

	stmt_text(&st, run);
	while ((rc = stmt_step(&st, err)) == STMT_ROW) {
		struct catalog_link link = {
			.job = stmt_col_text(&st, 1),
			.is_output = stmt_col_int(&st, 2) != 0,
			.name = stmt_col_text(&st, 3),
			.dataset = stmt_col_text(&st, 4),
			.version = stmt_col_text(&st, 5),
			.committed = stmt_col_int(&st, 6) != 0,
			.dataset_name = stmt_col_text(&st, 7),
		};

		if (snprintf(link.run, sizeof link.run, "%s", stmt_col_text(&st, 0)) < 0)
			link.run[0] = '\0';
		rc = fn(arg, &link);
		if (rc != 0)
			return rc;
	}
	return rc;
}

int catalog_each_hold(struct catalog *c, const char *dataset, const char *version,
                      catalog_hold_fn *fn, void *arg, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "SELECT r.uuid, r.workflow, r.number, l.job, l.is_output, l.dataset, l.version"
		   " FROM run r JOIN link l ON l.run = r.uuid"
		   " WHERE r.phase IN ('PENDING', 'RUNNING') AND l.dataset IS NOT NULL"
		   " AND l.version IS NOT NULL AND (?1 IS NULL OR l.dataset = ?1)"
		   " AND (?2 IS NULL OR l.version = ?2)"
		   " ORDER BY r.id, l.job, l.is_output, l.name");
	int rc;

	stmt_text(&st, dataset);
	stmt_text(&st, version);
	while ((rc = stmt_step(&st, err)) == STMT_ROW) {
		struct catalog_hold hold = {
			.workflow = stmt_col_text(&st, 1),
			.number = stmt_col_int(&st, 2),
			.job = stmt_col_text(&st, 3),
			.is_output = stmt_col_int(&st, 4) != 0,
			.dataset = stmt_col_text(&st, 5),
			.version = stmt_col_text(&st, 6),
		};

		if (snprintf(hold.run, sizeof hold.run, "%s", stmt_col_text(&st, 0)) < 0)
			hold.run[0] = '\0';
		rc = fn(arg, &hold);
		if (rc != 0)
			return rc;
	}
	return rc;
}

int catalog_each_event(struct catalog *c, const char *run, catalog_event_fn *fn, void *arg,
                       struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(c, "SELECT job, attempt, state, detail, at_ms"
	                                         " FROM event WHERE run = ?1 ORDER BY id");
	int rc;

	stmt_text(&st, run);
	while ((rc = stmt_step(&st, err)) == STMT_ROW) {
		struct catalog_event event = {
			.job = stmt_col_text(&st, 0),
			.attempt = (int)stmt_col_int(&st, 1),
			.state = stmt_col_text(&st, 2),
			.detail = stmt_col_text(&st, 3),
			.at_ms = stmt_col_int(&st, 4),
		};

		rc = fn(arg, &event);
		if (rc != 0)
			return rc;
	}
	return rc;
}
