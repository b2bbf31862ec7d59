/* Whole runs with an executor that runs nothing: 1,000 random graphs and failures against a small
 * model, and the rules on commits, cancel and fail-fast. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/xalloc.h"
#include "engine/run.h"
#include "loop/work.h"

/* --- an executor that runs nothing ---------------------------------------------------------- */

/* What a job does stands in its variable DO: "ok", "fail", "error", "hang", "await" and "awaitfail"
 * (until another job is ready; one with AFTER=awaiting is not before that), "unready" (ends before
 * it can go), "stale" (cannot go, the first time), "write", "link" (puts a link to /etc in its
 * output's place), "remove", "string" (writes one to its output). */
struct fake {
	struct executor base;
	uv_loop_t *loop;
	unsigned running, most_running, started, stale;
	uv_sem_t went;            /* posted when an awaiting job went */
	struct attempt *awaiting; /* another job's being ready */
	const char *string;       /* what "string" writes */
	size_t string_len;
	char order[4096]; /* names of jobs as they start, each followed by a blank */
};

struct attempt {
	struct fake *fake;
	uv_timer_t timer;
	bool went, hangs, awaits, stale;
	char name[64];
	struct attempt_hooks hooks;
	struct attempt_result result;
};

static int fake_resolve(struct executor *e, const char *image, char ret_digest[72],
                        struct error *err)
{
	progress_expect(e->order.progress, 10);
	if (strcmp(image, "missing:1") == 0)
		return error_set(err, SLUICE_NOT_FOUND, "no image 'missing:1'");
	if (strcmp(image, "slow:1") == 0) {
		while (!atomic_load(e->order.stop))
			(void)usleep(1000);
		return error_set(err, SLUICE_CANCELED, "canceled");
	}
	(void)snprintf(ret_digest, 72, "sha256:%064d", 1);
	return 0;
}

static const char *env_of(const struct request *request, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; request->env[i]; i++)
		if (strncmp(request->env[i], name, len) == 0 && request->env[i][len] == '=')
			return request->env[i] + len + 1;
	return "";
}

static int fake_prepare(struct executor *e, const struct request *request, struct error *err)
{
	struct fake *f = (struct fake *)e;

	(void)err;
	assert_non_null(request->image);
	if (strcmp(env_of(request, "AFTER"), "awaiting") == 0)
		uv_sem_wait(&f->went);
	return 0;
}

static void on_timer(uv_timer_t *timer);

static void end_awaiting(struct fake *f)
{
	if (f->awaiting)
		(void)uv_timer_start(&f->awaiting->timer, on_timer, 0, 0);
	f->awaiting = NULL;
}

static void on_attempt_closed(uv_handle_t *handle)
{
	struct attempt *a = container_of((uv_timer_t *)handle, struct attempt, timer);

	a->fake->running -= a->went;
	if (!a->went)
		end_awaiting(a->fake);
	a->hooks.on_end(a->hooks.arg, &a->result);
	free(a);
}

static void on_timer(uv_timer_t *timer)
{
	if (!uv_is_closing((uv_handle_t *)timer))
		uv_close((uv_handle_t *)timer, on_attempt_closed);
}

static void write_string(const struct request *request, const char *bytes, size_t len)
{
	char path[4096];
	int fd;

	(void)snprintf(path, sizeof path, "%s/out", request->mounts[0].source);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, bytes, len), 0);
	(void)close(fd);
}

static void write_outputs(const struct request *request, const char *text)
{
	for (size_t i = 0; i < request->n_mounts; i++) {
		char path[4096];
		int fd;

		if (strcmp(request->mounts[i].target, "/outputs") != 0)
			continue;
		(void)snprintf(path, sizeof path, "%s/out/file", request->mounts[i].source);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(fd >= 0);
		assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
		(void)close(fd);
	}
}

static void replace_output(const struct request *request, const char *with)
{
	for (size_t i = 0; i < request->n_mounts; i++) {
		char path[4096];

		if (strcmp(request->mounts[i].target, "/outputs") != 0)
			continue;
		(void)snprintf(path, sizeof path, "%s/out", request->mounts[i].source);
		assert_int_equal(rmdir(path), 0);
		if (with)
			assert_int_equal(symlink(with, path), 0);
	}
}

static int fake_stage(struct executor *e, const struct request *request,
                      const struct attempt_hooks *hooks, struct attempt **ret_attempt,
                      struct error *err)
{
	struct fake *f = (struct fake *)e;
	const char *what = env_of(request, "DO");
	struct attempt *a;

