/*
 * The catalog: HOME/catalog.db, SQLite in WAL mode.  It is an index over the records in the store
 * and the history of runs; the records are the truth, and catalog_rebuild (dataset/ drives it)
 * makes the index anew from them.
 *
 * Blocking, short statements.  One `struct catalog` is one connection: one thread uses it.
 * SQL lives in this folder and nowhere else.
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/strbuf.h"

struct catalog;

/*
 * Opens and migrates HOME/catalog.db.  *ret_stale says that the index of datasets may lack
 * something (a new file, or another boot of the machine than the last opener's): rebuild it.
 * A damaged file is SLUICE_CORRUPT and left alone, for it holds the history of runs.
 */
int catalog_open(const char *home, struct catalog **ret_catalog, bool *ret_stale,
                 struct error *err) MUST_USE;

struct catalog_recovered {
	uint64_t runs; /* whose history is kept */
	bool whole;    /* all of the history could be read */
	char kept[32]; /* the name of the old file in the home; "": there was none */
};

/*
 * Makes a new HOME/catalog.db, with what can be read of the old one's history; the next opener is
 * told that the index is stale.  Nobody else may have it open: what they write is lost.
 */
int catalog_recover(const char *home, struct catalog_recovered *ret_result,
                    struct error *err) MUST_USE;

/* For one that only asks, at once: nothing is made, migrated or waited for.  SLUICE_NOT_FOUND if
 * there is no file of this sluice's own schema. */
int catalog_open_reader(const char *home, struct catalog **ret_catalog, struct error *err) MUST_USE;

void catalog_close(struct catalog *c); /* takes NULL; commits what is pending */

/* A write transaction; nests (only the outermost counts).  The rows of one loop turn go into one.
 */
int catalog_begin(struct catalog *c, struct error *err) MUST_USE;
int catalog_commit(struct catalog *c, struct error *err) MUST_USE;
void catalog_rollback(struct catalog *c);
bool catalog_in_transaction(const struct catalog *c);

/* --- index of datasets --------------------------------------------------------------------- */

struct catalog_dataset {
	char id[DATASET_ID_LEN + 1];
	const char *name; /* borrowed for the call */
	const char *description;
	const char *provider;
	int64_t created_ms;
};

struct catalog_version {
	char dataset[DATASET_ID_LEN + 1];
	char id[VERSION_ID_LEN + 1];
	int64_t seq; /* 0 while open */
	bool committed;
	const char *message;  /* or NULL */
	const char *manifest; /* hex digest, NULL while open */
	uint64_t files, bytes;
	int64_t created_ms, committed_ms;
	const char *run; /* the run's UUID that made it, or NULL */
	const char *job;
	int attempt;
};

struct catalog_tag {
	char dataset[DATASET_ID_LEN + 1];
	const char *name;
	char version[VERSION_ID_LEN + 1];
};

int catalog_put_dataset(struct catalog *c, const struct catalog_dataset *d,
                        struct error *err) MUST_USE;
int catalog_put_version(struct catalog *c, const struct catalog_version *v,
                        struct error *err) MUST_USE;
/* The version was made from another, `ref` DS:VER, which need not be there any more. */
int catalog_put_input(struct catalog *c, const struct catalog_version *v, const char *ref,
                      struct error *err) MUST_USE;
int catalog_put_tag(struct catalog *c, const struct catalog_tag *t, struct error *err) MUST_USE;
int catalog_delete_dataset(struct catalog *c, const char *id, struct error *err) MUST_USE;
int catalog_delete_version(struct catalog *c, const char *dataset, const char *id,
                           struct error *err) MUST_USE;
int catalog_delete_tag(struct catalog *c, const char *dataset, const char *name,
                       struct error *err) MUST_USE;
/* Empties the index of datasets, versions and tags, before it is made anew in one transaction. */
int catalog_clear_datasets(struct catalog *c, struct error *err) MUST_USE;
/* Says that the index is whole as of this boot. */
int catalog_mark_fresh(struct catalog *c, struct error *err) MUST_USE;
/* ... or may not be: the next opener makes it anew. */
int catalog_mark_stale(struct catalog *c, struct error *err) MUST_USE;
/* Asks again, inside the transaction of a rebuild: another process may have been faster. */
int catalog_is_stale(struct catalog *c, bool *ret_stale, struct error *err) MUST_USE;

