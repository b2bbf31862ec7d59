/* Being stopped, and the limits of what a job may take. */
#include "suite.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"

static void start_and_stop(struct job *job, bool now)
{
	job_start(job);
	job_wait_for_log(job, "ready");
	job_stop(job, now);
	job_wait(job);
}

static void test_stop_politely(void **state)
{
	struct job job;

	job_init(&job, state, "trap 'echo bye; exit 3' TERM; echo ready; sleep 1000 & wait");
	start_and_stop(&job, false);
	job_expect_exit(&job, 3);
	job_expect_log(&job, "ready\nbye\n");
	job_release(&job);
}

static void test_stop_signal_of_image(void **state)
{
	static const char *const shell[] = { "sh", "-c", NULL };
	static const char *const args[] = {
		"trap 'echo usr1; exit 4' USR1; echo ready; sleep 1000 & wait", NULL
	};
	struct job job;

	job_init(&job, state, "");
	job_set_image(&job, IMAGE_COMMAND);
	job.request.entrypoint = shell;
	job.request.args = args;
	start_and_stop(&job, false);
	job_expect_exit(&job, 4);
	job_expect_log(&job, "ready\nusr1\n");
	job_release(&job);
}

/* The first process has no handler, as is usual: what it waits for gets the signal and the time,
 * and the next command does not begin. */
static void test_stop_reaches_all(void **state)
{
	struct job job;

	job_init(&job, state,
	         "sh -c \"trap 'sleep 0.3; echo saved; exit 0' TERM; echo ready; "
	         "sleep 1000 & wait\"; echo next");
	start_and_stop(&job, false);
	job_expect_signal(&job, SIGKILL);
	job_expect_log(&job, "ready\nsaved\n");
	job_release(&job);
}

static void test_stop_ignored(void **state)
{
	struct job job;
	int64_t begin;

	job_init(&job, state, "trap '' TERM; echo ready; while :; do sleep 0.05; done");
	job.request.grace_ms = 300;
	job_start(&job);
	job_wait_for_log(&job, "ready");
	begin = clock_mono_ms();
	job_stop(&job, false);
	job_wait(&job);
	job_expect_signal(&job, SIGKILL);
	assert_true(clock_mono_ms() - begin >= 290);
	job_release(&job);
}

/* The grace period is a minute: were the second word not heard, this would take that long. */
static void test_stop_twice(void **state)
{
	for (int second_is_now = 0; second_is_now < 2; second_is_now++) {
		struct job job;
		int64_t begin;

		job_init(&job, state, "trap '' TERM; echo ready; while :; do sleep 0.05; done");
		job_start(&job);
		job_wait_for_log(&job, "ready");
		begin = clock_mono_ms();
		job_stop(&job, false);
		(void)usleep(50000);
		job_stop(&job, second_is_now);
		job_wait(&job);
		job_expect_signal(&job, SIGKILL);
		assert_true(clock_mono_ms() - begin < 30000);
		job_release(&job);
	}
}

static void test_stop_now(void **state)
{
	struct job job;

	job_init(&job, state, "trap 'echo bye' TERM; echo ready; sleep 1000 & wait; sleep 1000");
	start_and_stop(&job, true);
	job_expect_signal(&job, SIGKILL);
	job_expect_log(&job, "ready\n");
	job_release(&job);
}

static void test_stop_of_another_user(void **state)
{
	struct job job;

	job_init(&job, state, "trap 'echo bye; exit 3' TERM; echo ready; sleep 1000 & wait");
	job_set_image(&job, IMAGE_WORKER);
	start_and_stop(&job, false);
	job_expect_exit(&job, 3);
	job_release(&job);
}

/* At every moment of the start: nothing hangs, and nothing stays. */
static void test_stop_early(void **state)
{
	for (unsigned delay_us = 0; delay_us < 40000; delay_us += 2000) {
		struct job job;

		job_init(&job, state, "sleep 1000");
		job_start(&job);
		(void)usleep(delay_us);
		job_stop(&job, true);
		job_wait(&job);
		assert_int_equal(job.result.end, ATTEMPT_SIGNALED);
		job_release(&job);
	}
	assert_int_equal(count_left(*state), 0);
}

/* The killed one is a child, so that the exit code does not tell. */
static void test_oom(void **state)
{
	struct job job;

	job_init(&job, state, "head -c 600000000 /dev/zero | tail >/dev/null; exit 0");
	job.request.limits.memory_bytes = 64 << 20;
	job_run_for(&job, 0);
	assert_true(job.result.oom);
	assert_true(job.result.peak_bytes <= 64 << 20);
	job_release(&job);
}

static void test_cpu_limit(void **state)
{
	struct job job;
	char *text;

	job_init(&job, state,
	         "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null");
	job.request.limits.cpu_milli = 250;
	job_start(&job);
	job_wait(&job);
	text = job_log(&job, "stdout");
	assert_true(strncmp(text, "25000", 5) == 0);
	free(text);
	job_release(&job);
}

static void test_shm_size(void **state)
{
	struct job job;

	job_init(&job, state, "df -k /dev/shm | tail -n 1 | awk '{ print $2 }'");
	job.request.limits.shm_bytes = 5 << 20;
	job_run_for(&job, 0);
	job_expect_log(&job, "5120\n");
	job_release(&job);
}

const struct behaviour stop_behaviours[] = {
	{ "stopped politely", test_stop_politely, true },
	{ "stopped by the image's signal", test_stop_signal_of_image, true },
	{ "a stop reaches all processes", test_stop_reaches_all, true },
	{ "a stop that is ignored", test_stop_ignored, true },
	{ "stopped twice", test_stop_twice, false },
	{ "stopped at once", test_stop_now, true },
	{ "stopped as another user", test_stop_of_another_user, false },
	{ "stopped at every moment of its start", test_stop_early, true },
	{ "out of memory", test_oom, true },
	{ "a limit of processor time", test_cpu_limit, true },
	{ "the size of /dev/shm", test_shm_size, true },
	{ 0 },
};
