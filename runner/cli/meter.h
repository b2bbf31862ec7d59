/*
 * How far something long has come, in a line at the foot of the terminal that standard error is:
 * its share, how fast it goes, and how long it may take yet.  Nothing where that is no terminal.
 *
 *	struct meter meter;
 *	meter_begin(&meter, cli, "train.zip");
 *	meter_show(&meter, done, total);       any number of times: it draws at most five a second
 *	meter_end(&meter);                     takes the line away; also before other output
 */
#ifndef CLI_METER_H
#define CLI_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "cli/cli.h"

struct meter {
	bool on;
	char *name;
	unsigned columns;
	int64_t began_ms, shown_ms; /* 0: not yet */
	uint64_t from;              /* was there when it began */
};

void meter_begin(struct meter *m, const struct cli *cli, const char *name);
void meter_show(struct meter *m, uint64_t done, uint64_t total /* 0: not known */);
void meter_end(struct meter *m); /* also of one that never began, all zero */

/* What is drawn after so long, in at most `columns`.  Pure. */
void meter_line(struct strbuf *sb, const struct meter *m, uint64_t done, uint64_t total,
                int64_t elapsed_ms);

#endif
