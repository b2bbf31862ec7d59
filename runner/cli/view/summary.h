/* What is said at the end of a job and of a run. */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "cli/cli.h"
#include "engine/run.h"

/* FAILED or ERROR. */
bool summary_is_bad(const struct run_job *job);

/* That of an ended job: green if it succeeded, red if it is bad, yellow otherwise. */
const char *summary_colour(const struct run_job *job);

/* "succeeded in 3.1s, made demo:fo5rp4m (3 files, 1.2 kB)": how a job ended. */
void summary_add_end(struct strbuf *sb, const struct run_job *job);

/* Hundreds may never begin, because of one that failed or of Ctrl-C: whether this one's end is
 * still worth a line.  *unbegun counts them. */
enum { SUMMARY_UNBEGUN = 20 };
bool summary_is_told(const struct run_job *job, size_t *unbegun);

/* The last lines of its log, indented; nothing if it has none. */
void summary_add_log_end(struct strbuf *sb, const struct run_job *job, bool colours);

enum { SUMMARY_LOG_ENDS = 10 }; /* of so many jobs that failed the log's end is shown */

struct summary {
	const struct cli *cli;
	const struct run *run;
	const char *workflow;
	int64_t took_ms;
	bool log_ends;  /* with the last lines of what failed */
	size_t unbegun; /* of summary_is_told() */
};

/* Jobs, time, versions, where the logs are, and last what went wrong.  Of a run that could not
 * start nothing: there is only its error. */
void summary_add(struct strbuf *sb, const struct summary *s);

#endif
