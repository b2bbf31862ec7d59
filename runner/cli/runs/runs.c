#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/parse.h"
#include "base/usage.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/runs/left.h"
#include "cli/runs/one_run.h"
#include "cli/runs/run_json.h"
#include "cli/show.h"
#include "cli/text.h"
#include "engine/left.h"
#include "engine/owner.h"

static int open_catalog(struct cli *cli, struct catalog **ret_catalog, struct error *err)
{
	struct datasets *datasets;
	int rc = cli_open_datasets(cli, &datasets, err);

	if (rc == 0)
		*ret_catalog = datasets_catalog(datasets);
	return rc;
}

/* --- list ---------------------------------------------------------------------------------- */

static const char *span(int64_t from, int64_t to, char buf[TEXT_SIZE_LEN])
{
	if (from == 0)
		return "";
	return text_duration((to > 0 ? to : clock_wall_ms()) - from, buf);
}

/* What the lists and `show` walk with. */
struct listing {
	const struct cli *cli;
	struct catalog *catalog;
	const char *home;
	struct text_table table;
	cJSON *array; /* of a list */
	cJSON *one;   /* of `show` */
	struct error *err;
};

static int open_listing(struct cli *cli, struct listing *l, struct error *err)
{
	int rc = open_catalog(cli, &l->catalog, err);

	l->cli = cli;
	return rc < 0 ? rc : cli_home(cli, &l->home, err);
}

/* The row of a run whose runner was killed says RUNNING until the next run cleans up. */
static struct catalog_run as_it_is(const struct listing *l, const struct catalog_run *row)
{
	struct catalog_run run = *row;

	if (run_is_lost(l->catalog, l->home, row)) {
		run.phase = "ERROR";
		run.message =
			"its runner died: 'sluice runs resume' or the next 'sluice run' goes on with it";
	}
	return run;
}

/* Of one whose runner died nobody knows how long it ran. */
static const char *run_span(const struct catalog_run *run, char buf[TEXT_SIZE_LEN])
{
	if (run->finished_ms == 0 && !run_phase_is_unfinished(run->phase))
		return "";
	return span(run->started_ms, run->finished_ms, buf);
}

static int list_row(void *arg, const struct catalog_run *row)
{
	struct listing *l = arg;
	const struct catalog_run run = as_it_is(l, row);
	char number[24];
	char created[TEXT_TIME_LEN];
	char took[TEXT_SIZE_LEN];

	(void)snprintf(number, sizeof number, "%" PRId64, run.number);
	text_table_row(&l->table, run.workflow, number, run.phase,
	               text_time(run.created_ms, created), run_span(&run, took), run.uuid);
	return 0;
}

static int list_json(void *arg, const struct catalog_run *row)
{
	struct listing *l = arg;
	const struct catalog_run run = as_it_is(l, row);

	json_push(l->array, run_json_summary(&run));
	return 0;
}

static int run_list(struct cli *cli, const struct cli_args *args)
{
	const char *limit = args_get(args, "limit");
	struct listing l = { .table = TEXT_TABLE_INIT(6) };
	struct error err;
	uint64_t most = INT64_MAX;
	int rc;

	if (limit && !parse_u64(limit, INT64_MAX, &most))
		return cli_usage(args, "--limit is a whole number, not '%s'", limit);
	l.array = json_new_arr();
	l.table.may_cut = 1U << 0;
	l.table.may_go = "543";
	text_table_row(&l.table, "Workflow", "Run", "Status", "Created", "Duration", "ID");
	rc = open_listing(cli, &l, &err);
	if (rc == 0)
		rc = catalog_each_run(l.catalog, NULL, args_get(args, "workflow"), (int64_t)most,
		                      cli->json ? list_json : list_row, &l, &err);
	return text_end_list(cli, rc, &l.table, l.array, &err);
}

