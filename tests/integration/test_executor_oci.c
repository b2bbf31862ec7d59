/* The OCI executor with real containers: a static busybox as the image's only layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "executor/attempt.h"
#include "executor/exit_record.h"
#include "executor/runtime.h"

#define BUSYBOX "/bin/busybox"

enum { SKIPPED = 77, LOG_MAX = 256 << 20 };

static const char *const passwd = "root:x:0:0:root:/root:/bin/sh\n"
				  "worker:x:1234:1234:Worker:/home/worker:/bin/sh\n";
static const char *const group = "root:x:0:\nworker:x:1234:\nextra:x:77:root,worker\n";

/* One for the whole program: what all tests run in. */
struct place {
	uv_loop_t loop;
	char home[64];
	char *layer, *runtime;
	struct image image;
	unsigned count; /* of attempts so far */
};

struct job {
	struct place *place;
	struct request request;
	struct attempt *attempt;
	struct attempt_result result;
	bool ended;
	char *id, *dir;
	const char *args[4];
	struct request_mount mounts[8];
};

/* ---- helpers ---- */

static void on_end(void *arg, const struct attempt_result *result)
{
	struct job *job = arg;

	assert_false(job->ended);
	job->result = *result;
	job->ended = true;
}

static void job_init(struct job *job, void **state, const char *command)
{
	struct place *place = *state;

	*job = (struct job){ .place = place, .args = { "sh", "-c", command, NULL } };
	job->id = xasprintf("test-%d-%u", (int)getpid(), place->count);
	job->dir = xasprintf("%s/attempt%u", place->home, place->count++);
	assert_int_equal(mkdir(job->dir, 0755), 0);
	job->request = (struct request){
		.id = job->id,
		.dir = job->dir,
		.image = "unused",
		.args = job->args,
		.mounts = job->mounts,
		.grace_ms = 60000,
	};
}

static void job_stage(struct job *job)
{
	struct place *place = job->place;
	const struct launch launch = {
		.request = &job->request,
		.runtime = place->runtime,
		.home = place->home,
		.image = job->request.root == ROOT_IMAGE ? &place->image : NULL,
		.passwd = passwd,
		.group = group,
	};
	const struct attempt_hooks hooks = { on_end, job };
	struct error err;

	if (attempt_stage(&place->loop, SHIM_PATH, &launch, &hooks, &job->attempt, &err) < 0)
		fail_msg("%s", err.msg);
	assert_false(job->ended);
}

static void job_start(struct job *job)
{
	job_stage(job);
	attempt_go(job->attempt);
}

/* The result comes first; when the loop is empty the shim has cleaned up too. */
static void job_wait(struct job *job)
{
	(void)uv_run(&job->place->loop, UV_RUN_DEFAULT);
	assert_true(job->ended);
}

static bool exists(const struct job *job, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", job->dir, name);

	return access(path, F_OK) == 0;
}

/* Every attempt, however it ends, leaves its log and its records and nothing else. */
static void job_release(struct job *job)
{
	assert_false(exists(job, "rootfs"));
	assert_false(exists(job, "views"));
	assert_false(exists(job, "bundle"));
	free(job->id);
	free(job->dir);
}

static char *read_text(const struct job *job, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", job->dir, name);
	struct strbuf text = STRBUF_INIT(LOG_MAX);

	assert_int_equal(io_read_file(AT_FDCWD, path, &text), 0);
	return strbuf_detach(&text);
}