	if (strcmp(what, "nostart") == 0)
		return error_set(err, SLUICE_SYSTEM, "it does not start");
	a = xcalloc(1, sizeof *a);
	a->fake = f;
	a->hooks = *hooks;
	a->result =
		(struct attempt_result){ .end = ATTEMPT_EXITED, .sealed = true, .started_ms = 1 };
	if (strcmp(what, "fail") == 0 || strcmp(what, "awaitfail") == 0)
		a->result.exit_code = 3;
	if (strcmp(what, "error") == 0 || strcmp(what, "unready") == 0) {
		a->result.end = ATTEMPT_ERROR;
		(void)error_set(&a->result.error, SLUICE_SYSTEM, "the shim died");
	}
	if (strncmp(what, "write", 5) == 0)
		write_outputs(request, what);
	if (strcmp(what, "link") == 0 || strcmp(what, "remove") == 0)
		replace_output(request, what[0] == 'l' ? "/etc" : NULL);
	if (strcmp(what, "string") == 0)
		write_string(request, f->string, f->string_len);
	if (strcmp(what, "writefail") == 0)
		a->result.exit_code = 1;
	a->hangs = strcmp(what, "hang") == 0;
	a->stale = strcmp(what, "stale") == 0 && f->stale++ == 0;
	(void)snprintf(a->name, sizeof a->name, "%s", env_of(request, "ME"));
	a->awaits = strncmp(what, "await", 5) == 0;
	(void)uv_timer_init(f->loop, &a->timer);
	if (strcmp(what, "unready") == 0)
		(void)uv_timer_start(&a->timer, on_timer, 0, 0);
	else
		end_awaiting(f);
	*ret_attempt = a;
	return 0;
}

static bool fake_go(struct attempt *a)
{
	struct fake *f = a->fake;

	assert_false(a->went);
	if (a->stale) {
		on_timer(&a->timer);
		return false;
	}
	a->went = true;
	if (f->started < 200)
		(void)snprintf(f->order + strlen(f->order), sizeof f->order - strlen(f->order),
		               "%s ", a->name);
	f->started++;
	if (++f->running > f->most_running)
		f->most_running = f->running;
	(void)uv_timer_start(&a->timer, on_timer, a->hangs || a->awaits ? 100000 : 0, 0);
	if (!a->awaits)
		return true;
	f->awaiting = a;
	uv_sem_post(&f->went);
	return true;
}

static void fake_stop(struct attempt *a, bool now)
{
	a->result = (struct attempt_result){ .end = ATTEMPT_SIGNALED,
		                             .signal = now ? SIGKILL : SIGTERM,
		                             .started_ms = 1 };
	on_timer(&a->timer);
}

static int fake_sweep(struct executor *e, const char *dir, struct error *err)
{
	(void)e;
	(void)dir;
	(void)err;
	return 0;
}

static void fake_free(struct executor *e)
{
	(void)e;
}

static const struct executor_ops fake_ops = {
	.resolve = fake_resolve,
	.prepare = fake_prepare,
	.stage = fake_stage,
	.go = fake_go,
	.stop = fake_stop,
	.sweep = fake_sweep,
	.free = fake_free,
};

/* --- a home, a loop, a run ------------------------------------------------------------------ */

struct fixture {
	char home[64];
	uv_loop_t loop;
	struct datasets *datasets;
	struct fake fake;
	struct map secrets;
	struct run_options options;
	struct spec_doc *doc;
	struct run *run;
	char notices[4096];
	unsigned ends;
	int cancel_with; /* once a job runs */
	bool is_slow;    /* the pool is busy once a job has succeeded */
	uv_work_t busy[4];
};

static void on_notice(void *arg, const char *text)
{
	struct fixture *f = arg;

	(void)snprintf(f->notices + strlen(f->notices), sizeof f->notices - strlen(f->notices),
	               "%s\n", text);
}

static void sleep_long(uv_work_t *req)
{
	(void)req;
	(void)usleep(1300000);
}

static void on_slept(uv_work_t *req, int status)
{
	(void)req;
	(void)status;
}

/* All threads of the pool. */
static void keep_pool_busy(struct fixture *f)
{
	for (size_t i = 0; i < sizeof f->busy / sizeof *f->busy; i++)
		assert_int_equal(uv_queue_work(&f->loop, &f->busy[i], sleep_long, on_slept), 0);
}

static void on_job(void *arg, const struct run_job *job)
{
	struct fixture *f = arg;

	if (f->cancel_with && job->state == JOB_RUNNING) {
		run_cancel(f->run, f->cancel_with);
		f->cancel_with = 0;
	}
	if (f->is_slow && job->state == JOB_SUCCEEDED)
		keep_pool_busy(f);
}

