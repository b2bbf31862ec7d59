#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "catalog/catalog.h"

struct fixture {
	char home[64];
	struct catalog *c;
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	bool stale;

	assert_non_null(f);
	strcpy(f->home, "/tmp/test-catalog-XXXXXX");
	assert_non_null(mkdtemp(f->home));
	assert_int_equal(catalog_open(f->home, &f->c, &stale, &f->err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	catalog_close(f->c);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->home), 0);
	free(f);
	return 0;
}

static struct catalog_run a_run(const char *uuid, const char *workflow)
{
	struct catalog_run run = {
		.workflow = workflow, .phase = "PENDING", .spec = "jobs: {}\n", .created_ms = 1000
	};

	(void)snprintf(run.uuid, sizeof run.uuid, "%s", uuid);
	return run;
}

static const char *const uuids[] = {
	"abcd0000-0000-4000-8000-000000000001",
	"abcd0000-0000-4000-8000-000000000002",
	"ffff0000-0000-4000-8000-000000000003",
};

static void add_three(struct fixture *f)
{
	static const char *const workflows[] = { "train", "team/eval", "train" };
	static const int64_t numbers[] = { 1, 1, 2 };

	for (int i = 0; i < 3; i++) {
		struct catalog_run run = a_run(uuids[i], workflows[i]);
		int64_t number = 0;

		assert_int_equal(catalog_add_run(f->c, &run, &number, &f->err), 0);
		assert_int_equal(number, numbers[i]);
	}
}

struct seen {
	char text[512];
	bool spec;
};

static int see_run(void *arg, const struct catalog_run *run)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->text);

	(void)snprintf(seen->text + len, sizeof seen->text - len, "%s/%d %s;", run->workflow,
	               (int)run->number, run->phase);
	seen->spec = run->spec && strcmp(run->spec, "jobs: {}\n") == 0;
	return 0;
}

static void runs_are_found_by_every_form(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *which, *workflow;
		int64_t most;
		const char *found;
	} cases[] = {
		{ NULL, NULL, 0, "train/2 PENDING;team/eval/1 PENDING;train/1 PENDING;" },
		{ NULL, NULL, 2, "train/2 PENDING;team/eval/1 PENDING;" },
		{ NULL, "train", 0, "train/2 PENDING;train/1 PENDING;" },
		{ NULL, "none", 0, "" },
		{ "latest", NULL, 0, "train/2 PENDING;" },
		{ "latest", "team/eval", 0, "team/eval/1 PENDING;" },
		{ "abcd", NULL, 0, "team/eval/1 PENDING;train/1 PENDING;" },
		{ "abcd", "train", 0, "train/1 PENDING;" },
		{ "ffff0000-0000-4000-8000-000000000003", NULL, 0, "train/2 PENDING;" },
		{ "abcd0000-0000-4000-8000-00000000000", NULL, 1, "team/eval/1 PENDING;" },
		{ "eeee", NULL, 0, "" },
		{ "train/1", NULL, 0, "train/1 PENDING;" },
		{ "train/1", "team/eval", 0, "" },
		{ "team/eval/1", NULL, 0, "team/eval/1 PENDING;" },
		{ "train/3", NULL, 0, "" },
	};

	add_three(f);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct seen seen = { .text = "" };

		assert_int_equal(catalog_each_run(f->c, cases[i].which, cases[i].workflow,
		                                  cases[i].most, see_run, &seen, &f->err),
		                 0);
		assert_string_equal(seen.text, cases[i].found);
		if (seen.text[0])
			assert_int_equal(seen.spec, cases[i].which != NULL);
	}
}

static void what_names_no_run_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "",         "abc",    "ABCD",
		                           "train",    "train/", "train/x",
		                           "train/-1", "abcd%",  "train/99999999999999999999" };

	add_three(f);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct seen seen = { .text = "" };

		assert_int_equal(catalog_each_run(f->c, bad[i], NULL, 0, see_run, &seen, &f->err),
		                 SLUICE_INVALID);
		assert_non_null(strstr(f->err.msg, "names no run"));
	}
}