/* The texts of one stream's lines, each part of a cut one joined to the next. */
static char *log_of(const struct job *job, const char *stream)
{
	enum { STAMP = 30 };
	AUTO_FREE char *log = read_text(job, "log");
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

static void expect_log(const struct job *job, const char *want)
{
	AUTO_FREE char *text = log_of(job, "stdout");

	assert_string_equal(text, want);
}

static void expect_exit(const struct job *job, int code)
{
	if (job->result.end == ATTEMPT_ERROR)
		fail_msg("%s", job->result.error.msg);
	assert_int_equal(job->result.end, ATTEMPT_EXITED);
	assert_int_equal(job->result.exit_code, code);
}

/* Runs a command to its end, which must be an exit with this code. */
static void run_for(struct job *job, int code)
{
	job_start(job);
	job_wait(job);
	expect_exit(job, code);
}

static void run_expecting(void **state, const char *command, const char *want)
{
	struct job job;

	job_init(&job, state, command);
	run_for(&job, 0);
	expect_log(&job, want);
	job_release(&job);
}

/* Until the log has this text. */
static void wait_for_log(struct job *job, const char *text)
{
	for (int i = 0; i < 1000; i++) {
		AUTO_FREE char *log = exists(job, "log") ? read_text(job, "log") : xstrdup("");

		if (strstr(log, text))
			return;
		(void)uv_run(&job->place->loop, UV_RUN_NOWAIT);
		(void)usleep(10000);
	}
	fail_msg("the log never had '%s'", text);
}

static size_t count_cgroups(void)
{
	FILE *p = popen("find /sys/fs/cgroup -path '*/sluice/test-*' -type d | wc -l", "re");
	size_t n = 0;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%zu", &n), 1);
	(void)pclose(p);
	return n;
}

static size_t count_mounts(const char *dir)
{
	struct strbuf text = STRBUF_INIT(LOG_MAX);
	size_t n = 0;

	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/mountinfo", &text), 0);
	for (const char *p = strbuf_str(&text); (p = strstr(p, dir)); p++)
		n++;
	strbuf_release(&text);
	return n;
}

/* ---- how a job ends ---- */

static void test_exit_codes(void **state)
{
	struct job job;

	job_init(&job, state, "exit 7");
	run_for(&job, 7);
	assert_false(job.result.oom);
	assert_true(job.result.cpu_ns > 0);
	assert_true(job.result.peak_bytes > 0);
	assert_true(job.result.started_ms <= job.result.finished_ms);
	job_release(&job);
	run_expecting(state, "true", "");
}

static void test_signal(void **state)
{
	struct job job;

	job_init(&job, state, "kill -USR1 $$; sleep 5");
	job.args[0] = "sh";
	job_start(&job);
	job_wait(&job);
	/* A pid namespace's first process is immune to its own default signals; its children are
	 * not, and the shell tells of them as 128 + N. */
	job_release(&job);
	job_init(&job, state, "sh -c 'kill -9 $$'; exit $?");
	run_for(&job, 137);
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
		run_for(&job, 127);
		log = log_of(&job, "stderr");
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
	run_for(&job, 126);
	job_release(&job);
}

static void test_runtime_error(void **state)
{
	struct job job;

	job_init(&job, state, "true");
	job.mounts[job.request.n_mounts++] =
		(struct request_mount){ MOUNT_READONLY, "/no/such/source", "/x" };
	job_start(&job);
	job_wait(&job);
	assert_int_equal(job.result.end, ATTEMPT_ERROR);
	assert_non_null(strstr(job.result.error.msg, "/no/such/source"));
	job_release(&job);
}

/* ---- what a job sees ---- */

static void test_environment(void **state)
{
	static const char *const env[] = { "GREETING=good day", "FROM_IMAGE=no", NULL };
	struct job job;
	AUTO_FREE char *want = NULL;

	job_init(&job, state,
	         "echo $GREETING $FROM_IMAGE $KEPT $HOME $HOSTNAME; hostname; pwd; umask");
	job.request.env = env;
	run_for(&job, 0);
	want = xasprintf("good day no yes /root %s\n%s\n/work dir\n0022\n", job.id, job.id);
	expect_log(&job, want);
	job_release(&job);
}

static void test_user(void **state)
{
	static char worker[] = "worker";
	struct place *place = *state;
	char *usual = place->image.user;
	struct job job;

	place->image.user = worker;
	job_init(&job, state,
	         "id -u; id -g; id -G; echo $HOME; echo x >/outputs/model/f && echo ok; "
	         "echo y >>/inputs/data/file && cat /inputs/data/file; "
	         "mkdir /inputs/data/sub/new && echo made");
	{
		AUTO_FREE char *outputs = xasprintf("%s/outputs", job.dir);
		AUTO_FREE char *model = xasprintf("%s/outputs/model", job.dir);
		AUTO_FREE char *tree = xasprintf("%s/tree", place->home);

		assert_int_equal(io_mkdirs(model, 0755), 0);
		job.mounts[job.request.n_mounts++] =
			(struct request_mount){ MOUNT_WRITE, outputs, "/outputs" };
		job.mounts[job.request.n_mounts++] =
			(struct request_mount){ MOUNT_VIEW, tree, "/inputs/data" };
		run_for(&job, 0);
	}
	place->image.user = usual;
	expect_log(&job, "1234\n1234\n1234 77\n/home/worker\nok\nfirst\ny\nmade\n");
	job_release(&job);
}

static void test_view_of_a_link(void **state)
{
	static char users[][8] = { "", "worker" };
	struct place *place = *state;
	char *usual = place->image.user;

	for (size_t i = 0; i < 2; i++) {
		struct job job;

		place->image.user = users[i];
		job_init(&job, state, "cat /inputs/data/passwd");
		{
			AUTO_FREE char *link = xasprintf("%s/volume", job.dir);

			assert_int_equal(symlink("/etc", link), 0);
			job.mounts[job.request.n_mounts++] =
				(struct request_mount){ MOUNT_VIEW, link, "/inputs/data" };
			job_start(&job);
			job_wait(&job);
		}
		assert_int_equal(job.result.end, ATTEMPT_ERROR);
		assert_non_null(strstr(job.result.error.msg, "Not a directory"));
		job_release(&job);
	}
	place->image.user = usual;
}

static void test_mounts(void **state)
{
	struct place *place = *state;
	AUTO_FREE char *tree = xasprintf("%s/tree", place->home);
	AUTO_FREE char *file = xasprintf("%s/tree/file", place->home);
	AUTO_FREE char *out = NULL;
	struct strbuf text = STRBUF_INIT(4096);
	struct job job;

	job_init(&job, state,
	         "echo more >>/inputs/view/file; cat /inputs/view/file; rm -r /inputs/view/sub; "
	         "mkdir /inputs/own; echo no >>/ro/file; cat /ro/file; cat /text; echo z >>/text; "
	         "cat /text; echo out >/outputs/x");
	out = xasprintf("%s/out", job.dir);
	assert_int_equal(mkdir(out, 0755), 0);
	job.mounts[0] = (struct request_mount){ MOUNT_VIEW, tree, "/inputs/view" };
	job.mounts[1] = (struct request_mount){ MOUNT_READONLY, tree, "/ro" };
	job.mounts[2] = (struct request_mount){ MOUNT_TEXT, "a text\n", "/text" };
	job.mounts[3] = (struct request_mount){ MOUNT_WRITE, out, "/outputs" };
	job.mounts[4] = (struct request_mount){ MOUNT_VIEW, tree, "/inputs/second" };
	job.request.n_mounts = 5;
	run_for(&job, 0);
	expect_log(&job, "first\nmore\nfirst\na text\na text\nz\n");
	assert_int_equal(io_read_file(AT_FDCWD, file, &text), 0);
	assert_string_equal(text.buf, "first\n");
	strbuf_release(&text);
	assert_true(exists(&job, "out/x"));
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
	run_for(&job, 0);
	expect_log(&job, "from the script\n444\n");
	job_release(&job);
}

static void test_network_none(void **state)
{
	struct job job;

	job_init(&job, state, "ls /sys/class/net; grep -c $HOSTNAME /etc/hosts");
	job.request.network = NETWORK_NONE;
	run_for(&job, 0);
	expect_log(&job, "lo\n1\n");
	job_release(&job);
}

static void test_isolation(void **state)
{
	run_expecting(
		state,
		"echo $$; ls /dev | grep -c vda; mount -t tmpfs x /mnt 2>&1 | wc -l; "
		"echo 1 2>/dev/null >/proc/sys/kernel/panic || echo read-only; "
		"unshare -m true 2>/dev/null || echo refused; grep Seccomp: /proc/self/status",
		"1\n0\n1\nread-only\nrefused\nSeccomp:\t2\n");
}

static void test_host_root(void **state)
{
	struct place *place = *state;
	AUTO_FREE char *command = xasprintf(
		"touch /etc/x 2>/dev/null || echo read-only; ls %s | wc -l; echo o >/outputs/f; "
		"echo t >$TMPDIR/t && cat $TMPDIR/t; grep CapEff /proc/self/status; cat /in/file",
		place->home);
	AUTO_FREE char *tree = xasprintf("%s/tree", place->home);
	AUTO_FREE char *out = NULL;
	struct job job;

	job_init(&job, state, command);
	job.request.root = ROOT_HOST;
	out = xasprintf("%s/out", job.dir);
	assert_int_equal(mkdir(out, 0755), 0);
	job.mounts[0] = (struct request_mount){ MOUNT_WRITE, out, "/outputs" };
	job.mounts[1] = (struct request_mount){ MOUNT_VIEW, tree, "/in" };
	job.request.n_mounts = 2;
	run_for(&job, 0);
	expect_log(&job, "read-only\n0\nt\nCapEff:\t0000000000000000\nfirst\n");
	assert_true(exists(&job, "out/f"));
	job_release(&job);
}

/* ---- the log ---- */

static void test_both_streams(void **state)
{
	struct job job;
	char *text;

	job_init(&job, state, "echo one; echo two >&2; echo three; printf four");
	run_for(&job, 0);
	expect_log(&job, "one\nthree\nfour");
	text = log_of(&job, "stderr");
	assert_string_equal(text, "two\n");
	free(text);
	job_release(&job);
}

static void test_big_log(void **state)
{
	enum { LINES = 1000000 };
	struct job job;
	char *text;
	size_t lines = 0;

	job_init(&job, state,
	         "yes 0123456789012345678901234567890123456789012345678 | head -n 1000000");
	run_for(&job, 0);
	text = log_of(&job, "stdout");
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
	run_for(&job, 0);
	text = log_of(&job, "stdout");
	assert_int_equal(strlen(text), 100001);
	assert_int_equal(strspn(text, "x"), 100000);
	free(text);
	job_release(&job);
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
	run_for(&job, 127);
	log = read_text(&job, "log");
	assert_null(strstr(log, "hunter2"));
	assert_null(strstr(log, "s3cr"));
	assert_non_null(strstr(log, "x***y"));
	free(log);
	job_release(&job);

	/* A command that holds one and cannot be started. */
	job_init(&job, state, "");
	job.args[0] = "/bin/hunter2";
	job.args[1] = NULL;
	job.request.secrets = secrets;
	run_for(&job, 127);
	log = read_text(&job, "log");
	assert_null(strstr(log, "hunter2"));
	free(log);
	job_release(&job);
}

/* ---- stopping ---- */

static void expect_signaled(const struct job *job, int sig)
{
	assert_int_equal(job->result.end, ATTEMPT_SIGNALED);
	assert_int_equal(job->result.signal, sig);
}

static void test_stop_politely(void **state)
{
	struct job job;

	job_init(&job, state, "trap 'echo bye; exit 3' TERM; echo ready; sleep 1000 & wait");
	job_start(&job);
	wait_for_log(&job, "ready");
	attempt_stop(job.attempt, false);
	job_wait(&job);
	expect_exit(&job, 3);
	expect_log(&job, "ready\nbye\n");
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
	job_start(&job);
	wait_for_log(&job, "ready");
	attempt_stop(job.attempt, false);
	job_wait(&job);
	expect_signaled(&job, SIGKILL);
	expect_log(&job, "ready\nsaved\n");
	job_release(&job);
}

static void test_stop_ignored(void **state)
{
	struct job job;
	int64_t begin;

	job_init(&job, state, "trap '' TERM; echo ready; while :; do sleep 0.05; done");
	job.request.grace_ms = 300;
	job_start(&job);
	wait_for_log(&job, "ready");
	begin = clock_mono_ms();
	attempt_stop(job.attempt, false);
	job_wait(&job);
	expect_signaled(&job, SIGKILL);
	assert_in_range(clock_mono_ms() - begin, 290, 2500);
	job_release(&job);
}

static void test_stop_twice(void **state)
{
	for (int second_is_now = 0; second_is_now < 2; second_is_now++) {
		struct job job;
		int64_t begin;

		job_init(&job, state, "trap '' TERM; echo ready; while :; do sleep 0.05; done");
		job_start(&job);
		wait_for_log(&job, "ready");
		begin = clock_mono_ms();
		attempt_stop(job.attempt, false);
		(void)usleep(50000);
		attempt_stop(job.attempt, second_is_now);
		job_wait(&job);
		expect_signaled(&job, SIGKILL);
		assert_in_range(clock_mono_ms() - begin, 0, 3000);
		job_release(&job);
	}
}

/* At every moment of the start: nothing hangs, and nothing stays. */
static void test_stop_early(void **state)
{
	for (unsigned delay_us = 0; delay_us < 40000; delay_us += 2000) {
		struct job job;

		job_init(&job, state, "sleep 1000");
		job_start(&job);
		(void)usleep(delay_us);
		attempt_stop(job.attempt, true);
		job_wait(&job);
		assert_int_equal(job.result.end, ATTEMPT_SIGNALED);
		job_release(&job);
	}
	assert_int_equal(count_cgroups(), 0);
}

/* ---- trouble ---- */

static pid_t shim_pid(const struct job *job)
{
	AUTO_FREE char *text = read_text(job, SHIM_RECORD_NAME);
	struct shim_record r;
	struct error err;

	assert_int_equal(shim_record_parse(text, &r, &err), 0);
	return (pid_t)r.pid;
}

static void test_shim_killed(void **state)
{
	struct place *place = *state;
	struct job job;

	job_init(&job, state, "echo ready; sleep 1000");
	job_start(&job);
	wait_for_log(&job, "ready");
	assert_int_not_equal(count_cgroups(), 0);
	assert_int_equal(kill(shim_pid(&job), SIGKILL), 0);
	job_wait(&job);
	assert_int_equal(job.result.end, ATTEMPT_ERROR);
	assert_non_null(strstr(job.result.error.msg, "was killed by signal 9"));
	assert_int_equal(count_cgroups(), 0);
	assert_int_equal(count_mounts(place->home), 0);
	job_release(&job);
}

static void test_sweep(void **state)
{
	struct job job;
	struct error err;

	job_init(&job, state, "echo ready; sleep 1000");
	job_start(&job);
	wait_for_log(&job, "ready");
	assert_int_equal(attempt_sweep(job.dir, &err), 0);
	assert_int_equal(count_cgroups(), 0);
	assert_int_equal(kill(shim_pid(&job), 0) == 0, 1); /* a zombie: this process's own child */
	assert_int_equal(attempt_sweep(job.dir, &err), 0);
	job_wait(&job);
	assert_int_equal(job.result.end, ATTEMPT_ERROR);
	assert_int_equal(attempt_sweep("/no/such/attempt", &err), 0);
	job_release(&job);
}

/* ---- a runner that dies ---- */

/* Started by another process, which is gone when this returns. */
static void do_and_die(struct job *job, void (*what)(struct job *job))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		assert_int_equal(uv_loop_fork(&job->place->loop), 0);
		what(job);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void job_start_and_die(struct job *job)
{
	do_and_die(job, job_start);
}

static int job_adopt(struct job *job, struct error *err)
{
	const struct attempt_hooks hooks = { on_end, job };
	int rc = attempt_adopt(&job->place->loop, job->dir, &hooks, &job->attempt, err);

	assert_false(job->ended);
	return rc;
}

static void wait_for_file(const struct job *job, const char *name)
{
	for (int i = 0; i < 1000 && !exists(job, name); i++)
		(void)usleep(10000);
	assert_true(exists(job, name));
}

static void test_adopt_running(void **state)
{
	struct job job;
	struct error err;

	job_init(&job, state, "trap 'echo stopped; exit 7' TERM; echo ready; sleep 1000 & wait");
	job_start_and_die(&job);
	wait_for_file(&job, SHIM_RECORD_NAME);
	assert_int_equal(job_adopt(&job, &err), 0);
	wait_for_log(&job, "ready");
	attempt_stop(job.attempt, false);
	job_wait(&job);
	expect_exit(&job, 7);
	expect_log(&job, "ready\nstopped\n");
	assert_int_equal(count_cgroups(), 0);
	job_release(&job);
}

static void test_adopt_ended(void **state)
{
	struct job job;
	struct error err;

	job_init(&job, state, "echo all; exit 5");
	job_start_and_die(&job);
	wait_for_file(&job, EXIT_RECORD_NAME);
	assert_int_equal(job_adopt(&job, &err), 0);
	job_wait(&job);
	expect_exit(&job, 5);
	expect_log(&job, "all\n");
	job_release(&job);
}

static void test_adopt_killed_shim(void **state)
{
	struct place *place = *state;
	struct job job;
	struct error err;

	job_init(&job, state, "echo ready; sleep 1000");
	job_start_and_die(&job);
	wait_for_log(&job, "ready");
	assert_int_equal(kill(shim_pid(&job), SIGKILL), 0);
	assert_int_not_equal(count_cgroups(), 0);
	assert_int_equal(job_adopt(&job, &err), 0);
	job_wait(&job);
	assert_int_equal(job.result.end, ATTEMPT_ERROR);
	assert_non_null(strstr(job.result.error.msg, "was killed"));
	assert_int_equal(count_cgroups(), 0);
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
	assert_int_equal(job.result.end, ATTEMPT_ERROR);
	assert_non_null(strstr(job.result.error.msg, "given the attempt up"));
	expect_log(&job, "");
	job_release(&job);
	assert_int_equal(attempt_adopt(&job.place->loop, "/no/such/attempt",
	                               &(struct attempt_hooks){ on_end, &job }, &job.attempt, &err),
	                 SLUICE_NOT_FOUND);
}

/* ---- ready, before it may go ---- */

static void wait_until_ready(const struct job *job)
{
	wait_for_file(job, "rootfs");
}

static void test_staged(void **state)
{
	struct job job;

	job_init(&job, state, "echo gone");
	job_stage(&job);
	wait_until_ready(&job);
	assert_false(exists(&job, SHIM_RECORD_NAME));
	expect_log(&job, "");
	assert_int_equal(count_cgroups(), 0);
	attempt_go(job.attempt);
	job_wait(&job);
	expect_exit(&job, 0);
	expect_log(&job, "gone\n");
	job_release(&job);
}

static void test_withdrawn(void **state)
{
	struct place *place = *state;
	struct job job;

	job_init(&job, state, "echo never");
	job_stage(&job);
	wait_until_ready(&job);
	attempt_stop(job.attempt, false);
	attempt_stop(job.attempt, true);
	job_wait(&job);
	assert_int_equal(job.result.end, ATTEMPT_SIGNALED);
	assert_int_equal(job.result.signal, SIGTERM);
	expect_log(&job, "");
	assert_int_equal(count_mounts(place->home), 0);
	job_release(&job);
}

static void test_staged_that_cannot_go(void **state)
{
	struct job job;

	job_init(&job, state, "echo never");
	job.mounts[job.request.n_mounts++] =
		(struct request_mount){ MOUNT_VIEW, "/no/such/source", "/x" };
	job_stage(&job);
	job_wait(&job);
	assert_int_equal(job.result.end, ATTEMPT_ERROR);
	assert_non_null(strstr(job.result.error.msg, "/no/such/source"));
	job_release(&job);
}

static void test_staged_under_a_dead_runner(void **state)
{
	struct place *place = *state;
	struct job job;
	struct error err;

	job_init(&job, state, "echo never");
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	do_and_die(&job, job_stage);
	assert_true(waitpid(-1, NULL, 0) > 0); /* the shim, which is ours now */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
	assert_int_equal(job_adopt(&job, &err), SLUICE_NOT_FOUND);
	expect_log(&job, "");
	assert_int_equal(count_mounts(place->home), 0);
	job_release(&job);
}

static void test_oom(void **state)
{
	struct job job;

	/* The killed one is a child, so that the exit code does not tell. */
	job_init(&job, state, "head -c 600000000 /dev/zero | tail >/dev/null; exit 0");
	job.request.limits.memory_bytes = 64 << 20;
	run_for(&job, 0);
	assert_true(job.result.oom);
	assert_true(job.result.peak_bytes <= 64 << 20);
	job_release(&job);
}

static void test_cpu_limit(void **state)
{
	struct job job;

	job_init(&job, state,
	         "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null");
	job.request.limits.cpu_milli = 250;
	job_start(&job);
	job_wait(&job);
	AUTO_FREE char *text = log_of(&job, "stdout");
	assert_true(strncmp(text, "25000", 5) == 0);
	job_release(&job);
}

static void test_shm_size(void **state)
{
	struct job job;

	job_init(&job, state, "df -k /dev/shm | tail -n 1 | awk '{ print $2 }'");
	job.request.limits.shm_bytes = 5 << 20;
	run_for(&job, 0);
	expect_log(&job, "5120\n");
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
		expect_exit(&jobs[i], 5);
		expect_log(&jobs[i], want);
		job_release(&jobs[i]);
	}
}

