/*
 * What does the live view cost, of one core, while many jobs write?
 *
 *	bench_view JOBS LINES SECONDS     LINES a second of each job
 *
 * Prints per cent of a core, and how many lines a second the logs have grown by.
 *
 * A real run with a real view on a terminal of its own; only the jobs are none: another process
 * makes their logs grow, as their shims would.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/xalloc.h"
#include "cli/view/view.h"
#include "loop/work.h"

#define LINE_HEAD "2026-11-23T20:27:00.123456789Z stdout F "

enum {
	LINE_TEXT = 80,
	LINE_BYTES = sizeof LINE_HEAD - 1 + LINE_TEXT + 1,
	WRITES_A_SECOND = 10,
	NS_A_SECOND = 1000000000,
};

struct bench {
	struct executor executor;
	uv_loop_t loop;
	uv_timer_t timer;
	uint64_t jobs, lines, seconds;
	struct attempt *attempts;
	size_t n_attempts, n_running;
	pid_t writer;
	int64_t from_ms;
	struct rusage from;
	off_t from_bytes;
	double percent, rate;
};

struct attempt {
	struct bench *bench;
	struct attempt_hooks hooks;
	int log;
};

static double cpu_ms(const struct rusage *r)
{
	return (double)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) * 1e3 +
	       (double)(r->ru_utime.tv_usec + r->ru_stime.tv_usec) / 1e3;
}

static off_t log_bytes(const struct bench *b)
{
	off_t bytes = 0;

	for (size_t i = 0; i < b->n_attempts; i++)
		bytes += lseek(b->attempts[i].log, 0, SEEK_END);
	return bytes;
}

/* --- the jobs ------------------------------------------------------------------------------- */

static void __attribute__((noreturn)) write_logs(const struct bench *b)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	struct timespec next;

	for (uint64_t i = 0; i < b->lines / WRITES_A_SECOND; i++)
		strbuf_addf(&text, LINE_HEAD "%0*" PRIu64 "\n", LINE_TEXT, i);
	(void)clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		for (size_t i = 0; i < b->n_attempts; i++)
			if (io_write_all(b->attempts[i].log, text.buf, text.len) < 0)
				_exit(1);
		next.tv_nsec += NS_A_SECOND / WRITES_A_SECOND;
		next.tv_sec += next.tv_nsec / NS_A_SECOND;
		next.tv_nsec %= NS_A_SECOND;
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}

static void end_all(uv_timer_t *timer)
{
	struct bench *b = container_of(timer, struct bench, timer);
	const struct attempt_result result = { .end = ATTEMPT_EXITED };
	double ms = (double)(clock_mono_ms() - b->from_ms);
	struct rusage to;

	(void)getrusage(RUSAGE_SELF, &to);
	b->percent = (cpu_ms(&to) - cpu_ms(&b->from)) * 100 / ms;
	b->rate = (double)(log_bytes(b) - b->from_bytes) / LINE_BYTES * 1e3 / ms;
	(void)kill(b->writer, SIGKILL);
	(void)waitpid(b->writer, NULL, 0);
	for (size_t i = 0; i < b->n_attempts; i++)
		b->attempts[i].hooks.on_end(b->attempts[i].hooks.arg, &result);
}

/* All jobs run, and their logs have grown for a second: from now on it counts. */
static void begin(uv_timer_t *timer)
{
	struct bench *b = container_of(timer, struct bench, timer);

	(void)getrusage(RUSAGE_SELF, &b->from);
	b->from_ms = clock_mono_ms();
	b->from_bytes = log_bytes(b);
	(void)uv_timer_start(timer, end_all, b->seconds * 1000, 0);
}

static int stage(struct executor *e, const struct request *request,
                 const struct attempt_hooks *hooks, struct attempt **ret_attempt, struct error *err)
{
	struct bench *b = (struct bench *)e;
	struct attempt *a = &b->attempts[b->n_attempts];
	AUTO_FREE char *path = xasprintf("%s/log", request->dir);

	a->hooks = *hooks;
	a->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (a->log < 0)
		return error_sys(err, errno, "cannot make '%s'", path);
	a->bench = b;
	b->n_attempts++;
	*ret_attempt = a;
	return 0;
}

static bool go(struct attempt *a)
{
	struct bench *b = a->bench;

	if (++b->n_running < b->jobs)
		return true;
	b->writer = fork();
	if (b->writer == 0)
		write_logs(b);
	(void)uv_timer_start(&b->timer, begin, 1000, 0);
	return true;
}