static void on_end(void *arg)
{
	struct fixture *f = arg;

	f->ends++;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	struct error err;

	(void)snprintf(f->home, sizeof f->home, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(f->home));
	assert_int_equal(uv_loop_init(&f->loop), 0);
	if (datasets_open(f->home, &f->datasets, &err) < 0)
		fail_msg("%s", err.msg);
	f->fake = (struct fake){ .base = { .ops = &fake_ops, .name = "fake" }, .loop = &f->loop };
	assert_int_equal(uv_sem_init(&f->fake.went, 0), 0);
	f->options = (struct run_options){
		.home = f->home,
		.workflow = "test",
		.secrets = &f->secrets,
		.jobs = 3,
		.create_datasets = true,
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	run_free(f->run);
	uv_sem_destroy(&f->fake.went);
	spec_doc_free(f->doc);
	datasets_close(f->datasets);
	map_release(&f->secrets, NULL);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->home), 0);
	free(f);
	return 0;
}

static int make_run(struct fixture *f, const char *text, struct error *err)
{
	const struct run_hooks hooks = {
		.on_job = on_job, .on_notice = on_notice, .on_end = on_end, .arg = f
	};

	run_free(f->run);
	f->run = NULL;
	spec_doc_free(f->doc);
	f->doc = spec_parse(text, strlen(text));
	assert_non_null(f->doc);
	if (!f->doc->spec)
		fail_msg("%s\n%s", f->doc->diags[0].message, text);
	f->options.spec = f->doc->spec;
	f->options.text = text;
	f->ends = 0;
	f->notices[0] = '\0';
	f->fake.started = f->fake.running = f->fake.most_running = 0;
	f->fake.order[0] = '\0';
	return run_new(&f->loop, f->datasets, &f->fake.base, &f->options, &hooks, &f->run, err);
}

static void do_run(struct fixture *f, const char *text)
{
	struct error err;

	if (make_run(f, text, &err) < 0 || run_start(f->run, &err) < 0)
		fail_msg("%s", err.msg);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->fake.running, 0);
}

static void add_job(struct strbuf *sb, size_t i, const char *what)
{
	strbuf_addf(sb, "  j%zu:\n    uses: container@v1\n    with: {image: 'a:1'}\n", i);
	strbuf_addf(sb, "    env: {DO: %s, ME: j%zu}\n", what, i);
}

/* --- tests ---------------------------------------------------------------------------------- */

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525U + 1013904223U;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

enum { MAX_JOBS = 12 };

static void one_random_run(struct fixture *f)
{
	static const char *const does[] = { "ok", "ok", "ok", "fail", "error", "nostart" };
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(1 << 20);
	enum job_state expect[MAX_JOBS];
	size_t n = 1 + draw(MAX_JOBS);
	size_t n_start = 0;

	strbuf_addstr(&text, "jobs:\n");
	for (size_t i = 0; i < n; i++) {
		uint32_t what = draw(sizeof does / sizeof *does);
		const char *comma = "";

		add_job(&text, i, does[what]);
		expect[i] = what < 3 ? JOB_SUCCEEDED : what == 3 ? JOB_FAILED : JOB_ERROR;
		strbuf_addstr(&text, "    needs: [");
		for (size_t k = 0; k < i; k++) {
			if (draw(3) > 0)
				continue;
			strbuf_addf(&text, "%sj%zu", comma, k);
			comma = ", ";
			if (expect[k] != JOB_SUCCEEDED)
				expect[i] = JOB_SKIPPED;
		}
		strbuf_addstr(&text, "]\n");
		n_start += expect[i] != JOB_SKIPPED && what != 5;
	}
	do_run(f, strbuf_str(&text));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(run_job(f->run, i)->state, expect[i]);
	assert_int_equal(f->fake.started, n_start);
	assert_true(f->fake.most_running <= f->options.jobs);
}

static void random_runs_end_as_the_model_says(void **state)
{
	struct fixture *f = *state;

	for (uint32_t round = 0; round < 1000; round++) {
		seed = round * 7919 + 1;
		f->options.jobs = 1 + draw(4);
		one_random_run(f);
	}
}

static void one_at_a_time_is_the_order_of_the_file(void **state)
{
	struct fixture *f = *state;

	f->options.jobs = 1;
	do_run(f,
	       "jobs:\n"
	       "  c: {uses: container@v1, with: {image: 'a:1'}, env: {DO: ok, ME: c}, needs: [a]}\n"
	       "  b: {uses: container@v1, with: {image: 'a:1'}, env: {DO: ok, ME: b}}\n"
	       "  a: {uses: container@v1, with: {image: 'a:1'}, env: {DO: ok, ME: a}}\n");
	assert_string_equal(f->fake.order, "b a c ");
	assert_string_equal(run_phase(f->run), "SUCCEEDED");
	assert_int_equal(run_exit_status(f->run), 0);
}

static const char writer[] = "jobs:\n"
			     "  w:\n"
			     "    uses: container@v1\n"
			     "    with: {image: 'a:1'}\n"
			     "    env: {DO: %s}\n"
			     "    outputs: {out: {type: dataset, with: {ref: made}}}\n";

