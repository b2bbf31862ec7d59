/* Text for people: escaping, tables, sizes and times. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/strbuf.h"
#include "cli/cli.h"

/* Adds text from outside so that a terminal obeys none of it: control characters (C0, DEL, and C1
 * in UTF-8) and bytes that are not UTF-8 as \xNN. */
void text_add_safe(struct strbuf *sb, const char *s, size_t len);

/* Adds text from outside for a program: U+FFFD stands for NUL and for each byte that is not UTF-8.
 */
void text_add_utf8(struct strbuf *sb, const char *s, size_t len);

/* Prints it, escaped, on `to`; returns what fputs does. */
int text_put_safe(const char *s, FILE *to);

/* A line of a job's log for a terminal, which obeys none of it but tabs and, where there are any,
 * colours, which end with the line; without what carriage returns would overwrite. */
void text_add_log(struct strbuf *sb, const char *s, size_t len, bool colours);
/* Narrows a line to what they leave of it. */
void text_skip_overwritten(const char **s, size_t *len);

/* Is text written in UTF-8 here?  LC_ALL, LC_CTYPE or LANG says so. */
bool text_is_utf8(void);

/* Columns that UTF-8 text takes on a terminal. */
size_t text_width(const char *s);

/* Adds text that stands in at most `most` columns, with "..." for an end that does not fit; returns
 * the columns that it takes. */
size_t text_add_fit(struct strbuf *sb, const char *s, size_t most);
/* The same for a name, whose middle goes: names that are alike often differ at their ends. */
size_t text_add_name_fit(struct strbuf *sb, const char *s, size_t most);

/* "1.5 MiB", "0 B". */
enum { TEXT_SIZE_LEN = 32 };
const char *text_size(uint64_t bytes, char buf[TEXT_SIZE_LEN]);

/* "1h 02m", "3m 04s", "5.6s", "78ms". */
const char *text_duration(int64_t ms, char buf[TEXT_SIZE_LEN]);

/* "2026-01-31 12:34Z", for tables; "" if it is not known (0). */
enum { TEXT_TIME_LEN = 32 };
const char *text_time(int64_t wall_ms, char buf[TEXT_TIME_LEN]);

/*
 * A table in the official command line's form: a rule above, below and after the first row.
 *
 *	struct text_table t = TEXT_TABLE_INIT(2);
 *	text_table_row(&t, "Name", "ID");
 *	text_table_row(&t, name, id);
 *	text_table_print(cli, &t);            which releases it
 */
struct text_table {
	size_t columns;
	/* Where the terminal is narrow, columns may (bits) lose their end or go on in further
	 * lines, and may (digits, the first to go first) be left out. */
	unsigned may_cut, may_wrap;
	const char *may_go;
	char **cell; /* escaped */
	size_t n, cap;
};

#define TEXT_TABLE_INIT(n_columns) ((struct text_table){ .columns = (n_columns) })

/* Takes as many strings as there are columns; NULL is an empty cell. */
void text_table_add(struct text_table *t, const char *const *cells);
#define text_table_row(t, ...) text_table_add((t), (const char *const[]){ __VA_ARGS__ })

/* Prints and releases it.  With its head alone: "No data found". */
void text_table_print(const struct cli *cli, struct text_table *t);

void text_table_release(struct text_table *t);

/* How every list ends: prints the error, the array (with --json) or the table, and releases both;
 * returns the exit status.  `rc` is what the walk returned. */
int text_end_list(const struct cli *cli, int rc, struct text_table *t, cJSON *array /* takes */,
                  const struct error *err);

/* Prints and releases rows without a head. */
void text_details_print(const struct cli *cli, struct text_table *t);

/* Adds text wrapped at blanks to lines of at most `width` columns, each indented; lines that begin
 * with a blank stay as they are. */
void text_wrap(struct strbuf *sb, const char *text, size_t indent, size_t width);

#endif
