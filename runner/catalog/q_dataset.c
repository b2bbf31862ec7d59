#include "catalog/catalog.h"

#include <stdio.h>

#include "catalog/stmt.h"

int catalog_put_dataset(struct catalog *c, const struct catalog_dataset *d, struct error *err)
{
	AUTO_STMT struct stmt st =
		stmt_begin(c, "INSERT INTO dataset (id, name, description, provider, created_ms)"
	                      " VALUES (?1, ?2, ?3, ?4, ?5)"
	                      " ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
	                      " description = excluded.description, provider = excluded.provider,"
	                      " created_ms = excluded.created_ms");

	stmt_text(&st, d->id);
	stmt_text(&st, d->name);
	stmt_text(&st, d->description);
	stmt_text(&st, d->provider);
	stmt_int(&st, d->created_ms);
	return stmt_run(&st, err);
}

int catalog_put_version(struct catalog *c, const struct catalog_version *v, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c,
		"INSERT INTO version (dataset, id, seq, committed, message, manifest, files, bytes,"
		" created_ms, committed_ms, run, job, attempt)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
		" ON CONFLICT (dataset, id) DO UPDATE SET seq = excluded.seq,"
		" committed = excluded.committed, message = excluded.message,"
		" manifest = excluded.manifest, files = excluded.files, bytes = excluded.bytes,"
		" created_ms = excluded.created_ms, committed_ms = excluded.committed_ms,"
		" run = excluded.run, job = excluded.job, attempt = excluded.attempt");

	stmt_text(&st, v->dataset);
	stmt_text(&st, v->id);
	stmt_int(&st, v->seq);
	stmt_int(&st, v->committed);
	stmt_text(&st, v->message);
	stmt_text(&st, v->manifest);
	stmt_int(&st, (int64_t)v->files);
	stmt_int(&st, (int64_t)v->bytes);
	stmt_int(&st, v->created_ms);
	stmt_int(&st, v->committed_ms);
	stmt_text(&st, v->run);
	stmt_text(&st, v->job);
	stmt_int(&st, v->attempt);
	return stmt_run(&st, err);
}

int catalog_put_input(struct catalog *c, const struct catalog_version *v, const char *ref,
                      struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "INSERT OR IGNORE INTO input (dataset, version, ref) VALUES (?1, ?2, ?3)");

	stmt_text(&st, v->dataset);
	stmt_text(&st, v->id);
	stmt_text(&st, ref);
	return stmt_run(&st, err);
}

int catalog_put_tag(struct catalog *c, const struct catalog_tag *t, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "INSERT INTO tag (dataset, name, version) VALUES (?1, ?2, ?3)"
		   " ON CONFLICT (dataset, name) DO UPDATE SET version = excluded.version");

	stmt_text(&st, t->dataset);
	stmt_text(&st, t->name);
	stmt_text(&st, t->version);
	return stmt_run(&st, err);
}

/* Runs a statement with one or two parameters; `b` NULL for one. */
static int run_with(struct catalog *c, const char *sql, const char *a, const char *b,
                    struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(c, sql);

	stmt_text(&st, a);
	if (b)
		stmt_text(&st, b);
	return stmt_run(&st, err);
}

int catalog_delete_dataset(struct catalog *c, const char *id, struct error *err)
{
	return run_with(c, "DELETE FROM dataset WHERE id = ?1", id, NULL, err);
}

int catalog_delete_version(struct catalog *c, const char *dataset, const char *id,
                           struct error *err)
{
	return run_with(c, "DELETE FROM version WHERE dataset = ?1 AND id = ?2", dataset, id, err);
}

int catalog_delete_tag(struct catalog *c, const char *dataset, const char *name, struct error *err)
{
	return run_with(c, "DELETE FROM tag WHERE dataset = ?1 AND name = ?2", dataset, name, err);
}

int catalog_clear_datasets(struct catalog *c, struct error *err)
{
	return stmt_exec(c, "DELETE FROM tag; DELETE FROM version; DELETE FROM dataset", err);
}

int catalog_put_intent(struct catalog *c, const char *what, struct error *err)
{
	return run_with(c, "INSERT OR IGNORE INTO intent (what) VALUES (?1)", what, NULL, err);
}

int catalog_delete_intent(struct catalog *c, const char *what, struct error *err)
{
	return run_with(c, "DELETE FROM intent WHERE what = ?1", what, NULL, err);
}

/* A foreign file may hold ids of any length; they are cut, and then found by nobody. */
static void copy_id(char *to, size_t size, const char *id)
{
	if (snprintf(to, size, "%s", id) < 0)
		to[0] = '\0';
}

