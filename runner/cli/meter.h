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

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/progress.h"
#include "base/strbuf.h"
#include "cli/cli.h"

struct meter {
	bool on;
	char *name;
	unsigned columns;           /* of the terminal, now */
	int64_t began_ms, shown_ms; /* 0: not yet */
	uint64_t from;              /* was there when it began */
	bool of_parts; /* what is counted says nothing to people but by its share of all */
	unsigned layers, layers_done; /* of an image that comes: set before each line */
};

void meter_begin(struct meter *m, const struct cli *cli, const char *name);
void meter_show(struct meter *m, uint64_t done, uint64_t total /* 0: not known */);
void meter_end(struct meter *m); /* also of one that never began, all zero */

/*
 * The same for work that counts in a struct progress and blocks this thread: another one looks.
 *
 *	struct meter_watch watch;
 *	struct progress *progress = meter_watch_begin(&watch, cli, "texts", bytes);
 *	rc = datasets_...(progress);
 *	meter_watch_end(&watch);
 */
struct meter_watch {
	const struct cli *cli;
	struct meter meter;
	struct progress progress;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool end;
	bool has_thread;
	pthread_t thread;
};

/* `total` 0: what the work itself expects.  Returns what shall be counted in: NULL where nobody
 * would see it. */
struct progress *meter_watch_begin(struct meter_watch *w, const struct cli *cli, const char *name,
                                   uint64_t total);
/* The same for work that counts not bytes, but parts of itself. */
struct progress *meter_watch_begin_parts(struct meter_watch *w, const struct cli *cli,
                                         const char *name);
/* Takes the line away for other output; it comes back below that. */
void meter_watch_clear(struct meter_watch *w);
/* Prints a warning above the line; `watch` is a struct meter_watch, as in struct store_watch. */
void meter_watch_warn(void *watch, const char *text);
void meter_watch_end(struct meter_watch *w); /* also of one that has ended */

/* What is drawn after so long, in at most `columns`.  Pure. */
void meter_line(struct strbuf *sb, const struct meter *m, uint64_t done, uint64_t total,
                int64_t elapsed_ms);

#endif
