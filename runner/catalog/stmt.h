/*
 * One connection and its prepared statements.  Only this folder includes it.
 *
 *	AUTO_STMT struct stmt st = stmt_begin(c, "SELECT a FROM t WHERE b = ?1 AND c = ?2");
 *
 *	stmt_text(&st, b);      parameters in order
 *	stmt_int(&st, c);
 *	while ((rc = stmt_step(&st, err)) == STMT_ROW)
 *		... stmt_col_text(&st, 0) ...
 *
 * A failed prepare or bind is remembered and reported by the first stmt_step().  The end of the
 * scope resets the statement, because one that is left in the middle of its rows keeps a read
 * transaction open and stops the checkpoint of the WAL.
 */
#ifndef CATALOG_STMT_H
#define CATALOG_STMT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct stmt_slot {
	const char *sql; /* its address is the key: statements are string constants */
	sqlite3_stmt *prepared;
	bool lent;
};

struct catalog {
	sqlite3 *db;
	char *path;
	struct stmt_slot *slot;
	size_t slots, cap;
	unsigned depth; /* of nested transactions */
	bool doomed;    /* an inner one was rolled back */
};

/* Opens the file c->path, made if it is missing, without a look at its schema. */
int catalog_connect(struct catalog *c, struct error *err) MUST_USE;

struct stmt {
	struct catalog *c;
	sqlite3_stmt *prepared;
	int rc; /* SQLite's, of the first failure */
	int bound;
};

enum { STMT_ROW = 1 };

/* `sql` is a string constant. */
struct stmt stmt_begin(struct catalog *c, const char *sql);
void stmt_end(struct stmt *st);
#define AUTO_STMT __attribute__((cleanup(stmt_end)))

void stmt_text(struct stmt *st, const char *text /* kept until the end; NULL is null */);
void stmt_int(struct stmt *st, int64_t value);

/* STMT_ROW, 0 after the last row, or a class with `err` filled. */
int stmt_step(struct stmt *st, struct error *err) MUST_USE;

/* For statements without rows. */
int stmt_run(struct stmt *st, struct error *err) MUST_USE;

/* Borrowed until the next step; NULL for null. */
const char *stmt_col_text(struct stmt *st, int column);
int64_t stmt_col_int(struct stmt *st, int column);

/* Runs SQL without parameters and rows, not kept. */
int stmt_exec(struct catalog *c, const char *sql, struct error *err) MUST_USE;

/* SQLite's failure as a class and a sentence. */
int stmt_error(struct catalog *c, int rc, struct error *err);

void stmt_free_all(struct catalog *c);

#endif
