/* How a job ends. */
#include "suite.h"

#include <signal.h>
#include <unistd.h>

#include "executor/exit_record.h"

static void test_exit_code(void **state)
{
	struct job job;

	job_init(&job, state, "exit 7");
	job_run_for(&job, 7);
	assert_false(job.result.oom);
	assert_true(job.result.started_ms <= job.result.finished_ms);
	job_release(&job);
}

static void test_every_kind_of_code(void **state)
{
	static const int codes[] = { 0, 1, 125, 126, 127, 128, 137, 143, 255 };

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		AUTO_FREE char *command = xasprintf("exit %d", codes[i]);
		struct job job;

		job_init(&job, state, command);
		job_run_for(&job, codes[i]);
		job_release(&job);
	}
}

static void test_usage(void **state)
{
	struct job job;

	job_init(&job, state, "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done");
	job_run_for(&job, 0);
	assert_true(job.result.cpu_ns > 1000000);
	assert_true(job.result.peak_bytes > 100000);
	job_release(&job);
}

/* A pid namespace's first process is immune to its own default signals; its children are not, and
 * the shell tells of them as 128 + N. */
static void test_child_signaled(void **state)
{
	struct job job;

	job_init(&job, state, "kill -TERM $$; sh -c 'kill -9 $$'; exit $?");
	job_run_for(&job, 137);
	job_release(&job);
}

static void test_command_not_found(void **state)
{
	static const char *const names[] = { "no-such-command", "/no/such/command" };

	for (size_t i = 0; i < 2; i++) {
		struct job job;
		char *log;

		job_init(&job, state, "");
		job.args[0] = names[i];
		job.args[1] = NULL;
		job_run_for(&job, 127);
		log = job_log(&job, "stderr");
		assert_non_null(strstr(log, names[i]));
		free(log);
		job_release(&job);
	}
}

static void test_not_executable(void **state)
{
	struct job job;

	job_init(&job, state, "");
	job.args[0] = "/etc/plain";
	job.args[1] = NULL;
	job_run_for(&job, 126);
	job_release(&job);
}

static void test_machinery_error(void **state)
{
	struct job job;
	struct error err;

	job_init(&job, state, "true");
	job_add_mount(&job, MOUNT_READONLY, "/no/such/source", "/x");
	if (job_try_stage(&job, &err) < 0) { /* or it says so at once */
		assert_non_null(strstr(err.msg, "/no/such/source"));
		job_release(&job);
		return;
	}
	job_go(&job);
	job_wait(&job);
	job_expect_error(&job, "/no/such/source");
	job_release(&job);
}

/* What stands in the place of its record cannot be replaced. */
static void test_no_record(void **state)
{
	AUTO_FREE char *place = NULL;
	struct job job;

	job_init(&job, state, "true");
	place = job_make_dir(&job, EXIT_RECORD_NAME);
	job_start(&job);
	job_wait(&job);
	assert_int_equal(job.result.end, ATTEMPT_ERROR);
	assert_int_equal(rmdir(place), 0);
	job_release(&job);
}

/* What it leaves in the background ends with it, and does not hold it up. */
static void test_orphans(void **state)
{
	struct job job;

	job_init(&job, state, "sleep 1000 & (sleep 1000 &) ; exit 3");
	job_run_for(&job, 3);
	assert_int_equal(count_left(*state), 0);
	job_release(&job);
}

/* It is the first process, and nobody else reaps for it: sh must not see them as its own end. */
static void test_zombies(void **state)
{
	struct job job;

	job_init(&job, state, "for i in 1 2 3 4 5; do (sh -c 'exit 9' &); done; sleep 0.1; exit 4");
	job_run_for(&job, 4);
	job_release(&job);
}

static void test_many_at_once(void **state)
{
	enum { JOBS = 20 };
	static struct job jobs[JOBS];

	for (int i = 0; i < JOBS; i++) {
		job_init(&jobs[i], state, "echo $HOSTNAME; sleep 0.2; exit 5");
		job_start(&jobs[i]);
	}
	for (int i = 0; i < JOBS; i++) {
		AUTO_FREE char *want = xasprintf("%s\n", jobs[i].id);

		job_wait(&jobs[i]);
		job_expect_exit(&jobs[i], 5);
		job_expect_log(&jobs[i], want);
		job_release(&jobs[i]);
	}
}

const struct behaviour ends_behaviours[] = {
	{ "exit code", test_exit_code, true },
	{ "every kind of exit code", test_every_kind_of_code, false },
	{ "usage is measured", test_usage, true },
	{ "a child is killed", test_child_signaled, true },
	{ "command not found", test_command_not_found, true },
	{ "command not executable", test_not_executable, true },
	{ "a mount that is not there", test_machinery_error, true },
	{ "its end cannot be written down", test_no_record, true },
	{ "orphans end with the job", test_orphans, true },
	{ "zombies", test_zombies, false },
	{ "twenty jobs at once", test_many_at_once, true },
	{ 0 },
};