static void test_nothing_left(void **state)
{
	struct place *place = *state;

	assert_int_equal(count_cgroups(), 0);
	assert_int_equal(count_mounts(place->home), 0);
	assert_int_equal(uv_loop_alive(&place->loop), 0);
}

static void test_other_runtime(void **state)
{
	struct place *place = *state;
	const char *other = strstr(place->runtime, "crun") ? "runc" : "crun";
	char *usual = place->runtime;
	struct job job;
	struct error err;

	if (runtime_find(other, place->home, SHIM_PATH, &place->runtime, &err) < 0)
		skip(); /* it is not here */
	job_init(&job, state, "echo other; exit 4");
	run_for(&job, 4);
	expect_log(&job, "other\n");
	job_release(&job);
	test_command_not_found(state);
	test_not_executable(state);
	test_mounts(state);
	test_user(state);
	test_runtime_error(state);
	free(place->runtime);
	place->runtime = usual;
}

static void test_no_runtime(void **state)
{
	struct place *place = *state;
	char *path;
	struct error err;

	assert_int_equal(runtime_find("no-such-runtime", place->home, SHIM_PATH, &path, &err),
	                 SLUICE_MISSING);
	assert_string_equal(err.msg, "the runtime 'no-such-runtime' does not work here: "
	                             "no-such-runtime: not found");
	assert_int_equal(runtime_find("/bin/true", place->home, SHIM_PATH, &path, &err),
	                 SLUICE_MISSING);
}

