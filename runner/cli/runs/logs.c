/*
 * What the jobs of a run wrote, from the files that their shims keep:
 * HOME/runs/UUID/jobs/JOB/ATTEMPT/log. The lines of several jobs are merged by their times;
 * following goes on where reading stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/runs/one_run.h"
#include "cli/text.h"
#include "dataset/dataset.h"
#include "engine/owner.h"
#include "loop/tail.h"

enum {
	LOG_BUFFER = 128 * 1024, /* longer than any line of a shim */
	LOG_LOOK_MS = 500,       /* how often new jobs and the run's end are looked for */
};

struct log {
	char *job;
	int attempt;
	int fd;
	char *buf;
	size_t at, used;
	bool ready; /* `line` stands at the front; it points into buf */
	struct tail_line line;
};

struct logs {
	const struct cli *cli;
	struct catalog *catalog;
	const char *home;
	const char *uuid, *name;
	const char *only; /* one job, or NULL */
	bool times;
	struct log *log;
	size_t n, cap;
	size_t n_jobs;                /* of the run, or that one */
	int prefix;                   /* width of the longest name; 0: no prefix is shown */
	const struct log *unfinished; /* whose last line had no end yet */
	int watch;                    /* inotify, or -1 */
};

/* --- reading ------------------------------------------------------------------------------- */

/* Makes the next line ready; false at the end of what is there. */
static bool log_advance(struct log *log)
{
	log->ready = false;
	for (;;) {
		char *from = log->buf + log->at;
		const char *nl = memchr(from, '\n', log->used - log->at);
		ssize_t n;

		if (nl) {
			log->at += (size_t)(nl - from) + 1;
			log->ready = tail_parse(from, (size_t)(nl - from), &log->line);
			if (log->ready)
				return true;
			continue; /* not a line of ours */
		}
		memmove(log->buf, from, log->used - log->at);
		log->used -= log->at;
		log->at = 0;
		if (log->used == LOG_BUFFER)
			log->used = 0; /* nor this */
		n = read(log->fd, log->buf + log->used, LOG_BUFFER - log->used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		log->used += (size_t)n;
	}
}

static int compare_times(const struct tail_line *a, const struct tail_line *b)
{
	size_t least = a->time_len < b->time_len ? a->time_len : b->time_len;

	return memcmp(a->time, b->time, least);
}

static struct log *oldest(const struct logs *all)
{
	struct log *best = NULL;

	for (size_t i = 0; i < all->n; i++) {
		struct log *log = &all->log[i];

		if (!log->ready && !log_advance(log))
			continue;
		if (!best || compare_times(&log->line, &best->line) < 0)
			best = log;
	}
	return best;
}

/* --- printing ------------------------------------------------------------------------------ */

static void begin_line(const struct logs *all, const struct log *log)
{
	const char *colour = all->cli->out_colour ? "\x1b[36m" : "";
	const char *plain = all->cli->out_colour ? "\x1b[0m" : "";

	if (all->prefix > 0)
		(void)printf("%s%-*s |%s ", colour, all->prefix, log->job, plain);
	if (all->times)
		(void)printf("%.*s ", (int)log->line.time_len, log->line.time);
}

/* A terminal gets nothing that it would obey; a file gets what the job wrote. */
static void put_text(const struct logs *all, const struct tail_line *line)
{
	AUTO_STRBUF struct strbuf safe = STRBUF_INIT(STRBUF_BIG);

	if (all->cli->out_tty)
		text_add_log(&safe, line->text, line->len, all->cli->out_colour);
	else
		strbuf_add(&safe, line->text, line->len);
	(void)fwrite(strbuf_str(&safe), 1, safe.len, stdout);
}

static void end_line(struct logs *all)
{
	if (all->unfinished)
		(void)putchar('\n');
	all->unfinished = NULL;
}

static void print_all(struct logs *all)
{
	struct log *log;

	while (!ferror(stdout) && (log = oldest(all))) {
		if (all->unfinished != log) {
			end_line(all);
			begin_line(all, log);
		}
		put_text(all, &log->line);
		all->unfinished = log;
		if (!log->line.partial)
			end_line(all);
		log->ready = false;
	}
}

/* --- which logs there are ------------------------------------------------------------------ */

static bool has_log(const struct logs *all, const struct catalog_job *job)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->log[i].attempt == job->attempt && strcmp(all->log[i].job, job->name) == 0)
			return true;
	return false;
}

static int add_job(void *arg, const struct catalog_job *job)
{
	struct logs *all = arg;
	AUTO_FREE char *path = NULL;
	struct log log = { .attempt = job->attempt };

	if (all->only && strcmp(all->only, job->name) != 0)
		return 0;
	all->n_jobs++;
	if (!all->only && (int)strlen(job->name) > all->prefix)
		all->prefix = (int)strlen(job->name);
	if (job->attempt == 0 || has_log(all, job))
		return 0;
	path = xasprintf("%s/runs/%s/jobs/%s/%d/log", all->home, all->uuid, job->name,
	                 job->attempt);
	log.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (log.fd < 0)
		return 0; /* not begun, or removed */
	if (all->watch >= 0)
		(void)inotify_add_watch(all->watch, path, IN_MODIFY);
	log.job = xstrdup(job->name);
	log.buf = xmalloc(LOG_BUFFER);
	/* The address of a log is kept while its line is unfinished. */
	end_line(all);
	all->log = xgrow(all->log, all->n, &all->cap, sizeof *all->log);
	all->log[all->n++] = log;
	return 0;
}

