/* The log of a job. */
#include "suite.h"

static void test_both_streams(void **state)
{
	struct job job;
	char *text;

	job_init(&job, state, "echo one; echo two >&2; echo three; printf four");
	job_run_for(&job, 0);
	job_expect_log(&job, "one\nthree\nfour");
	text = job_log(&job, "stderr");
	assert_string_equal(text, "two\n");
	free(text);
	job_release(&job);
}

static void test_silent(void **state)
{
	run_expecting(state, "exec >&- 2>&-; true", "");
}

static void test_bytes(void **state)
{
	run_expecting(state, "printf '\\001\\377\\r x\\n\\n\\n'", "\001\377\r x\n\n\n");
}

static void test_big_log(void **state)
{
	enum { LINES = 1000000 };
	struct job job;
	char *text;
	size_t lines = 0;

	job_init(&job, state,
	         "yes 0123456789012345678901234567890123456789012345678 | head -n 1000000");
	job_run_for(&job, 0);
	text = job_log(&job, "stdout");
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, LINES);
	assert_int_equal(strlen(text), LINES * 50);
	free(text);
	job_release(&job);
}

static void test_long_line(void **state)
{
	struct job job;
	char *text;

	job_init(&job, state, "head -c 100000 /dev/zero | tr '\\0' x; echo");
	job_run_for(&job, 0);
	text = job_log(&job, "stdout");
	assert_int_equal(strlen(text), 100001);
	assert_int_equal(strspn(text, "x"), 100000);
	free(text);
	job_release(&job);
}

static void expect_no_secret(const struct job *job)
{
	AUTO_FREE char *log = job_read(job, "log");

	assert_null(strstr(log, "hunter2"));
	assert_null(strstr(log, "s3cr"));
}

static void test_secrets(void **state)
{
	static const char *const secrets[] = { "hunter2", "s3cr\"et\nof two", NULL };
	static const char *const env[] = { "PASSWORD=hunter2", NULL };
	struct job job;
	char *log;

	job_init(&job, state,
	         "echo x${PASSWORD}y; printf hun; sleep 0.2; echo ter2; "
	         "echo 's3cr\"et' of two; /hunter2");
	job.request.secrets = secrets;
	job.request.env = env;
	job_run_for(&job, 127);
	expect_no_secret(&job);
	log = job_read(&job, "log");
	assert_non_null(strstr(log, "x***y"));
	free(log);
	job_release(&job);
}

static void test_secret_command(void **state)
{
	static const char *const secrets[] = { "hunter2", NULL };
	struct job job;

	job_init(&job, state, "");
	job.args[0] = "/bin/hunter2";
	job.args[1] = NULL;
	job.request.secrets = secrets;
	job_run_for(&job, 127);
	expect_no_secret(&job);
	job_release(&job);
}

const struct behaviour log_behaviours[] = {
	{ "both streams", test_both_streams, true },
	{ "closed streams", test_silent, false },
	{ "any bytes", test_bytes, false },
	{ "a big log", test_big_log, false },
	{ "a long line", test_long_line, true },
	{ "secrets are masked", test_secrets, true },
	{ "a secret in a command that fails", test_secret_command, true },
	{ 0 },
};
