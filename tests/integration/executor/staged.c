/* Ready, before it may go. */
#include "suite.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "executor/bundle.h"
#include "executor/exit_record.h"

static void wait_until_ready(const struct job *job)
{
	if (job->place->maker->has_shim)
		job_wait_for_file(job, job->place->maker->rootfs ? VIEWS_DIR : ROOTFS_DIR);
}

static void expect_silence(const struct job *job)
{
	if (job_has(job, "log"))
		job_expect_log(job, "");
}

static void test_staged(void **state)
{
	struct job job;

	job_init(&job, state, "echo gone");
	job_stage(&job);
	wait_until_ready(&job);
	assert_false(job_has(&job, SHIM_RECORD_NAME));
	expect_silence(&job);
	job_go(&job);
	job_wait(&job);
	job_expect_exit(&job, 0);
	job_expect_log(&job, "gone\n");
	job_release(&job);
}

static void test_withdrawn(void **state)
{
	struct place *place = *state;
	struct job job;

	job_init(&job, state, "echo never");
	job_stage(&job);
	wait_until_ready(&job);
	job_stop(&job, false);
	job_stop(&job, true);
	job_wait(&job);
	job_expect_signal(&job, SIGTERM);
	expect_silence(&job);
	assert_int_equal(count_mounts(place->home), 0);
	assert_int_equal(count_left(place), 0);
	job_release(&job);
}

static void test_staged_that_cannot_go(void **state)
{
	struct job job;
	struct error err;

	job_init(&job, state, "echo never");
	job_add_mount(&job, MOUNT_VIEW, "/no/such/source", "/x");
	if (job_try_stage(&job, &err) == 0) {
		job_wait(&job);
		job_expect_error(&job, "/no/such/source");
	} else {
		assert_non_null(strstr(err.msg, "/no/such/source"));
	}
	job_release(&job);
}

static void test_staged_under_a_dead_runner(void **state)
{
	struct place *place = *state;
	struct job job;
	struct error err;

	job_init(&job, state, "echo never");
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	job_do_and_die(&job, job_stage);
	/* What the dead one has left is ours now: the shim, and the process that it was forked
	 * from. */
	for (int i = 0; i < 2 && place->maker->has_shim; i++)
		assert_true(waitpid(-1, NULL, 0) > 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
	assert_int_equal(job_adopt(&job, &err), SLUICE_NOT_FOUND);
	expect_silence(&job);
	assert_int_equal(count_mounts(place->home), 0);
	assert_int_equal(count_left(place), 0);
	job_release(&job);
}

const struct behaviour stage_behaviours[] = {
	{ "staged, then gone", test_staged, true },
	{ "withdrawn", test_withdrawn, true },
	{ "staged, and cannot go", test_staged_that_cannot_go, true },
	{ "staged under a runner that dies", test_staged_under_a_dead_runner, true },
	{ 0 },
};