/*
 * An intent says which record is about to change, so that a killed writer's record is looked at
 * again: put before the record, delete with the row that follows it.  `what` is "DS", "DS/VER" or
 * "DS/tags/NAME".  It must be committed before the record changes, so no transaction may be open.
 */
int catalog_put_intent(struct catalog *c, const char *what, struct error *err) MUST_USE;
int catalog_delete_intent(struct catalog *c, const char *what, struct error *err) MUST_USE;

/* Each visitor: 0 goes on, anything else ends the walk and is returned.  Strings are borrowed for
 * the call.  A visitor may ask the catalog, but writes only after the walk. */
typedef int catalog_dataset_fn(void *arg, const struct catalog_dataset *d);
typedef int catalog_version_fn(void *arg, const struct catalog_version *v);
typedef int catalog_tag_fn(void *arg, const struct catalog_tag *t);
typedef int catalog_text_fn(void *arg, const char *text);

/* By name; `like` NULL for all, else an exact name or id. */
int catalog_each_dataset(struct catalog *c, const char *like, catalog_dataset_fn *fn, void *arg,
                         struct error *err) MUST_USE;
/* Open ones, then committed ones, newest first.  `id` NULL for all of the dataset. */
int catalog_each_version(struct catalog *c, const char *dataset, const char *id,
                         catalog_version_fn *fn, void *arg, struct error *err) MUST_USE;
/* Open ones or committed ones alone. */
int catalog_each_in_state(struct catalog *c, const char *dataset, bool committed,
                          catalog_version_fn *fn, void *arg, struct error *err) MUST_USE;
/* Those that were made from the version `ref`, DS:VER, by id. */
int catalog_each_made_from(struct catalog *c, const char *ref, catalog_version_fn *fn, void *arg,
                           struct error *err) MUST_USE;
/* By name.  `name` NULL for all. */
int catalog_each_tag(struct catalog *c, const char *dataset, const char *name, catalog_tag_fn *fn,
                     void *arg, struct error *err) MUST_USE;
int catalog_each_intent(struct catalog *c, catalog_text_fn *fn, void *arg,
                        struct error *err) MUST_USE;

/* --- history of runs ----------------------------------------------------------------------- */

struct catalog_run {
	char uuid[UUID_LEN + 1];
	const char *workflow; /* its name */
	int64_t number;       /* counted within the workflow, from 1; given by catalog_add_run */
	const char *phase;    /* Gradient's words: PENDING, RUNNING, SUCCEEDED, FAILED, ... */
	const char *message;  /* or NULL */
	const char *spec;     /* the YAML text; NULL in lists */
	int64_t created_ms, started_ms, finished_ms; /* 0: not yet */
};

/* What an attempt used of the machine; 0 where that is not known. */
struct catalog_usage {
	int64_t cpu_ms, peak_bytes, read_bytes, written_bytes;
};

struct catalog_job {
	char run[UUID_LEN + 1];
	const char *name;
	int64_t index;       /* place in the workflow */
	const char *state;   /* waiting, preparing, running, committing, succeeded, ... */
	const char *message; /* or NULL */
	int attempt;
	int exit_code; /* -1: none */
	int signal;    /* 0: none */
	int64_t started_ms, finished_ms;
	struct catalog_usage usage; /* of this attempt */
};

/* The version that a job reads or makes; strings and volumes are not listed. */
struct catalog_link {
	char run[UUID_LEN + 1];
	const char *job;
	bool is_output;
	const char *name;
	const char *dataset, *version;
	const char *dataset_name; /* given by walks; NULL: it was deleted */
	bool committed;
};

/* A version that a run without an end reads or makes, whether its runner lives or not. */
struct catalog_hold {
	char run[UUID_LEN + 1];
	const char *workflow;
	int64_t number;
	const char *job;
	bool is_output;
	const char *dataset, *version;
};