static void a_uuid_is_given_once(void **state)
{
	struct fixture *f = *state;
	struct catalog_run run = a_run(uuids[0], "other");
	int64_t number = 77;

	add_three(f);
	assert_int_equal(catalog_add_run(f->c, &run, &number, &f->err), SLUICE_EXISTS);
	assert_int_equal(number, 77);
}

static int64_t add_one(struct fixture *f, const char *uuid, const char *workflow)
{
	struct catalog_run run = a_run(uuid, workflow);
	int64_t number = 0;

	assert_int_equal(catalog_add_run(f->c, &run, &number, &f->err), 0);
	return number;
}

static void a_number_is_never_given_twice(void **state)
{
	struct fixture *f = *state;
	struct catalog_run twice = a_run(uuids[0], "train");
	int64_t number;

	add_three(f);
	assert_int_equal(catalog_delete_run(f->c, uuids[2], &f->err), 0); /* train/2 */
	assert_int_equal(add_one(f, uuids[2], "train"), 3);
	assert_int_equal(catalog_delete_run(f->c, uuids[0], &f->err), 0);
	assert_int_equal(catalog_delete_run(f->c, uuids[2], &f->err), 0); /* none is left */
	assert_int_equal(add_one(f, uuids[0], "train"), 4);
	assert_int_equal(catalog_add_run(f->c, &twice, &number, &f->err), SLUICE_EXISTS);
	assert_int_equal(add_one(f, uuids[2], "train"), 5); /* one that failed took none */
}

/* As the sluice before wrote it: without the table that remembers numbers. */
static void an_older_catalog_counts_on(void **state)
{
	struct fixture *f = *state;
	char path[96];
	sqlite3 *db;
	bool stale;

	add_three(f);
	catalog_close(f->c);
	f->c = NULL;
	(void)snprintf(path, sizeof path, "%s/catalog.db", f->home);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
	                              "DROP TABLE input; DROP TABLE workflow;"
	                              "ALTER TABLE job DROP COLUMN cpu_ms;"
	                              "ALTER TABLE job DROP COLUMN peak_bytes;"
	                              "ALTER TABLE job DROP COLUMN read_bytes;"
	                              "ALTER TABLE job DROP COLUMN written_bytes;"
	                              "PRAGMA user_version = 1",
	                              NULL, NULL, NULL),
	                 SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(catalog_open(f->home, &f->c, &stale, &f->err), 0);
	assert_int_equal(add_one(f, "ffff0000-0000-4000-8000-000000000004", "train"), 3);
	assert_int_equal(add_one(f, "ffff0000-0000-4000-8000-000000000005", "team/eval"), 2);
	assert_int_equal(add_one(f, "ffff0000-0000-4000-8000-000000000006", "new"), 1);
}

static int see_one(void *arg, const struct catalog_run *run)
{
	struct catalog_run *to = arg;

	*to = *run;
	assert_string_equal(run->message, "done");
	return 5;
}

static void an_update_changes_phase_message_and_times(void **state)
{
	struct fixture *f = *state;
	struct catalog_run run = a_run(uuids[0], NULL);
	struct catalog_run found;
	struct seen seen = { .text = "" };

	add_three(f);
	run.phase = "SUCCEEDED";
	run.message = "done";
	run.started_ms = 2000;
	run.finished_ms = 3000;
	assert_int_equal(catalog_update_run(f->c, &run, &f->err), 0);
	/* What the visitor returns ends the walk and comes out. */
	assert_int_equal(catalog_each_run(f->c, "train/1", NULL, 0, see_one, &found, &f->err), 5);
	assert_int_equal(found.started_ms, 2000);
	assert_int_equal(found.finished_ms, 3000);
	assert_int_equal(catalog_each_unfinished(f->c, see_run, &seen, &f->err), 0);
	assert_string_equal(seen.text, "train/2 PENDING;team/eval/1 PENDING;");

	run = a_run("00000000-0000-4000-8000-000000000000", NULL);
	assert_int_equal(catalog_update_run(f->c, &run, &f->err), SLUICE_NOT_FOUND);
}

static int see_job(void *arg, const struct catalog_job *job)
{
	char *text = arg;
	size_t len = strlen(text);

	(void)snprintf(text + len, 256 - len, "%s %s %d %d %d %d %s;", job->name, job->state,
	               job->attempt, job->exit_code, job->signal, (int)job->finished_ms,
	               job->message ? job->message : "-");
	return 0;
}