static int resolve(struct executor *e, const char *image, char ret_digest[72], struct error *err)
{
	(void)e;
	(void)image;
	(void)err;
	(void)snprintf(ret_digest, 72, "sha256:%064d", 1);
	return 0;
}

static int prepare(struct executor *e, const struct request *request, struct error *err)
{
	(void)e;
	(void)request;
	(void)err;
	return 0;
}

static const struct executor_ops ops = {
	.resolve = resolve,
	.prepare = prepare,
	.stage = stage,
	.go = go,
};

/* --- the run -------------------------------------------------------------------------------- */

static char *make_workflow(uint64_t jobs)
{
	struct strbuf text = STRBUF_INIT(STRBUF_BIG);

	strbuf_addstr(&text, "jobs:\n");
	for (uint64_t i = 0; i < jobs; i++)
		strbuf_addf(&text,
		            "  job-%" PRIu64 ": {uses: container@v1, with: {image: 'a:1'}}\n", i);
	return strbuf_detach(&text);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static int run(struct bench *b, const char *home, const struct cli *cli, struct error *err)
{
	AUTO_FREE char *text = make_workflow(b->jobs);
	struct spec_doc *doc = spec_parse(text, strlen(text));
	const struct run_options options = { .home = home,
		                             .workflow = "bench",
		                             .text = text,
		                             .spec = doc->spec,
		                             .jobs = (unsigned)b->jobs };
	struct datasets *datasets = NULL;
	struct view *view = NULL;
	struct run *r = NULL;
	struct run_hooks hooks;
	int rc = datasets_open(home, &datasets, err);

	if (rc == 0)
		rc = view_new(&b->loop, cli, "live", false, &view, err);
	if (rc == 0) {
		hooks = view_hooks(view);
		rc = run_new(&b->loop, datasets, &b->executor, &options, &hooks, &r, err);
	}
	if (rc == 0) {
		view_begin(view, r, "bench");
		rc = run_start(r, err);
	}
	if (rc == 0)
		(void)uv_run(&b->loop, UV_RUN_DEFAULT);
	uv_walk(&b->loop, close_handle, NULL);
	(void)uv_run(&b->loop, UV_RUN_DEFAULT);
	run_free(r);
	view_free(view);
	datasets_close(datasets);
	spec_doc_free(doc);
	return rc;
}

/* Standard output becomes a terminal that somebody reads; returns what it was. */
static int take_terminal(void)
{
	const struct winsize size = { .ws_row = 50, .ws_col = 120 };
	int before = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int master;
	int slave;
	char buf[8192];

	if (openpty(&master, &slave, NULL, NULL, &size) != 0)
		return -1;
	if (fork() == 0) {
		(void)close(slave);
		while (read(master, buf, sizeof buf) > 0)
			;
		_exit(0);
	}
	(void)close(master);
	(void)dup2(slave, STDOUT_FILENO);
	(void)close(slave);
	return before;
}

int main(int argc, char **argv)
{
	const struct cli cli = {
		.out_tty = true, .err_tty = true, .out_cursor = true, .out_colour = true
	};
	char home[] = "/tmp/sluice-bench-XXXXXX";
	struct bench b = { .executor = { .ops = &ops } };
	struct error err;
	int out;
	int rc;

	if (argc != 4 || !parse_u64(argv[1], 4096, &b.jobs) ||
	    !parse_u64(argv[2], 1000000, &b.lines) || !parse_u64(argv[3], 3600, &b.seconds)) {
		(void)fprintf(stderr, "usage: bench_view JOBS LINES SECONDS\n");
		return 2;
	}
	out = take_terminal();
	if (out < 0 || !mkdtemp(home))
		return 1;
	b.attempts = xcalloc(b.jobs, sizeof *b.attempts);
	(void)uv_loop_init(&b.loop);
	(void)uv_timer_init(&b.loop, &b.timer);
	rc = run(&b, home, &cli, &err);
	if (rc < 0)
		(void)fprintf(stderr, "bench_view: %s\n", err.msg);
	else
		(void)dprintf(out, "%.2f %.0f\n", b.percent, b.rate);
	(void)!io_remove_tree(AT_FDCWD, home);
	free(b.attempts);
	return rc < 0;
}