static int64_t committed_of(struct fixture *f, const char *name)
{
	struct dataset_version v;
	struct error err;

	return datasets_resolve(f->datasets, name, &v, &err) == 0 ? v.seq : 0;
}

static int count_version(void *arg, const struct dataset_version *v)
{
	unsigned *n = arg;

	(void)v;
	(*n)++;
	return 0;
}

static unsigned open_versions(struct fixture *f, const char *name)
{
	struct dataset dataset;
	struct error err;
	unsigned n = 0;

	assert_int_equal(datasets_find(f->datasets, name, &dataset, &err), 0);
	assert_int_equal(
		datasets_each_version(f->datasets, &dataset, false, count_version, &n, &err), 0);
	return n;
}

static void a_job_that_succeeds_commits_and_one_that_fails_does_not(void **state)
{
	struct fixture *f = *state;
	char text[512];

	(void)snprintf(text, sizeof text, writer, "write1");
	do_run(f, text);
	assert_non_null(strstr(f->notices, "created dataset 'made'"));
	assert_int_equal(committed_of(f, "made"), 1);
	assert_int_equal(run_job(f->run, 0)->outputs[0].info.files, 1);
	(void)snprintf(text, sizeof text, writer, "writefail");
	do_run(f, text);
	assert_int_equal(run_exit_status(f->run), 1);
	assert_int_equal(committed_of(f, "made"), 1);
	assert_int_equal(open_versions(f, "made"), 0);
	(void)snprintf(text, sizeof text, writer, "write2");
	do_run(f, text);
	assert_int_equal(committed_of(f, "made"), 2);
	assert_int_equal(run_number(f->run), 3);
}

static void a_directory_that_is_not_there_leaves_no_dataset(void **state)
{
	static const char text[] = "inputs: {d: {type: dataset, with: {ref: fresh}}}\n"
				   "jobs:\n"
				   "  a:\n"
				   "    uses: container@v1\n"
				   "    with: {image: 'a:1'}\n"
				   "    inputs: {d: workflow.inputs.d}\n";
	static const struct run_given nowhere = { .name = "d", .any = "./nowhere" };
	static const struct run_given file = { .name = "d", .any = "/etc/passwd" };
	struct fixture *f = *state;
	struct dataset dataset;
	struct error err;

	f->options.given = &nowhere;
	f->options.n_given = 1;
	assert_int_equal(make_run(f, text, &err), SLUICE_INVALID);
	assert_string_equal(err.msg,
	                    "input 'd': cannot read './nowhere': No such file or directory");
	f->options.given = &file;
	assert_int_equal(make_run(f, text, &err), SLUICE_INVALID);
	assert_string_equal(err.msg, "input 'd': '/etc/passwd' is not a directory");
	assert_int_equal(datasets_find(f->datasets, "fresh", &dataset, &err), SLUICE_NOT_FOUND);
}

static const char reader[] = "inputs: {d: {type: dataset, with: {ref: fresh}}}\n"
			     "jobs:\n"
			     "  a:\n"
			     "    uses: container@v1\n"
			     "    with: {image: 'a:1'}\n"
			     "    inputs: {d: workflow.inputs.d}\n"
			     "  b:\n"
			     "    uses: container@v1\n"
			     "    with: {image: 'a:1'}\n"
			     "    inputs: {d: workflow.inputs.d}\n";

static void make_file(struct fixture *f, const char *dir, const char *text)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", f->home, dir);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof path, "%s/%s/file", f->home, dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(close(fd), 0);
}

static void give_directory(struct fixture *f, struct run_given *given, char path[128])
{
	make_file(f, "given", "content");
	(void)snprintf(path, 128, "%s/given", f->home);
	*given = (struct run_given){ .name = "d", .any = path };
	f->options.given = given;
	f->options.n_given = 1;
}

static int see_input(void *arg, const struct catalog_link *link)
{
	struct dataset_version *v = arg;

	assert_false(link->is_output);
	assert_true(link->committed);
	assert_string_equal(link->dataset, v->dataset);
	assert_string_equal(link->version, v->id);
	v->seq++;
	return 0;
}

static int count_run(void *arg, const struct catalog_run *run)
{
	(void)run;
	++*(unsigned *)arg;
	return 0;
}

static unsigned runs_recorded(struct fixture *f)
{
	unsigned n = 0;
	struct error err;

	assert_int_equal(
		catalog_each_run(datasets_catalog(f->datasets), NULL, NULL, 0, count_run, &n, &err),
		0);
	return n;
}