static int see_link(void *arg, const struct catalog_link *link)
{
	char *text = arg;
	size_t len = strlen(text);

	(void)snprintf(text + len, 256 - len, "%s %s %s %s %s %d;", link->job,
	               link->is_output ? "out" : "in", link->name,
	               link->dataset ? link->dataset : "-", link->version ? link->version : "-",
	               link->committed);
	return 0;
}

static int see_event(void *arg, const struct catalog_event *event)
{
	char *text = arg;
	size_t len = strlen(text);

	(void)snprintf(text + len, 256 - len, "%s %d %s %s %d;", event->job ? event->job : "-",
	               event->attempt, event->state, event->detail ? event->detail : "-",
	               (int)event->at_ms);
	return 0;
}

static void put_parts(struct fixture *f)
{
	struct catalog_job b = { .name = "b", .index = 1, .state = "waiting", .exit_code = -1 };
	struct catalog_job a = {
		.name = "a", .index = 0, .state = "running", .attempt = 1, .exit_code = -1
	};
	struct catalog_link link = { .job = "a",
		                     .is_output = true,
		                     .name = "model",
		                     .dataset = "models",
		                     .version = "dsaaaaaaaaaaaaa:abc1234" };

	strcpy(a.run, uuids[0]);
	strcpy(b.run, uuids[0]);
	strcpy(link.run, uuids[0]);
	assert_int_equal(catalog_put_job(f->c, &b, &f->err), 0);
	assert_int_equal(catalog_put_job(f->c, &a, &f->err), 0);
	a.state = "failed";
	a.message = "no";
	a.attempt = 2;
	a.exit_code = 3;
	a.finished_ms = 9;
	assert_int_equal(catalog_put_job(f->c, &a, &f->err), 0);
	assert_int_equal(catalog_put_link(f->c, &link, &f->err), 0);
	link.committed = true;
	assert_int_equal(catalog_put_link(f->c, &link, &f->err), 0);
	link.is_output = false;
	link.dataset = link.version = NULL;
	assert_int_equal(catalog_put_link(f->c, &link, &f->err), 0);
	assert_int_equal(catalog_add_event(f->c, uuids[0], NULL, 0, "RUNNING", NULL, 5, &f->err),
	                 0);
	assert_int_equal(catalog_add_event(f->c, uuids[0], "a", 1, "failed", "x", 6, &f->err), 0);
}

static void jobs_links_and_events_come_back(void **state)
{
	struct fixture *f = *state;
	char jobs[256] = "", links[256] = "", events[256] = "";

	add_three(f);
	put_parts(f);
	assert_int_equal(catalog_each_job(f->c, uuids[0], see_job, jobs, &f->err), 0);
	assert_string_equal(jobs, "a failed 2 3 0 9 no;b waiting 0 -1 0 0 -;");
	assert_int_equal(catalog_each_link(f->c, uuids[0], see_link, links, &f->err), 0);
	assert_string_equal(links, "a in model - - 1;"
	                           "a out model models dsaaaaaaaaaaaaa:abc1234 1;");
	assert_int_equal(catalog_each_event(f->c, uuids[0], see_event, events, &f->err), 0);
	assert_string_equal(events, "- 0 RUNNING - 5;a 1 failed x 6;");
}

static void a_deleted_run_takes_its_parts_along(void **state)
{
	struct fixture *f = *state;
	char text[256] = "";

	add_three(f);
	put_parts(f);
	assert_int_equal(catalog_delete_run(f->c, uuids[0], &f->err), 0);
	assert_int_equal(catalog_each_job(f->c, uuids[0], see_job, text, &f->err), 0);
	assert_int_equal(catalog_each_link(f->c, uuids[0], see_link, text, &f->err), 0);
	assert_int_equal(catalog_each_event(f->c, uuids[0], see_event, text, &f->err), 0);
	assert_string_equal(text, "");
	assert_int_equal(catalog_delete_run(f->c, uuids[0], &f->err), SLUICE_NOT_FOUND);
}

