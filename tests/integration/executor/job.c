/* One job of a test: what it is asked for, and what is expected of it. */
#include "suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/strbuf.h"

static void on_end(void *arg, const struct attempt_result *result)
{
	struct job *job = arg;

	assert_false(job->ended);
	job->result = *result;
	job->ended = true;
}

void job_init(struct job *job, void **state, const char *command)
{
	static const char *mark[2];
	struct place *place = *state;

	*job = (struct job){ .place = place, .args = { "sh", "-c", command, NULL } };
	if (!mark[0])
		mark[0] = xasprintf("SUITE=%s", strrchr(place->home, '/') + 1);
	job->id = xasprintf("suite-%d-%u", (int)getpid(), place->count);
	job->dir = xasprintf("%s/attempt%u", place->home, place->count++);
	assert_int_equal(mkdir(job->dir, 0755), 0);
	job->request = (struct request){
		.id = job->id,
		.dir = job->dir,
		.args = job->args,
		.env = mark,
		.mounts = job->mounts,
		.grace_ms = 60000,
	};
	job_set_image(job, IMAGE_PLAIN);
}

void job_set_image(struct job *job, const char *image)
{
	struct error err;

	if (executor_resolve(job->place->executor, image, job->digest, &err) < 0)
		fail_msg("%s", err.msg);
	job->request.image = job->digest;
}

void job_add_mount(struct job *job, enum mount_kind kind, const char *source, const char *target)
{
	assert_true(job->request.n_mounts < sizeof job->mounts / sizeof *job->mounts);
	job->mounts[job->request.n_mounts++] = (struct request_mount){ kind, source, target };
}

char *job_make_dir(const struct job *job, const char *name)
{
	char *path = xasprintf("%s/%s", job->dir, name);

	assert_int_equal(io_mkdirs(path, 0755), 0);
	return path;
}

int job_try_stage(struct job *job, struct error *err)
{
	struct executor *e = job->place->executor;
	const struct attempt_hooks hooks = { on_end, job };
	int rc = executor_prepare(e, &job->request, err);

	if (rc == 0)
		rc = executor_stage(e, &job->request, &hooks, &job->attempt, err);
	assert_false(job->ended);
	return rc;
}

void job_stage(struct job *job)
{
	struct error err;

	if (job_try_stage(job, &err) < 0)
		fail_msg("%s", err.msg);
}

void job_go(struct job *job)
{
	assert_true(executor_go(job->attempt, job->place->executor));
}

void job_start(struct job *job)
{
	job_stage(job);
	job_go(job);
}

void job_stop(struct job *job, bool now)
{
	executor_stop(job->attempt, job->place->executor, now);
}

int job_adopt(struct job *job, struct error *err)
{
	const struct attempt_hooks hooks = { on_end, job };
	int rc = executor_adopt(job->place->executor, job->dir, job->request.image, &hooks,
	                        &job->attempt, err);

	assert_false(job->ended);
	return rc;
}

void job_wait(struct job *job)
{
	(void)uv_run(&job->place->loop, UV_RUN_DEFAULT);
	assert_true(job->ended);
}

void job_release(struct job *job)
{
	assert_false(job_has(job, "rootfs"));
	assert_false(job_has(job, "views"));
	assert_false(job_has(job, "bundle"));
	free(job->id);
	free(job->dir);
}

/* Where there is no shim, what was asked for is done once the command has said something, or
 * nothing is waited for. */
static void run_until_done(struct job *job)
{
	bool may_wait = !job->place->maker->has_shim;

	for (int i = 0; i < 3000 && may_wait && uv_loop_alive(&job->place->loop); i++) {
		AUTO_FREE char *log = job_has(job, "log") ? job_read(job, "log") : xstrdup("");

		if (log[0])
			break;
		(void)uv_run(&job->place->loop, UV_RUN_NOWAIT);
		(void)usleep(10000);
	}
}

void job_do_and_die(struct job *job, void (*what)(struct job *job))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		assert_int_equal(uv_loop_fork(&job->place->loop), 0);
		what(job);
		run_until_done(job);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

bool job_has(const struct job *job, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", job->dir, name);

	return access(path, F_OK) == 0;
}

char *job_read(const struct job *job, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", job->dir, name);
	struct strbuf text = STRBUF_INIT(LOG_MAX);

	assert_int_equal(io_read_file(AT_FDCWD, path, &text), 0);
	return strbuf_detach(&text);
}