struct catalog_event {
	const char *job; /* or NULL */
	int attempt;
	const char *state;
	const char *detail; /* or NULL */
	int64_t at_ms;
};

/* Inserts, and gives the number back: the next one that the workflow never had, also if runs were
 * deleted. */
int catalog_add_run(struct catalog *c, const struct catalog_run *run, int64_t *ret_number,
                    struct error *err) MUST_USE;
/* Changes phase, message and times of the run with this uuid; SLUICE_NOT_FOUND if there is none. */
int catalog_update_run(struct catalog *c, const struct catalog_run *run,
                       struct error *err) MUST_USE;
int catalog_delete_run(struct catalog *c, const char *uuid, struct error *err) MUST_USE;
int catalog_put_job(struct catalog *c, const struct catalog_job *job, struct error *err) MUST_USE;
int catalog_put_link(struct catalog *c, const struct catalog_link *link,
                     struct error *err) MUST_USE;
/* Appends to the event log: what a run did can be replayed from it.  `job` may be NULL. */
int catalog_add_event(struct catalog *c, const char *run, const char *job, int attempt,
                      const char *state, const char *detail, int64_t at_ms,
                      struct error *err) MUST_USE;

typedef int catalog_run_fn(void *arg, const struct catalog_run *run);
typedef int catalog_job_fn(void *arg, const struct catalog_job *job);
typedef int catalog_link_fn(void *arg, const struct catalog_link *link);
typedef int catalog_event_fn(void *arg, const struct catalog_event *event);

/*
 * Newest first.  `which` NULL for all, else a UUID, the first 4 or more characters of one (all that
 * match are visited), WORKFLOW/NUMBER, or "latest"; anything else is SLUICE_INVALID, none found is
 * no visit.  `workflow` NULL for all.  `most` 0 for no limit.  `spec` is there if `which` is given.
 */
int catalog_each_run(struct catalog *c, const char *which, const char *workflow, int64_t most,
                     catalog_run_fn *fn, void *arg, struct error *err) MUST_USE;
/* Runs that have no end yet: phase PENDING or RUNNING.  Newest first, with their spec. */
int catalog_each_unfinished(struct catalog *c, catalog_run_fn *fn, void *arg,
                            struct error *err) MUST_USE;
int catalog_each_job(struct catalog *c, const char *run, catalog_job_fn *fn, void *arg,
                     struct error *err) MUST_USE;
int catalog_each_link(struct catalog *c, const char *run, catalog_link_fn *fn, void *arg,
                      struct error *err) MUST_USE;

/* `version` NULL for all of the dataset, `dataset` NULL for all of all. */
typedef int catalog_hold_fn(void *arg, const struct catalog_hold *hold);
int catalog_each_hold(struct catalog *c, const char *dataset, const char *version,
                      catalog_hold_fn *fn, void *arg, struct error *err) MUST_USE;

/* In the order in which they were added. */
int catalog_each_event(struct catalog *c, const char *run, catalog_event_fn *fn, void *arg,
                       struct error *err) MUST_USE;

/*
 * All rows of a run but its spec, as one line of JSON, for the day on which the catalog is lost:
 *
 *	{"format": 1, "workflow": TEXT, "number": N, "phase": TEXT, "message": TEXT or null,
 *	 "created_ms": N, "started_ms": N, "finished_ms": N,
 *	 "jobs": [{"name": ...}], "links": [{"job": ...}], "events": [{"job": ...}]}
 *
 * with the members of the structs above, all of them, by their columns' names.
 */
int catalog_print_run(struct catalog *c, const char *uuid, struct strbuf *text,
                      struct error *err) MUST_USE;
/* Adds what the catalog lacks of it.  Of a run that has ended by the text, but not by its rows, or
 * whose rows are not all there, everything is as the text says.  SLUICE_CORRUPT: it is none.
 */
int catalog_restore_run(struct catalog *c, const char *uuid, const char *text,
                        const char *spec /* or NULL */, bool *ret_changed,
                        struct error *err) MUST_USE;
/* Runs that came back among others: all are in the order in which they were created again. */
int catalog_order_runs(struct catalog *c, struct error *err) MUST_USE;

#endif