/* ---- the place ---- */

static void put(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || io_write_all(fd, text, strlen(text)) < 0)
		abort();
}

static bool make_layer(struct place *p)
{
	static const char *const dirs[] = { "bin", "etc", "tmp", "mnt", "proc" };
	AUTO_FREE char *bin = xasprintf("%s/layer/bin", p->home);
	AUTO_FREE char *busybox = xasprintf("%s/busybox", bin);
	AUTO_FREE char *etc = xasprintf("%s/layer/etc", p->home);
	AUTO_FREE char *tree = xasprintf("%s/tree/sub", p->home);
	AUTO_FD int in = open(BUSYBOX, O_RDONLY | O_CLOEXEC);
	AUTO_FD int out = -1;

	p->layer = xasprintf("%s/layer", p->home);
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		AUTO_FREE char *dir = xasprintf("%s/%s", p->layer, dirs[i]);

		if (io_mkdirs(dir, 0755) < 0)
			return false;
	}
	out = open(busybox, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (in < 0 || out < 0 || io_copy(in, out) < 0 || io_mkdirs(tree, 0755) < 0)
		return false;
	put(etc, "plain", "no program\n");
	*strrchr(tree, '/') = '\0';
	put(tree, "file", "first\n");
	FILE *list = popen(BUSYBOX " --list", "re");
	char applet[64];

	while (list && fscanf(list, "%63s", applet) == 1) {
		AUTO_FREE char *link = xasprintf("%s/%s", bin, applet);

		if (strcmp(applet, "busybox") != 0 && symlink("busybox", link) != 0)
			break;
	}
	return list && pclose(list) == 0;
}