static int find_logs(struct logs *all, struct error *err)
{
	int rc;

	all->n_jobs = 0;
	all->prefix = 0;
	rc = catalog_each_job(all->catalog, all->uuid, add_job, all, err);
	if (rc < 0)
		return rc;
	if (all->n_jobs < 2)
		all->prefix = 0;
	if (all->only && all->n_jobs == 0)
		return error_set(err, SLUICE_NOT_FOUND,
		                 "run '%s' has no job '%s': 'sluice runs show' lists its jobs",
		                 all->name, all->only);
	return 0;
}

static void logs_release(struct logs *all)
{
	for (size_t i = 0; i < all->n; i++) {
		(void)close(all->log[i].fd);
		free(all->log[i].job);
		free(all->log[i].buf);
	}
	free(all->log);
	if (all->watch >= 0)
		(void)close(all->watch);
}

/* --- following ----------------------------------------------------------------------------- */

/* 1 if nothing more will come, 0 if something may. */
static int has_ended(const struct logs *all, struct error *err)
{
	enum owner owner;
	struct one_run run;
	int pid;
	bool unfinished;
	/* The owner first: a run that ends between the two looks is seen as ended. */
	int rc = run_owner(all->home, all->uuid, &owner, &pid, err);

	if (rc == 0)
		rc = one_run_find(all->catalog, all->uuid, &run, err);
	if (rc < 0)
		return rc;
	unfinished = one_run_is_unfinished(&run);
	one_run_release(&run);
	if (unfinished && owner == OWNER_NONE)
		cli_note(
			all->cli,
			"no runner owns run '%s' any more: 'sluice runs resume %s' goes on with it",
			all->name, all->name);
	return !unfinished || owner == OWNER_NONE;
}

/* Until a log changes or it is time to look around; what changed does not matter. */
static void wait_for_change(const struct logs *all)
{
	char events[4096];
	struct pollfd watch = { .fd = all->watch, .events = POLLIN };

	if (poll(&watch, 1, LOG_LOOK_MS) == 1)
		(void)!read(all->watch, events, sizeof events);
}

static int follow(struct logs *all, struct error *err)
{
	int64_t looked_ms = 0;
	int ended = 0;

	while (!ended && !ferror(stdout)) {
		if (looked_ms == 0 || clock_mono_ms() - looked_ms >= LOG_LOOK_MS) {
			int rc;

			ended = has_ended(all, err);
			rc = ended < 0 ? ended : find_logs(all, err);
			if (rc < 0)
				return rc;
			looked_ms = clock_mono_ms();
		}
		print_all(all);
		(void)fflush(stdout);
		if (!ended)
			wait_for_change(all);
	}
	return 0;
}

static int print_logs(struct cli *cli, const struct cli_args *args, struct error *err)
{
	bool following = args_has(args, "follow");
	struct logs all = {
		.cli = cli,
		.only = args_rest(args, 1),
		.times = args_has(args, "timestamps"),
		.watch = -1,
	};
	struct datasets *datasets = NULL;
	struct one_run run;
	int rc = cli_open_datasets(cli, &datasets, err);

	if (rc == 0)
		rc = cli_home(cli, &all.home, err);
	if (rc < 0)
		return rc;
	all.catalog = datasets_catalog(datasets);
	rc = one_run_find(all.catalog, args_rest(args, 0) ? args_rest(args, 0) : "latest", &run,
	                  err);
	if (rc < 0)
		return rc;
	all.uuid = run.uuid;
	all.name = run.name;
	if (following)
		all.watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	rc = following ? follow(&all, err) : find_logs(&all, err);
	if (rc == 0)
		print_all(&all);
	end_line(&all);
	logs_release(&all);
	one_run_release(&run);
	return rc;
}

static int run_logs(struct cli *cli, const struct cli_args *args)
{
	struct error err;

	return print_logs(cli, args, &err) < 0 ? cli_fail(&err) : CLI_OK;
}

static const struct cli_option logs_options[] = {
	{ .name = "follow", .letter = 'f', .help = "Go on until the run has ended." },
	{ .name = "timestamps",
	  .letter = 't',
	  .help = "Begin each line with the time at which it was written." },
	{ .name = NULL },
};

const struct cli_command cmd_runs_logs = {
	.words = "runs logs",
	.arguments = "[RUN [JOB]]",
	.summary = "Print what the jobs of a run wrote.",
	.help = "RUN is named as in 'sluice runs show'. Without JOB the lines of all jobs are shown "
		"in order of time, each after its job's name. Of a job with several attempts the "
		"last one is shown.",
	.max_rest = 2,
	.complete = { COMPLETE_RUN, COMPLETE_JOB },
	.options = logs_options,
	.run = run_logs,
};