static void a_given_directory_is_committed_once_and_recorded(void **state)
{
	struct fixture *f = *state;
	struct dataset_version v;
	struct run_given given;
	struct error err;
	char path[128];

	give_directory(f, &given, path);
	do_run(f, reader);
	assert_null(run_error(f->run));
	assert_string_equal(run_phase(f->run), "SUCCEEDED");
	assert_non_null(strstr(f->notices, "created dataset 'fresh'"));
	assert_int_equal(datasets_resolve(f->datasets, "fresh", &v, &err), 0);
	assert_int_equal(v.seq, 1);
	assert_int_equal(v.files, 1);
	assert_int_equal(open_versions(f, "fresh"), 0);
	v.seq = 0;
	assert_int_equal(catalog_each_link(datasets_catalog(f->datasets), run_uuid(f->run),
	                                   see_input, &v, &err),
	                 0);
	assert_int_equal(v.seq, 2); /* both jobs */
}

static bool knows_dataset(struct fixture *f, const char *name)
{
	struct dataset dataset;
	struct error err;

	return datasets_find(f->datasets, name, &dataset, &err) == 0;
}

static void a_run_can_be_canceled_while_its_images_come(void **state)
{
	static const char text[] = "jobs:\n"
				   "  a: {uses: container@v1, with: {image: 'slow:1'}}\n"
				   "  b: {uses: container@v1, with: {image: 'a:1'}}\n";
	struct fixture *f = *state;
	struct error err;

	assert_int_equal(make_run(f, text, &err), 0);
	assert_int_equal(run_start(f->run, &err), 0);
	run_cancel(f->run, SIGTERM);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(f->ends, 1);
	assert_int_equal(run_error(f->run)->class, SLUICE_CANCELED);
	assert_int_equal(run_exit_status(f->run), 128 + SIGTERM);
	assert_int_equal(f->fake.started, 0);
	assert_int_equal(runs_recorded(f), 0);
}

static void the_image_that_failed_ends_the_others(void **state)
{
	static const char text[] = "jobs:\n"
				   "  a: {uses: container@v1, with: {image: 'slow:1'}}\n"
				   "  b: {uses: container@v1, with: {image: 'missing:1'}}\n";
	struct fixture *f = *state;

	do_run(f, text);
	assert_string_equal(run_error(f->run)->msg, "job 'b': no image 'missing:1'");
	assert_int_equal(f->fake.started, 0);
	assert_int_equal(runs_recorded(f), 0);
}

static void a_run_can_be_canceled_while_a_directory_is_committed(void **state)
{
	struct fixture *f = *state;
	struct run_given given;
	struct error err;
	char path[128];

	give_directory(f, &given, path);
	assert_int_equal(make_run(f, reader, &err), 0);
	assert_int_equal(run_start(f->run, &err), 0);
	assert_string_equal(run_phase(f->run), "PENDING");
	while (!knows_dataset(f, "fresh"))
		(void)uv_run(&f->loop, UV_RUN_ONCE);
	run_cancel(f->run, SIGINT);
	run_cancel(f->run, SIGINT);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(f->ends, 1);
	assert_int_equal(run_error(f->run)->class, SLUICE_CANCELED);
	assert_string_equal(run_phase(f->run), "CANCELED");
	assert_int_equal(run_exit_status(f->run), 128 + SIGINT);
	assert_int_equal(committed_of(f, "fresh"), 0);
	assert_int_equal(open_versions(f, "fresh"), 0);
	assert_int_equal(f->fake.started, 0);
	assert_int_equal(runs_recorded(f), 0);
}

static void a_given_directory_that_cannot_be_kept_stops_the_run(void **state)
{
	struct fixture *f = *state;
	struct run_given given;
	struct error err;
	char path[128];
	char deep[128 + 2 * 257] = "";
	size_t len;

	give_directory(f, &given, path);
	len = (size_t)snprintf(deep, sizeof deep, "%s", path);
	for (int i = 0; i < 257; i++) { /* one more than a version can hold */
		len += (size_t)snprintf(deep + len, sizeof deep - len, "/d");
		assert_int_equal(mkdir(deep, 0755), 0);
	}
	assert_int_equal(make_run(f, reader, &err), 0);
	assert_int_equal(run_start(f->run, &err), 0);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(f->ends, 1);
	assert_int_equal(run_error(f->run)->class, SLUICE_LIMIT);
	assert_non_null(strstr(run_error(f->run)->msg, "cannot commit '/tmp/"));
	assert_int_equal(open_versions(f, "fresh"), 0);
	assert_int_equal(f->fake.started, 0);
	assert_int_equal(runs_recorded(f), 0);
}

static int see_job(void *arg, const struct catalog_job *job)
{
	unsigned *n = arg;

	assert_string_equal(job->state, "skipped");
	assert_string_equal(job->message, "the run could not start");
	++*n;
	return 0;
}

static int see_end(void *arg, const struct catalog_run *run)
{
	unsigned *n = arg;

	assert_string_equal(run->phase, "ERROR");
	assert_non_null(strstr(run->message, "output 'out' of job 'second'"));
	assert_true(run->finished_ms > 0);
	++*n;
	return 0;
}