int catalog_each_dataset(struct catalog *c, const char *like, catalog_dataset_fn *fn, void *arg,
                         struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, like ? "SELECT id, name, description, provider, created_ms FROM dataset"
			  " WHERE id = ?1 OR name = ?1 ORDER BY name, id"
			: "SELECT id, name, description, provider, created_ms FROM dataset"
			  " ORDER BY name, id");
	int rc;

	if (like)
		stmt_text(&st, like);
	while ((rc = stmt_step(&st, err)) == STMT_ROW) {
		struct catalog_dataset d = {
			.name = stmt_col_text(&st, 1),
			.description = stmt_col_text(&st, 2),
			.provider = stmt_col_text(&st, 3),
			.created_ms = stmt_col_int(&st, 4),
		};

		copy_id(d.id, sizeof d.id, stmt_col_text(&st, 0));
		rc = fn(arg, &d);
		if (rc != 0)
			return rc;
	}
	return rc;
}

#define VERSION_COLUMNS                                                             \
	"dataset, id, seq, committed, message, manifest, files, bytes, created_ms," \
	" committed_ms, run, job, attempt"

static void read_version(struct stmt *st, struct catalog_version *ret_version)
{
	*ret_version = (struct catalog_version){
		.seq = stmt_col_int(st, 2),
		.committed = stmt_col_int(st, 3) != 0,
		.message = stmt_col_text(st, 4),
		.manifest = stmt_col_text(st, 5),
		.files = (uint64_t)stmt_col_int(st, 6),
		.bytes = (uint64_t)stmt_col_int(st, 7),
		.created_ms = stmt_col_int(st, 8),
		.committed_ms = stmt_col_int(st, 9),
		.run = stmt_col_text(st, 10),
		.job = stmt_col_text(st, 11),
		.attempt = (int)stmt_col_int(st, 12),
	};
	copy_id(ret_version->dataset, sizeof ret_version->dataset, stmt_col_text(st, 0));
	copy_id(ret_version->id, sizeof ret_version->id, stmt_col_text(st, 1));
}

static int each_version(struct stmt *st, catalog_version_fn *fn, void *arg, struct error *err)
{
	int rc;

	while ((rc = stmt_step(st, err)) == STMT_ROW) {
		struct catalog_version v;

		read_version(st, &v);
		rc = fn(arg, &v);
		if (rc != 0)
			return rc;
	}
	return rc;
}

int catalog_each_version(struct catalog *c, const char *dataset, const char *id,
                         catalog_version_fn *fn, void *arg, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, id ? "SELECT " VERSION_COLUMNS " FROM version WHERE dataset = ?1 AND id = ?2"
		      : "SELECT " VERSION_COLUMNS " FROM version WHERE dataset = ?1"
			" ORDER BY committed, seq DESC, created_ms DESC, id");

	stmt_text(&st, dataset);
	if (id)
		stmt_text(&st, id);
	return each_version(&st, fn, arg, err);
}

int catalog_each_in_state(struct catalog *c, const char *dataset, bool committed,
                          catalog_version_fn *fn, void *arg, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "SELECT " VERSION_COLUMNS " FROM version WHERE dataset = ?1 AND committed = ?2"
		   " ORDER BY seq DESC, created_ms DESC, id");

	stmt_text(&st, dataset);
	stmt_int(&st, committed);
	return each_version(&st, fn, arg, err);
}

int catalog_each_made_from(struct catalog *c, const char *ref, catalog_version_fn *fn, void *arg,
                           struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, "SELECT " VERSION_COLUMNS " FROM version WHERE (dataset, id) IN"
		   " (SELECT dataset, version FROM input WHERE ref = ?1) ORDER BY dataset, id");

	stmt_text(&st, ref);
	return each_version(&st, fn, arg, err);
}

int catalog_each_tag(struct catalog *c, const char *dataset, const char *name, catalog_tag_fn *fn,
                     void *arg, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(
		c, name ? "SELECT name, version FROM tag WHERE dataset = ?1 AND name = ?2"
			: "SELECT name, version FROM tag WHERE dataset = ?1 ORDER BY name");
	int rc;

	stmt_text(&st, dataset);
	if (name)
		stmt_text(&st, name);
	while ((rc = stmt_step(&st, err)) == STMT_ROW) {
		struct catalog_tag t = { .name = stmt_col_text(&st, 0) };

		copy_id(t.dataset, sizeof t.dataset, dataset);
		copy_id(t.version, sizeof t.version, stmt_col_text(&st, 1));
		rc = fn(arg, &t);
		if (rc != 0)
			return rc;
	}
	return rc;
}

int catalog_each_intent(struct catalog *c, catalog_text_fn *fn, void *arg, struct error *err)
{
	AUTO_STMT struct stmt st = stmt_begin(c, "SELECT what FROM intent ORDER BY what");
	int rc;

	while ((rc = stmt_step(&st, err)) == STMT_ROW) {
		rc = fn(arg, stmt_col_text(&st, 0));
		if (rc != 0)
			return rc;
	}
	return rc;
}