char *job_log(const struct job *job, const char *stream)
{
	enum { STAMP = 30 };
	AUTO_FREE char *log = job_read(job, "log");
	struct strbuf out = STRBUF_INIT(LOG_MAX);

	for (char *line = log; *line;) {
		char *end = line + strcspn(line, "\n");
		char *text = line + STAMP + 1 + strlen(stream) + 1;

		if (end <= line + STAMP || line[STAMP - 1] != 'Z' || line[STAMP] != ' ')
			fail_msg("not a line of a log: '%.*s'", (int)(end - line), line);
		if (strncmp(line + STAMP + 1, stream, strlen(stream)) == 0) {
			strbuf_add(&out, text + 2, (size_t)(end - text - 2));
			if (text[0] == 'F')
				strbuf_addch(&out, '\n');
		}
		line = *end ? end + 1 : end;
	}
	return strbuf_detach(&out);
}

void job_expect_log(const struct job *job, const char *want)
{
	AUTO_FREE char *text = job_log(job, "stdout");

	assert_string_equal(text, want);
}

void job_expect_exit(const struct job *job, int code)
{
	if (job->result.end == ATTEMPT_ERROR)
		fail_msg("%s", job->result.error.msg);
	if (job->result.end != ATTEMPT_EXITED || job->result.exit_code != code) {
		AUTO_FREE char *said = job_log(job, "stderr");

		print_message("%s", said);
	}
	assert_int_equal(job->result.end, ATTEMPT_EXITED);
	assert_int_equal(job->result.exit_code, code);
}

void job_expect_signal(const struct job *job, int sig)
{
	assert_int_equal(job->result.end, ATTEMPT_SIGNALED);
	assert_int_equal(job->result.signal, sig);
}

void job_expect_error(const struct job *job, const char *part)
{
	assert_int_equal(job->result.end, ATTEMPT_ERROR);
	if (!strstr(job->result.error.msg, part))
		fail_msg("not '%s' but: %s", part, job->result.error.msg);
}

void job_run_for(struct job *job, int code)
{
	job_start(job);
	job_wait(job);
	job_expect_exit(job, code);
}

void run_expecting(void **state, const char *command, const char *want)
{
	struct job job;

	job_init(&job, state, command);
	job_run_for(&job, 0);
	job_expect_log(&job, want);
	job_release(&job);
}

void job_wait_for_log(struct job *job, const char *text)
{
	for (int i = 0; i < 3000; i++) {
		AUTO_FREE char *log = job_has(job, "log") ? job_read(job, "log") : xstrdup("");

		if (strstr(log, text))
			return;
		(void)uv_run(&job->place->loop, UV_RUN_NOWAIT);
		(void)usleep(10000);
	}
	fail_msg("the log never had '%s'", text);
}

void job_wait_for_file(const struct job *job, const char *name)
{
	for (int i = 0; i < 3000 && !job_has(job, name); i++)
		(void)usleep(10000);
	assert_true(job_has(job, name));
}

static size_t count_lines(const char *command)
{
	FILE *p = popen(command, "re");
	size_t n = 0;
	int c;

	assert_non_null(p);
	while ((c = fgetc(p)) != EOF)
		n += c == '\n';
	(void)pclose(p);
	return n;
}

/* Every process of a job has the mark in its environment; a dead one's is empty. */
size_t count_left(const struct place *place)
{
	AUTO_FREE char *ids = xasprintf("suite-%d-", (int)getpid());
	const char *mark = strrchr(place->home, '/') + 1;
	AUTO_FREE char *command =
		xasprintf("grep -lz '^SUITE=%s$' /proc/[0-9]*/environ 2>/dev/null", mark);
	size_t n = count_lines(command);

	assert_int_equal(setenv("SUITE", ids, 1), 0);
	if (place->maker->left)
		n += count_lines(place->maker->left);
	(void)unsetenv("SUITE");
	return n;
}

size_t count_mounts(const char *dir)
{
	struct strbuf text = STRBUF_INIT(LOG_MAX);
	size_t n = 0;

	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/mountinfo", &text), 0);
	for (const char *p = strbuf_str(&text); (p = strstr(p, dir)); p++)
		n++;
	strbuf_release(&text);
	return n;
}