static void a_run_that_cannot_open_its_outputs_ends_with_all_its_jobs(void **state)
{
	static const char text[] = "jobs:\n"
				   "  first: {uses: container@v1, with: {image: 'a:1'},\n"
				   "    outputs: {out: {type: dataset, with: {ref: good}}}}\n"
				   "  second: {uses: container@v1, with: {image: 'a:1'},\n"
				   "    outputs: {out: {type: dataset, with: {ref: broken}}}}\n"
				   "  third: {uses: container@v1, with: {image: 'a:1'}}\n";
	struct fixture *f = *state;
	struct catalog *c = datasets_catalog(f->datasets);
	struct dataset broken;
	struct error err;
	char path[128];
	unsigned jobs = 0;
	unsigned runs = 0;
	int fd;

	assert_int_equal(datasets_create(f->datasets, "broken", "", NULL, &broken, &err), 0);
	(void)snprintf(path, sizeof path, "%s/store/datasets/%s/open", f->home, broken.id);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644); /* no directory */
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(make_run(f, text, &err), 0);
	assert_int_equal(run_start(f->run, &err), 0);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_non_null(run_error(f->run));
	assert_int_equal(run_exit_status(f->run), 4);
	assert_int_equal(catalog_each_job(c, run_uuid(f->run), see_job, &jobs, &err), 0);
	assert_int_equal(jobs, 3);
	assert_int_equal(catalog_each_run(c, run_uuid(f->run), NULL, 0, see_end, &runs, &err), 0);
	assert_int_equal(runs, 1);
	assert_int_equal(open_versions(f, "good"), 0);
	assert_int_equal(f->fake.started, 0);
}

static void a_directory_without_a_point_is_pointed_at(void **state)
{
	static const char text[] = "inputs: {d: {type: dataset}}\n"
				   "jobs:\n"
				   "  a:\n"
				   "    uses: container@v1\n"
				   "    with: {image: 'a:1'}\n"
				   "    inputs: {d: workflow.inputs.d}\n";
	static const struct run_given given = { .name = "d", .any = "runs" };
	struct fixture *f = *state;
	struct error err;
	int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	f->options.given = &given;
	f->options.n_given = 1;
	assert_int_equal(chdir(f->home), 0);
	assert_int_equal(make_run(f, text, &err), SLUICE_NOT_FOUND);
	assert_null(strstr(err.msg, "write ./"));
	assert_int_equal(mkdir("runs", 0755), 0);
	assert_int_equal(make_run(f, text, &err), SLUICE_NOT_FOUND);
	assert_non_null(strstr(err.msg, "input 'd': no dataset 'runs'"));
	assert_non_null(strstr(err.msg, "to give the directory 'runs', write ./runs"));
	assert_int_equal(fchdir(before), 0);
	assert_int_equal(close(before), 0);
}