static void a_job_without_run_is_refused(void **state)
{
	struct fixture *f = *state;
	struct catalog_job job = { .name = "a", .state = "waiting" };

	strcpy(job.run, uuids[1]);
	assert_int_equal(catalog_put_job(f->c, &job, &f->err), SLUICE_NOT_FOUND);
	assert_non_null(strstr(f->err.msg, "cannot record job 'a'"));
}

struct nest {
	struct fixture *f;
	int pairs;
};

static int inner(void *arg, const struct catalog_run *run)
{
	struct nest *n = arg;

	(void)run;
	n->pairs++;
	return 0;
}

static int outer(void *arg, const struct catalog_run *run)
{
	struct nest *n = arg;

	(void)run;
	return catalog_each_run(n->f->c, NULL, NULL, 0, inner, n, &n->f->err);
}

static void a_visitor_may_ask_the_same_question(void **state)
{
	struct nest n = { .f = *state };

	add_three(n.f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(catalog_each_run(n.f->c, NULL, NULL, 0, outer, &n, &n.f->err), 0);
	assert_int_equal(n.pairs, 27);
}

enum { CHILDREN = 4, RUNS_EACH = 50 };

static void add_many(const char *home)
{
	struct catalog *c;
	struct error err;
	bool stale;

	if (catalog_open(home, &c, &stale, &err) != 0)
		_exit(1);
	for (int i = 0; i < RUNS_EACH; i++) {
		struct catalog_run run = a_run("", "busy");
		int64_t number;

		id_new_uuid(run.uuid);
		if (catalog_add_run(c, &run, &number, &err) != 0) {
			(void)fprintf(stderr, "%s\n", err.msg);
			_exit(2);
		}
	}
	catalog_close(c);
	_exit(0);
}

static int count_down(void *arg, const struct catalog_run *run)
{
	int64_t *expect = arg;

	assert_int_equal(run->number, *expect);
	--*expect;
	return 0;
}

static void processes_share_the_numbers_without_a_gap(void **state)
{
	struct fixture *f = *state;
	int64_t expect = CHILDREN * RUNS_EACH;
	char fresh[96];

	/* A home that nobody has opened: the children make and migrate the file at once. */
	(void)snprintf(fresh, sizeof fresh, "%s/fresh", f->home);
	assert_int_equal(mkdir(fresh, 0755), 0);
	for (int i = 0; i < CHILDREN; i++)
		if (fork() == 0)
			add_many(fresh);
	for (int i = 0; i < CHILDREN; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	catalog_close(f->c);
	f->c = NULL;
	{
		bool stale;

		assert_int_equal(catalog_open(fresh, &f->c, &stale, &f->err), 0);
	}
	assert_int_equal(catalog_each_run(f->c, NULL, "busy", 0, count_down, &expect, &f->err), 0);
	assert_int_equal(expect, 0);
}

/* --- rows that were lost ---------------------------------------------------------------------- */

static char *print_run(struct fixture *f, const char *uuid)
{
	struct strbuf text = STRBUF_INIT(STRBUF_BIG);

	assert_int_equal(catalog_print_run(f->c, uuid, &text, &f->err), 0);
	return strbuf_detach(&text);
}

static void restore(struct fixture *f, const char *uuid, const char *text, bool changes)
{
	bool changed;

	assert_int_equal(catalog_restore_run(f->c, uuid, text, "jobs: {}\n", &changed, &f->err), 0);
	assert_int_equal(changed, changes);
}

static void end_run(struct fixture *f, const char *uuid)
{
	struct catalog_run run = a_run(uuid, NULL);

	run.phase = "SUCCEEDED";
	run.finished_ms = 3000;
	assert_int_equal(catalog_update_run(f->c, &run, &f->err), 0);
}

static void a_run_comes_back_from_its_text(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *again = NULL;
	struct seen seen = { .text = "" };

	add_three(f);
	put_parts(f);
	end_run(f, uuids[0]);
	text = print_run(f, uuids[0]);
	assert_int_equal(catalog_delete_run(f->c, uuids[0], &f->err), 0);
	restore(f, uuids[0], text, true);
	again = print_run(f, uuids[0]);
	assert_string_equal(again, text);
	assert_int_equal(catalog_each_run(f->c, "train/1", NULL, 0, see_run, &seen, &f->err), 0);
	assert_string_equal(seen.text, "train/1 SUCCEEDED;");
	assert_true(seen.spec);
}

static void a_number_that_was_given_again_is_not_taken(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *text = NULL;
	struct seen seen = { .text = "" };

	assert_int_equal(add_one(f, uuids[0], "train"), 1);
	text = print_run(f, uuids[0]);
	catalog_close(f->c);
	f->c = NULL;
	{
		char path[96];
		bool stale;

		(void)snprintf(path, sizeof path, "%s/catalog.db", f->home);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(catalog_open(f->home, &f->c, &stale, &f->err), 0);
		assert_true(stale);
	}
	assert_int_equal(add_one(f, uuids[1], "train"), 1);
	restore(f, uuids[0], text, true);
	assert_int_equal(catalog_each_run(f->c, NULL, NULL, 0, see_run, &seen, &f->err), 0);
	assert_string_equal(seen.text, "train/2 PENDING;train/1 PENDING;");
	assert_int_equal(add_one(f, uuids[2], "train"), 3);
}

/* The text may be older than the rows, unless it tells the end. */
static void only_the_end_replaces_rows(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *early = NULL;
	AUTO_FREE char *late = NULL;
	AUTO_FREE char *now = NULL;

	add_three(f);
	early = print_run(f, uuids[0]);
	put_parts(f);
	restore(f, uuids[0], early, false);
	now = print_run(f, uuids[0]);
	end_run(f, uuids[0]);
	late = print_run(f, uuids[0]);
	assert_int_equal(catalog_delete_run(f->c, uuids[0], &f->err), 0);
	restore(f, uuids[0], now, true);
	restore(f, uuids[0], now, false);
	restore(f, uuids[0], late, true);
	free(now);
	now = print_run(f, uuids[0]);
	assert_string_equal(now, late);
}

static void what_is_no_text_of_a_run_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {
		"", "rubbish", "{}", "[]", "{\"format\":1}", "{\"format\":2,\"workflow\":\"w\"}"
	};
	struct seen seen = { .text = "" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		bool changed;

		assert_int_equal(
			catalog_restore_run(f->c, uuids[0], bad[i], NULL, &changed, &f->err),
			SLUICE_CORRUPT);
	}
	assert_int_equal(catalog_each_run(f->c, NULL, NULL, 0, see_run, &seen, &f->err), 0);
	assert_string_equal(seen.text, "");
}

static void runs_stand_in_the_order_of_their_making(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .text = "" };

	for (int i = 0; i < 3; i++) {
		static const int64_t made[] = { 2000, 3000, 1000 };
		struct catalog_run run = a_run(uuids[i], "w");
		int64_t number;

		run.created_ms = made[i];
		assert_int_equal(catalog_add_run(f->c, &run, &number, &f->err), 0);
	}
	assert_int_equal(catalog_order_runs(f->c, &f->err), 0);
	assert_int_equal(catalog_each_run(f->c, NULL, NULL, 0, see_run, &seen, &f->err), 0);
	assert_string_equal(seen.text, "w/2 PENDING;w/1 PENDING;w/3 PENDING;");
	assert_int_equal(add_one(f, "ffff0000-0000-4000-8000-000000000004", "w"), 4);
	memset(&seen, 0, sizeof seen);
	assert_int_equal(catalog_each_run(f->c, "latest", NULL, 0, see_run, &seen, &f->err), 0);
	assert_string_equal(seen.text, "w/4 PENDING;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(runs_are_found_by_every_form, setup, teardown),
		cmocka_unit_test_setup_teardown(what_names_no_run_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_uuid_is_given_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_number_is_never_given_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(an_older_catalog_counts_on, setup, teardown),
		cmocka_unit_test_setup_teardown(an_update_changes_phase_message_and_times, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(jobs_links_and_events_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_deleted_run_takes_its_parts_along, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(a_job_without_run_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_visitor_may_ask_the_same_question, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(processes_share_the_numbers_without_a_gap, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(a_run_comes_back_from_its_text, setup, teardown),
		cmocka_unit_test_setup_teardown(a_number_that_was_given_again_is_not_taken, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(only_the_end_replaces_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_text_of_a_run_is_refused, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(runs_stand_in_the_order_of_their_making, setup,
		                                teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
