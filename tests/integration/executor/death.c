/* Runners and shims that die. */
#include "suite.h"

#include <signal.h>
#include <unistd.h>

#include "executor/exit_record.h"

static pid_t shim_pid(const struct job *job)
{
	AUTO_FREE char *text = job_read(job, SHIM_RECORD_NAME);
	struct shim_record r;
	struct error err;

	assert_int_equal(shim_record_parse(text, &r, &err), 0);
	return (pid_t)r.pid;
}

static int sweep(const struct job *job, const char *dir)
{
	struct error err;
	int rc = executor_sweep(job->place->executor, dir, &err);

	if (rc < 0)
		print_message("%s\n", err.msg);
	return rc;
}

static void test_shim_killed(void **state)
{
	struct place *place = *state;
	struct job job;

	job_init(&job, state, "echo ready; sleep 1000 & sleep 1000");
	job_start(&job);
	job_wait_for_log(&job, "ready");
	assert_int_not_equal(count_left(place), 0);
	assert_int_equal(kill(shim_pid(&job), SIGKILL), 0);
	job_wait(&job);
	job_expect_error(&job, "was killed by signal 9");
	assert_int_equal(count_left(place), 0);
	assert_int_equal(count_mounts(place->home), 0);
	job_release(&job);
}

static void test_sweep(void **state)
{
	struct job job;

	job_init(&job, state, "echo ready; sleep 1000");
	job_start(&job);
	job_wait_for_log(&job, "ready");
	assert_int_equal(sweep(&job, job.dir), 0);
	assert_int_equal(count_left(*state), 0);
	assert_int_equal(sweep(&job, job.dir), 0);
	job_wait(&job);
	assert_int_not_equal(job.result.end, ATTEMPT_EXITED);
	assert_int_equal(sweep(&job, "/no/such/attempt"), 0);
	job_release(&job);
}

static void test_adopt_running(void **state)
{
	struct job job;
	struct error err;

	job_init(&job, state, "trap 'echo stopped; exit 7' TERM; echo ready; sleep 1000 & wait");
	job_do_and_die(&job, job_start);
	job_wait_for_file(&job, job.place->maker->has_shim ? SHIM_RECORD_NAME : "log");
	assert_int_equal(job_adopt(&job, &err), 0);
	job_wait_for_log(&job, "ready");
	job_stop(&job, false);
	job_wait(&job);
	job_expect_exit(&job, 7);
	job_expect_log(&job, "ready\nstopped\n");
	assert_int_equal(count_left(*state), 0);
	job_release(&job);
}

static void test_adopt_ended(void **state)
{
	struct job job;
	struct error err;

	job_init(&job, state, "echo all; exit 5");
	job_do_and_die(&job, job_start);
	if (job.place->maker->has_shim)
		job_wait_for_file(&job, EXIT_RECORD_NAME);
	assert_int_equal(job_adopt(&job, &err), 0);
	job_wait(&job);
	job_expect_exit(&job, 5);
	job_expect_log(&job, "all\n");
	job_release(&job);
}

static void test_adopt_killed_shim(void **state)
{
	struct place *place = *state;
	struct job job;
	struct error err;

	job_init(&job, state, "echo ready; sleep 1000");
	job_do_and_die(&job, job_start);
	job_wait_for_log(&job, "ready");
	assert_int_equal(kill(shim_pid(&job), SIGKILL), 0);
	assert_int_equal(job_adopt(&job, &err), 0);
	job_wait(&job);
	job_expect_error(&job, "was killed");
	assert_int_equal(count_left(place), 0);
	assert_int_equal(count_mounts(place->home), 0);
	job_release(&job);
}

/* Whoever comes first: a shim that is slow to begin starts nothing once the attempt is given up. */
static void test_adopt_not_begun(void **state)
{
	struct job job;
	struct error err;

	job_init(&job, state, "echo never");
	assert_int_equal(job_adopt(&job, &err), SLUICE_NOT_FOUND);
	job_start(&job);
	job_wait(&job);
	job_expect_error(&job, "given the attempt up");
	job_expect_log(&job, "");
	job_release(&job);
}

static void test_adopt_nothing(void **state)
{
	struct job job;
	struct error err;
	char *dir;

	job_init(&job, state, "echo never");
	dir = job.dir;
	job.dir = xstrdup("/no/such/attempt");
	assert_int_equal(job_adopt(&job, &err), SLUICE_NOT_FOUND);
	free(dir);
	job_release(&job);
}

const struct behaviour death_behaviours[] = {
	{ "the shim is killed", test_shim_killed, true },
	{ "what is left is swept", test_sweep, true },
	{ "a running job is adopted", test_adopt_running, true },
	{ "an ended job is adopted", test_adopt_ended, true },
	{ "a job is adopted whose shim was killed", test_adopt_killed_shim, true },
	{ "a job is adopted that has not begun", test_adopt_not_begun, true },
	{ "an attempt that is not there is adopted", test_adopt_nothing, false },
	{ 0 },
};