static void a_string_output_is_text(void **state)
{
	static const char text[] = "jobs:\n"
				   "  w:\n"
				   "    uses: container@v1\n"
				   "    with: {image: 'a:1'}\n"
				   "    env: {DO: string}\n"
				   "    outputs: {out: {type: string}}\n";
	static const struct {
		const char *bytes;
		size_t len;
		const char *message; /* NULL: it is text */
	} cases[] = {
		{ "", 0, NULL },
		{ "gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\x8a\n", 11, NULL },
		{ "a\0b", 3, "/outputs/out is not text: it holds a NUL byte" },
		{ "\xc3\xbc\xff", 3,
		  "/outputs/out is not UTF-8 text: its byte 3 is wrong; a dataset or a volume holds "
		  "any bytes" },
		{ "cut \xe2\x82", 6,
		  "/outputs/out is not UTF-8 text: its byte 5 is wrong; a dataset or a volume holds "
		  "any bytes" },
		{ "\xed\xa0\x80", 3,
		  "/outputs/out is not UTF-8 text: its byte 1 is wrong; a dataset or a volume holds "
		  "any bytes" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		f->fake.string = cases[i].bytes;
		f->fake.string_len = cases[i].len;
		do_run(f, text);
		if (!cases[i].message) {
			assert_int_equal(run_job(f->run, 0)->state, JOB_SUCCEEDED);
			continue;
		}
		assert_int_equal(run_job(f->run, 0)->state, JOB_FAILED);
		assert_string_equal(run_job(f->run, 0)->message, cases[i].message);
	}
}

static void an_output_that_is_no_directory_any_more_fails_its_job(void **state)
{
	static const char volume[] = "jobs:\n"
				     "  lock:\n"
				     "    uses: container@v1\n"
				     "    with: {image: 'a:1'}\n"
				     "    env: {DO: %s}\n"
				     "    outputs: {out: {type: volume}}\n"
				     "  reader:\n"
				     "    uses: container@v1\n"
				     "    needs: [lock]\n"
				     "    with: {image: 'a:1'}\n"
				     "    inputs: {in: lock.outputs.out}\n";
	static const struct {
		bool is_volume;
		const char *what, *message;
	} cases[] = {
		{ true, "link", "/outputs/out is no longer a directory: write into it" },
		{ true, "remove", "it removed /outputs/out: write into it" },
		{ false, "link", "/outputs/out is no longer a directory: write into it" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[1024];

		if (cases[i].is_volume)
			(void)snprintf(text, sizeof text, volume, cases[i].what);
		else
			(void)snprintf(text, sizeof text, writer, cases[i].what);
		do_run(f, text);
		assert_int_equal(run_job(f->run, 0)->state, JOB_FAILED);
		assert_string_equal(run_job(f->run, 0)->message, cases[i].message);
		assert_int_equal(f->fake.started, 1);
		assert_int_equal(run_exit_status(f->run), 1);
	}
}

static void cancel_stops_what_runs_and_commits_nothing(void **state)
{
	struct fixture *f = *state;
	char text[512];

	(void)snprintf(text, sizeof text, writer, "hang");
	f->cancel_with = SIGTERM;
	do_run(f, text);
	assert_int_equal(run_job(f->run, 0)->state, JOB_CANCELED);
	assert_string_equal(run_phase(f->run), "CANCELED");
	assert_int_equal(run_exit_status(f->run), 128 + SIGTERM);
	assert_int_equal(committed_of(f, "made"), 0);
	assert_int_equal(open_versions(f, "made"), 0);
}

static void fail_fast_cancels_the_rest(void **state)
{
	struct fixture *f = *state;

	f->options.fail_fast = true;
	do_run(f, "jobs:\n"
	          "  h: {uses: container@v1, with: {image: 'a:1'}, env: {DO: hang}}\n"
	          "  f: {uses: container@v1, with: {image: 'a:1'}, env: {DO: fail}}\n"
	          "  n: {uses: container@v1, with: {image: 'a:1'}, env: {DO: ok}, needs: [h]}\n");
	assert_int_equal(run_job(f->run, 0)->state, JOB_CANCELED);
	assert_int_equal(run_job(f->run, 1)->state, JOB_FAILED);
	assert_int_equal(run_job(f->run, 2)->state, JOB_CANCELED);
	assert_int_equal(run_exit_status(f->run), 1);
}

static const char pair[] = "jobs:\n"
			   "  a: {uses: container@v1, with: {image: 'a:1'}, env: {ME: a, DO: %s}}\n"
			   "  b: {uses: container@v1, with: {image: 'a:1'}, "
			   "env: {ME: b, DO: %s, AFTER: awaiting}}\n"
			   "  c: {uses: container@v1, with: {image: 'a:1'}, env: {ME: c, DO: ok}, "
			   "needs: [a]}\n";

/* One at a time: what `a` and `b` do. */
static void run_pair(struct fixture *f, const char *a, const char *b)
{
	char text[512];

	f->options.jobs = 1;
	(void)snprintf(text, sizeof text, pair, a, b);
	do_run(f, text);
}

static void the_next_job_is_ready_before_its_turn(void **state)
{
	struct fixture *f = *state;

	run_pair(f, "await", "ok");
	assert_string_equal(run_phase(f->run), "SUCCEEDED");
	assert_int_equal(f->fake.most_running, 1);
	assert_string_equal(f->fake.order, "a b c ");
}

/* ... and yet waits for one that stands before it in the file and becomes ready later. */
static void what_is_ready_lets_an_earlier_job_pass(void **state)
{
	static const char text[] =
		"jobs:\n"
		"  a: {uses: container@v1, with: {image: 'a:1'}, env: {ME: a, DO: await}}\n"
		"  b: {uses: container@v1, with: {image: 'a:1'}, env: {ME: b, DO: ok}, "
		"needs: [a]}\n"
		"  c: {uses: container@v1, with: {image: 'a:1'}, "
		"env: {ME: c, DO: ok, AFTER: awaiting}}\n";
	struct fixture *f = *state;

	f->options.jobs = 1;
	do_run(f, text);
	assert_string_equal(run_phase(f->run), "SUCCEEDED");
	assert_int_equal(f->fake.most_running, 1);
	assert_string_equal(f->fake.order, "a b c ");
}

static void a_job_that_is_ready_can_be_withdrawn(void **state)
{
	struct fixture *f = *state;

	f->options.fail_fast = true;
	run_pair(f, "awaitfail", "ok");
	assert_int_equal(run_job(f->run, 0)->state, JOB_FAILED);
	assert_int_equal(run_job(f->run, 1)->state, JOB_CANCELED);
	assert_string_equal(f->fake.order, "a ");
}

static void a_job_that_ends_before_its_turn_takes_no_place(void **state)
{
	struct fixture *f = *state;

	run_pair(f, "await", "unready");
	assert_int_equal(run_job(f->run, 0)->state, JOB_SUCCEEDED);
	assert_int_equal(run_job(f->run, 1)->state, JOB_ERROR);
	assert_string_equal(run_job(f->run, 1)->message, "the shim died");
	assert_int_equal(run_job(f->run, 2)->state, JOB_SUCCEEDED);
	assert_string_equal(f->fake.order, "a c ");
}

static void a_job_that_became_stale_is_got_ready_anew(void **state)
{
	struct fixture *f = *state;

	run_pair(f, "await", "stale");
	assert_string_equal(run_phase(f->run), "SUCCEEDED");
	assert_int_equal(f->fake.stale, 2);
	assert_int_equal(run_job(f->run, 1)->attempt, 1);
	assert_string_equal(f->fake.order, "a b c ");
}

static void what_cannot_be_had_stops_the_run_before_it_starts(void **state)
{
	static const struct {
		const char *job, *says;
	} cases[] = {
		{ "with: {image: 'a:1'}, env: {A: 'secret:x', B: 'secret:y'}",
		  "secrets 'x', 'y' not given" },
		{ "with: {image: 'a:1'}, inputs: {d: {type: dataset, with: {ref: nowhere}}}",
		  "input 'd' of job 'j': no dataset 'nowhere'" },
		{ "with: {image: 'a:1'}, env: {A: context.event.github.ref}, "
		  "inputs: {d: workflow.inputs.s}",
		  "input 's' has no default and was not given" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[512];
		struct error err;

		(void)snprintf(text, sizeof text, "%sjobs:\n  j: {uses: container@v1, %s}\n",
		               i == 2 ? "inputs: {s: {type: string}}\n" : "", cases[i].job);
		assert_true(make_run(f, text, &err) < 0);
		if (!strstr(err.msg, cases[i].says))
			fail_msg("'%s' does not say '%s'", err.msg, cases[i].says);
	}
}

static void given_inputs_win_over_defaults(void **state)
{
	static const char text[] = "inputs: {s: {type: string, with: {value: a}}}\n"
				   "jobs:\n"
				   "  j: {uses: container@v1, with: {image: 'a:1'}, "
				   "inputs: {s: workflow.inputs.s}}\n";
	struct run_given given = { .name = "s", .any = "b" };
	struct fixture *f = *state;
	struct error err;

	assert_int_equal(make_run(f, text, &err), 0);
	assert_string_equal(run_input_text(f->run, &f->doc->spec->jobs[0]->inputs[0]), "a");
	f->options.given = &given;
	f->options.n_given = 1;
	assert_int_equal(make_run(f, text, &err), 0);
	assert_string_equal(run_input_text(f->run, &f->doc->spec->jobs[0]->inputs[0]), "b");
	given.name = "t";
	assert_int_equal(make_run(f, text, &err), SLUICE_INVALID);
	assert_string_equal(err.msg, "input 't' was given, but the workflow's inputs are 's'");
}

/* With all threads of the pool busy the end waits. */
static void a_long_cleanup_is_said(void **state)
{
	struct fixture *f = *state;

	do_run(f, "jobs:\n  a: {uses: container@v1, with: {image: 'a:1'}, env: {DO: ok}}\n");
	assert_string_equal(f->notices, "");
	f->is_slow = true;
	do_run(f, "jobs:\n  a: {uses: container@v1, with: {image: 'a:1'}, env: {DO: ok}}\n");
	assert_string_equal(f->notices, "removing what the jobs left behind\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_at_a_time_is_the_order_of_the_file, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(
			a_job_that_succeeds_commits_and_one_that_fails_does_not, setup, teardown),
		cmocka_unit_test_setup_teardown(a_directory_that_is_not_there_leaves_no_dataset,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(a_given_directory_is_committed_once_and_recorded,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(a_run_can_be_canceled_while_its_images_come, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(the_image_that_failed_ends_the_others, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(
			a_run_can_be_canceled_while_a_directory_is_committed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_given_directory_that_cannot_be_kept_stops_the_run,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_run_that_cannot_open_its_outputs_ends_with_all_its_jobs, setup, teardown),
		cmocka_unit_test_setup_teardown(a_directory_without_a_point_is_pointed_at, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(a_string_output_is_text, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_output_that_is_no_directory_any_more_fails_its_job, setup, teardown),
		cmocka_unit_test_setup_teardown(cancel_stops_what_runs_and_commits_nothing, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(fail_fast_cancels_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(the_next_job_is_ready_before_its_turn, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(what_is_ready_lets_an_earlier_job_pass, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(a_job_that_is_ready_can_be_withdrawn, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(a_job_that_ends_before_its_turn_takes_no_place,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(a_job_that_became_stale_is_got_ready_anew, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_had_stops_the_run_before_it_starts,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(given_inputs_win_over_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(random_runs_end_as_the_model_says, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_cleanup_is_said, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