static const char *set_up(struct place *p)
{
	static char from_image[] = "FROM_IMAGE=yes", kept[] = "KEPT=yes";
	static char *env[] = { from_image, kept, NULL };
	static struct error err;

	if (geteuid() != 0)
		return "containers need root here";
	if (access(BUSYBOX, X_OK) != 0)
		return "there is no static busybox: install busybox-static";
	(void)snprintf(p->home, sizeof p->home, "/tmp/sluice-test-XXXXXX");
	if (!mkdtemp(p->home) || chmod(p->home, 0755) != 0 || !make_layer(p))
		return "cannot make a root file system below /tmp";
	p->image = (struct image){
		.layers = &p->layer,
		.n_layers = 1,
		.env = env,
		.user = xstrdup(""),
		.workdir = xstrdup("/work dir"),
	};
	if (runtime_find(getenv("SLUICE_RUNTIME"), p->home, SHIM_PATH, &p->runtime, &err) < 0)
		return err.msg;
	return NULL;
}

int main(void)
{
	static struct place place;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_exit_codes, &place),
		cmocka_unit_test_prestate(test_signal, &place),
		cmocka_unit_test_prestate(test_command_not_found, &place),
		cmocka_unit_test_prestate(test_not_executable, &place),
		cmocka_unit_test_prestate(test_runtime_error, &place),
		cmocka_unit_test_prestate(test_environment, &place),
		cmocka_unit_test_prestate(test_user, &place),
		cmocka_unit_test_prestate(test_view_of_a_link, &place),
		cmocka_unit_test_prestate(test_mounts, &place),
		cmocka_unit_test_prestate(test_script, &place),
		cmocka_unit_test_prestate(test_network_none, &place),
		cmocka_unit_test_prestate(test_isolation, &place),
		cmocka_unit_test_prestate(test_host_root, &place),
		cmocka_unit_test_prestate(test_both_streams, &place),
		cmocka_unit_test_prestate(test_big_log, &place),
		cmocka_unit_test_prestate(test_long_line, &place),
		cmocka_unit_test_prestate(test_secrets, &place),
		cmocka_unit_test_prestate(test_stop_politely, &place),
		cmocka_unit_test_prestate(test_stop_reaches_all, &place),
		cmocka_unit_test_prestate(test_stop_ignored, &place),
		cmocka_unit_test_prestate(test_stop_twice, &place),
		cmocka_unit_test_prestate(test_stop_early, &place),
		cmocka_unit_test_prestate(test_shim_killed, &place),
		cmocka_unit_test_prestate(test_sweep, &place),
		cmocka_unit_test_prestate(test_adopt_running, &place),
		cmocka_unit_test_prestate(test_adopt_ended, &place),
		cmocka_unit_test_prestate(test_adopt_killed_shim, &place),
		cmocka_unit_test_prestate(test_adopt_not_begun, &place),
		cmocka_unit_test_prestate(test_staged, &place),
		cmocka_unit_test_prestate(test_withdrawn, &place),
		cmocka_unit_test_prestate(test_staged_that_cannot_go, &place),
		cmocka_unit_test_prestate(test_staged_under_a_dead_runner, &place),
		cmocka_unit_test_prestate(test_oom, &place),
		cmocka_unit_test_prestate(test_cpu_limit, &place),
		cmocka_unit_test_prestate(test_shm_size, &place),
		cmocka_unit_test_prestate(test_many_at_once, &place),
		cmocka_unit_test_prestate(test_other_runtime, &place),
		cmocka_unit_test_prestate(test_no_runtime, &place),
		cmocka_unit_test_prestate(test_nothing_left, &place),
	};
	const char *missing = set_up(&place);
	int failed;

	if (missing) {
		printf("skipped: %s\n", missing);
		failed = SKIPPED;
	} else {
		(void)uv_loop_init(&place.loop);
		failed = cmocka_run_group_tests(tests, NULL, NULL);
		if (uv_loop_close(&place.loop) != 0)
			failed++;
	}
	if (place.home[0])
		(void)!io_remove_tree(AT_FDCWD, place.home);
	free(place.layer);
	free(place.runtime);
	free(place.image.user);
	free(place.image.workdir);
	return failed;
}
