/* Which command runs: the rules of entrypoint, cmd, arguments and script. */
#include "suite.h"

static void run_image(void **state, const char *image, const char *const *entrypoint,
                      const char *const *args, const char *want)
{
	struct job job;

	job_init(&job, state, "");
	job_set_image(&job, image);
	job.request.entrypoint = entrypoint;
	job.request.args = args;
	job_run_for(&job, 0);
	job_expect_log(&job, want);
	job_release(&job);
}

static void test_image_command(void **state)
{
	run_image(state, IMAGE_COMMAND, NULL, NULL, "entry from cmd\n");
}

static void test_arguments_replace_cmd(void **state)
{
	static const char *const args[] = { "an argument", NULL };

	run_image(state, IMAGE_COMMAND, NULL, args, "entry an argument\n");
}

static void test_entrypoint_drops_cmd(void **state)
{
	static const char *const entrypoint[] = { "echo", "mine", NULL };

	run_image(state, IMAGE_COMMAND, entrypoint, NULL, "mine\n");
}

static void test_entrypoint_and_arguments(void **state)
{
	static const char *const entrypoint[] = { "echo", "mine", NULL };
	static const char *const args[] = { "a b", "", "$HOME", "'", NULL };

	run_image(state, IMAGE_COMMAND, entrypoint, args, "mine a b  $HOME '\n");
}

static void test_no_command(void **state)
{
	struct job job;
	struct error err;

	job_init(&job, state, "");
	job_set_image(&job, IMAGE_EMPTY);
	job.request.args = NULL;
	assert_true(job_try_stage(&job, &err) < 0);
	assert_non_null(strstr(err.msg, "no command"));
	job_release(&job);
}

static void test_script(void **state)
{
	static const char *const shell[] = { "sh", REQUEST_SCRIPT_PATH, NULL };
	struct job job;

	job_init(&job, state, "");
	job.request.entrypoint = shell;
	job.request.args = NULL;
	job.request.script = "echo from the script\nstat -c %a " REQUEST_SCRIPT_PATH "\n";
	job_run_for(&job, 0);
	job_expect_log(&job, "from the script\n444\n");
	job_release(&job);
}

static void test_script_of_another_user(void **state)
{
	static const char *const shell[] = { "sh", REQUEST_SCRIPT_PATH, NULL };
	struct job job;

	job_init(&job, state, "");
	job_set_image(&job, IMAGE_WORKER);
	job.request.entrypoint = shell;
	job.request.args = NULL;
	job.request.script = "id -u\necho x >>" REQUEST_SCRIPT_PATH " || echo refused\n";
	job_run_for(&job, 0);
	job_expect_log(&job, "1234\nrefused\n");
	job_release(&job);
}

const struct behaviour command_behaviours[] = {
	{ "the image's entrypoint and cmd", test_image_command, true },
	{ "arguments replace cmd", test_arguments_replace_cmd, false },
	{ "an entrypoint drops cmd", test_entrypoint_drops_cmd, false },
	{ "entrypoint and arguments", test_entrypoint_and_arguments, true },
	{ "no command at all", test_no_command, true },
	{ "a script", test_script, true },
	{ "a script for another user", test_script_of_another_user, false },
	{ 0 },
};