static const struct cli_option list_options[] = {
	{ .name = "workflow",
	  .value = "NAME",
	  .help = "Only the runs of this workflow.",
	  .complete = COMPLETE_WORKFLOW },
	{ .name = "limit", .value = "N", .help = "Only the newest N." },
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_runs_list = {
	.words = "runs list",
	.summary = "List the runs, newest first.",
	.options = list_options,
	.spends = true,
	.run = run_list,
};

/* --- show ---------------------------------------------------------------------------------- */

static int print_run(void *arg, const struct catalog_run *row)
{
	const struct listing *l = arg;
	const struct catalog_run run = as_it_is(l, row);
	struct text_table table = TEXT_TABLE_INIT(2);
	char number[24];
	char created[CLOCK_TEXT_SIZE];
	char took[TEXT_SIZE_LEN];

	(void)snprintf(number, sizeof number, "%" PRId64, run.number);
	table.may_wrap = 1U << 1;
	text_table_row(&table, "Workflow", run.workflow);
	text_table_row(&table, "Run", number);
	text_table_row(&table, "ID", run.uuid);
	text_table_row(&table, "Status", run.phase);
	if (run.message)
		text_table_row(&table, "Message", run.message);
	text_table_row(&table, "Created", clock_format(run.created_ms, created));
	text_table_row(&table, "Duration", run_span(&run, took));
	text_details_print(l->cli, &table);
	return 0;
}

static const char *size_or_none(int64_t bytes, char buf[TEXT_SIZE_LEN])
{
	return bytes > 0 ? text_size((uint64_t)bytes, buf) : "";
}

static int job_row(void *arg, const struct catalog_job *job)
{
	char cpu[TEXT_SIZE_LEN], peak[TEXT_SIZE_LEN], in[TEXT_SIZE_LEN], out[TEXT_SIZE_LEN];
	char attempt[16];
	char end[32] = "";
	char took[TEXT_SIZE_LEN];

	(void)snprintf(attempt, sizeof attempt, "%d", job->attempt);
	if (job->signal > 0)
		(void)snprintf(end, sizeof end, "signal %d", job->signal);
	else if (job->exit_code >= 0)
		(void)snprintf(end, sizeof end, "%d", job->exit_code);
	text_table_row(
		arg, job->name, job->state, job->attempt > 0 ? attempt : "", end,
		span(job->started_ms, job->finished_ms, took),
		job->usage.cpu_ms > 0 ? text_duration(job->usage.cpu_ms, cpu) : "",
		size_or_none(job->usage.peak_bytes, peak), size_or_none(job->usage.read_bytes, in),
		size_or_none(job->usage.written_bytes, out), job->message ? job->message : "");
	return 0;
}

static int link_row(void *arg, const struct catalog_link *link)
{
	AUTO_FREE char *version = xasprintf(
		"%s:%s", link->dataset_name ? link->dataset_name : link->dataset, link->version);

	text_table_row(arg, link->job, link->is_output ? "output" : "input", link->name, version,
	               link->committed ? "true" : "false");
	return 0;
}

static int print_jobs(const struct cli *cli, struct catalog *catalog, const char *uuid,
                      struct error *err)
{
	struct text_table jobs = TEXT_TABLE_INIT(10);
	struct text_table links = TEXT_TABLE_INIT(5);
	int rc;

	jobs.may_cut = 1U << 0;
	jobs.may_wrap = 1U << 9;
	jobs.may_go = "8765234";
	links.may_cut = 1U << 0 | 1U << 2;
	links.may_wrap = 1U << 3;
	links.may_go = "4";
	text_table_row(&jobs, "Job", "State", "Attempt", "Exit", "Duration", "CPU", "Memory",
	               "Read", "Written", "Message");
	text_table_row(&links, "Job", "Kind", "Name", "Dataset version", "Committed");
	rc = catalog_each_job(catalog, uuid, job_row, &jobs, err);
	if (rc == 0)
		rc = catalog_each_link(catalog, uuid, link_row, &links, err);
	if (rc == 0 && jobs.n > jobs.columns)
		text_table_print(cli, &jobs);
	if (rc == 0 && links.n > links.columns)
		text_table_print(cli, &links);
	text_table_release(&jobs);
	text_table_release(&links);
	return rc;
}

/* What was given as a string. */
static void print_values(const struct cli *cli, const cJSON *inputs)
{
	struct text_table table = TEXT_TABLE_INIT(2);
	const cJSON *input;

	table.may_wrap = 1U << 1;
	text_table_row(&table, "Input", "Value");
	cJSON_ArrayForEach(input, inputs) if (json_str(input, "value"))
		text_table_row(&table, input->string, json_str(input, "value"));
	if (table.n > table.columns)
		text_table_print(cli, &table);
	text_table_release(&table);
}

static void print_images(const struct cli *cli, const cJSON *images)
{
	struct text_table table = TEXT_TABLE_INIT(2);
	const cJSON *image;

	table.may_cut = 1U << 0;
	table.may_wrap = 1U << 1;
	text_table_row(&table, "Image", "Digest");
	cJSON_ArrayForEach(image, images)
		text_table_row(&table, image->string, cJSON_GetStringValue(image));
	if (table.n > table.columns)
		text_table_print(cli, &table);
	text_table_release(&table);
}

static int print_plan(const struct listing *l, const char *uuid, struct error *err)
{
	AUTO_JSON cJSON *plan = NULL;

	if (left_read_plan(l->home, uuid, &plan, err) < 0)
		return err->class;
	print_values(l->cli, json_obj(plan, "inputs"));
	print_images(l->cli, json_obj(plan, "images"));
	return 0;
}

static int show_json(void *arg, const struct catalog_run *row)
{
	struct listing *l = arg;
	const struct catalog_run run = as_it_is(l, row);

	return run_json_document(l->catalog, l->home, &run, &l->one, l->err);
}

static int print_run_json(struct listing *l, const char *uuid, struct error *err)
{
	int rc;

	l->err = err;
	rc = catalog_each_run(l->catalog, uuid, NULL, 1, show_json, l, err);
	if (rc == 0 && !l->one) /* deleted since it was found */
		rc = error_set(err, SLUICE_NOT_FOUND, "run '%s' is gone", uuid);
	if (rc == 0)
		cli_print_json(l->one);
	return rc;
}

static int run_show(struct cli *cli, const struct cli_args *args)
{
	const char *which = args_rest(args, 0);
	struct listing l = { .catalog = NULL };
	struct one_run run;
	struct error err;
	int rc;

	if (open_listing(cli, &l, &err) < 0 ||
	    one_run_find(l.catalog, which ? which : "latest", &run, &err) < 0)
		return cli_fail(&err);
	if (cli->json) {
		rc = print_run_json(&l, run.uuid, &err);
	} else {
		rc = catalog_each_run(l.catalog, run.uuid, NULL, 1, print_run, &l, &err);
		if (rc == 0)
			rc = print_jobs(cli, l.catalog, run.uuid, &err);
		if (rc == 0)
			rc = print_plan(&l, run.uuid, &err);
	}
	one_run_release(&run);
	return rc < 0 ? cli_fail(&err) : CLI_OK;
}

static const struct cli_option show_options[] = {
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_runs_show = {
	.words = "runs show",
	.arguments = "[RUN]",
	.summary = "Show a run: its jobs, and what they read and wrote.",
	.help = "RUN is a run's id, 4 or more of its first characters, WORKFLOW/NUMBER, or "
		"'latest', which is also meant without one.",
	.max_rest = 1,
	.complete = { COMPLETE_RUN },
	.options = show_options,
	.spends = true,
	.run = run_show,
};

static void print_result(const char *what, const char *name)
{
	(void)fputs(what, stdout);
	(void)text_put_safe(name, stdout);
	(void)putchar('\n');
}

/* --- cancel -------------------------------------------------------------------------------- */

/* The owner is looked at again once we hold its pidfd: the number may be another's by then. */
static int ask_to_stop(const char *home, const char *uuid, struct error *err)
{
	enum owner owner;
	int pid = 0;
	int again = 0;
	AUTO_FD int fd = -1;
	int rc = run_owner(home, uuid, &owner, &pid, err);

	if (rc == 0 && owner == OWNER_ALIVE) {
		fd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (fd < 0 && errno != ESRCH)
			return error_sys(err, errno, "cannot reach the runner (process %d)", pid);
		rc = run_owner(home, uuid, &owner, &again, err);
	}
	if (rc < 0)
		return rc;
	if (owner == OWNER_NONE || fd < 0 || again != pid)
		return error_set(err, SLUICE_NOT_FOUND, "no runner owns run '%s' any more", uuid);
	if (syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) != 0)
		return error_sys(err, errno, "cannot stop the runner (process %d)", pid);
	return 0;
}

static int cancel(struct cli *cli, const struct cli_args *args)
{
	struct catalog *catalog = NULL;
	struct one_run run;
	struct error err;
	const char *home;
	int rc;

	if (open_catalog(cli, &catalog, &err) < 0 || cli_home(cli, &home, &err) < 0 ||
	    one_run_find(catalog, args_rest(args, 0), &run, &err) < 0)
		return cli_fail(&err);
	rc = one_run_is_unfinished(&run)
	             ? ask_to_stop(home, run.uuid, &err)
	             : error_set(&err, SLUICE_INVALID, "run '%s' has ended already: %s", run.name,
	                         run.phase);
	if (rc == 0)
		print_result("Canceling run: ", run.name);
	if (rc == SLUICE_NOT_FOUND) {
		rc = left_run_cancel(cli, run.uuid, &err);
		if (rc == 0)
			print_result("Canceled run: ", run.name);
	}
	one_run_release(&run);
	return rc < 0 ? cli_fail(&err) : CLI_OK;
}

const struct cli_command cmd_runs_cancel = {
	.words = "runs cancel",
	.arguments = "RUN",
	.summary = "Stop a run: its jobs are asked to end, then made to.",
	.help = "What is left of a run whose runner was killed is ended at once. RUN is named as in "
		"'sluice runs show'.",
	.min_rest = 1,
	.max_rest = 1,
	.complete = { COMPLETE_UNFINISHED_RUN },
	.run = cancel,
	.in_userns = true,
};

/* --- delete -------------------------------------------------------------------------------- */

static int remove_watched(struct cli *cli, int runs, const char *path, const struct one_run *one)
{
	AUTO_FREE char *dir = xasprintf("%s/%s", path, one->uuid);
	struct meter_watch meter;
	struct progress *progress = meter_watch_begin_parts(&meter, cli, one->name);
	int rc;

	usage_expect(dir, progress);
	rc = io_remove_tree_watched(runs, one->uuid, progress);
	meter_watch_end(&meter);
	return rc;
}

/* The directory goes first: a row without one can be deleted again, the other way round not. */
static int delete_run(struct cli *cli, const char *home, struct catalog *catalog,
                      const struct one_run *one, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/runs", home);
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int run = dir < 0 ? -1 : io_open_beneath(dir, one->uuid, O_RDONLY | O_DIRECTORY, 0);
	AUTO_FD int lock = run < 0 ? -1 : lock_take(run, RUN_LOCK, LOCK_EXCLUSIVE, false);
	int rc;

	if (lock == -EWOULDBLOCK)
		return error_set(err, SLUICE_INVALID,
		                 "run '%s' is running: 'sluice runs cancel' stops it", one->name);
	if (run >= 0 && lock < 0)
		return error_sys(err, lock, "cannot lock run '%s'", one->name);
	rc = dir < 0 ? 0 : remove_watched(cli, dir, path, one);
	if (rc < 0)
		return error_sys(err, rc, "cannot remove '%s/%s'", path, one->uuid);
	return catalog_delete_run(catalog, one->uuid, err);
}

static int run_delete(struct cli *cli, const struct cli_args *args)
{
	struct catalog *catalog = NULL;
	struct one_run run;
	struct error err;
	const char *home;
	enum owner owner = OWNER_NONE;
	int pid;
	int rc;

	if (open_catalog(cli, &catalog, &err) < 0 || cli_home(cli, &home, &err) < 0 ||
	    one_run_find(catalog, args_rest(args, 0), &run, &err) < 0)
		return cli_fail(&err);
	rc = run_owner(home, run.uuid, &owner, &pid, &err);
	/* Without its directory nothing could find the containers that still run. */
	if (rc == 0 && owner == OWNER_NONE && one_run_is_unfinished(&run))
		rc = error_set(&err, SLUICE_INVALID,
		               "run '%s' was left unfinished by a runner that died: 'sluice runs "
		               "resume' goes on with it, 'sluice runs cancel' ends it",
		               run.name);
	if (rc == 0)
		rc = delete_run(cli, home, catalog, &run, &err);
	if (rc == 0)
		print_result("Deleted run: ", run.name);
	one_run_release(&run);
	return rc < 0 ? cli_fail(&err) : CLI_OK;
}

const struct cli_command cmd_runs_delete = {
	.words = "runs delete",
	.arguments = "RUN",
	.summary = "Delete a run's history and logs; dataset versions stay.",
	.help = "RUN is named as in 'sluice runs show'.",
	.min_rest = 1,
	.max_rest = 1,
	.complete = { COMPLETE_RUN },
	.spends = true,
	.run = run_delete,
	.in_userns = true,
};
