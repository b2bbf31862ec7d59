/*
 * A commit that is killed, or meets a full or failing disk, at each call that changes the file
 * system: what was reported as committed is whole, nothing half-made is visible, and the same
 * version can be committed afterwards.
 *
 * One home lives through all rounds of a test.  A part of the calls is tried by default, each of
 * them with SLUICE_CAMPAIGN=1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/dataset.h"
#include "tests/faults/child.h"
#include "tests/support/dataset_home.h"

enum { FILES = 50, PATH_SIZE = 128 };

struct scenario {
	bool put;     /* else the directory itself is committed */
	bool in_runs; /* the store may take the directory */
	bool equal;   /* a version of the same content is there before */
};

struct fixture {
	struct scenario scenario;
	char root[64];
	char home[PATH_SIZE];
	char input[PATH_SIZE];
	struct datasets *d;
	struct dataset ds;
	struct error err;
	int rounds;
	int killed;
	int committed; /* versions that there must be */
};

/* What the helper said before it ended. */
struct outcome {
	char opened[VERSION_ID_LEN + 1]; /* "": not even that */
	bool filled;
	bool committed;
};

static void open_home(struct fixture *f)
{
	if (datasets_open(f->home, &f->d, &f->err) != 0)
		fail_msg("%s", f->err.msg);
}

static void close_home(struct fixture *f)
{
	datasets_close(f->d);
	f->d = NULL;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->scenario = *(const struct scenario *)*state;
	strcpy(f->root, "/tmp/sluice-test-faults-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	(void)snprintf(f->home, sizeof f->home, "%s/home", f->root);
	(void)snprintf(f->input, sizeof f->input, "%s/%s", f->root,
	               f->scenario.in_runs ? "home/runs/in" : "in");
	open_home(f);
	assert_int_equal(datasets_create(f->d, "d", NULL, NULL, &f->ds, &f->err), 0);
	close_home(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close_home(f);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->root), 0);
	free(f);
	return 0;
}

/* --- the content of a version: each twice, and new in each round unless it shall be equal ----- */

static void file_of(const struct fixture *f, int i, char path[32], char text[32])
{
	(void)snprintf(path, 32, "d%d/f%d", i % 3, i);
	(void)snprintf(text, 32, "%d of round %d\n", i / 2, f->scenario.equal ? 0 : f->rounds);
}

static void make_input(const struct fixture *f)
{
	int rc = io_remove_tree(AT_FDCWD, f->input);

	assert_true(rc == 0 || rc == -ENOENT);
	assert_int_equal(io_mkdirs(f->input, 0755), 0);
	AUTO_FD int dir = open(f->input, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(dir >= 0);
	for (int i = 0; i < FILES; i++) {
		char path[32];
		char text[32];

		if (i < 3) {
			(void)snprintf(path, sizeof path, "d%d", i);
			assert_int_equal(mkdirat(dir, path, 0755), 0);
		}
		file_of(f, i, path, text);
		AUTO_FD int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	}
}

static void expect_content(struct fixture *f, const struct dataset_version *v)
{
	AUTO_FREE char *tree = NULL;

	assert_true(v->committed);
	assert_int_equal(v->files, FILES);
	if (store_verify(datasets_store(f->d), &v->manifest, &f->err) != 0 ||
	    datasets_tree(f->d, v, &tree, &f->err) != 0)
		fail_msg("%s", f->err.msg);
	AUTO_FD int dir = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < FILES; i++) {
		AUTO_STRBUF struct strbuf is = STRBUF_INIT(64);
		char path[32];
		char text[32];

		file_of(f, i, path, text);
		assert_int_equal(io_read_file(dir, path, &is), 0);
		assert_string_equal(strbuf_str(&is), text);
	}
}

/* --- the helper ------------------------------------------------------------------------------ */

static void list_arguments(const struct fixture *f, const char *argv[6])
{
	argv[0] = COMMIT_VERSION;
	argv[1] = f->home;
	argv[2] = "d";
	argv[3] = f->scenario.put ? "put" : "take";
	argv[4] = f->input;
	argv[5] = NULL;
}

static struct outcome read_outcome(const struct fault_child *child)
{
	const char *opened = strstr(child->out, "opened ");
	struct outcome o = {
		.filled = strstr(child->out, "filled ") != NULL,
		.committed = strstr(child->out, "committed ") != NULL,
	};

	if (opened)
		(void)snprintf(o.opened, sizeof o.opened, "%s", opened + strlen("opened "));
	return o;
}

static unsigned long count_calls(struct fixture *f)
{
	AUTO_FREE char *path = xasprintf("%s/count", f->root);
	struct fault_child child;
	const char *argv[6];
	unsigned long calls;

	list_arguments(f, argv);
	make_input(f);
	calls = fault_child_count(argv, path, &child);
	assert_true(read_outcome(&child).committed);
	f->committed++;
	return calls;
}

/* --- what must hold after a fault ------------------------------------------------------------- */

/* What was in flight can be committed, however far it had come. */
static void finish(struct fixture *f, const struct outcome *o)
{
	AUTO_FREE char *content = xasprintf("%s/", f->input);
	AUTO_FREE char *ref = xasprintf("d:%s", o->opened);
	struct dataset_version v;
	int rc = datasets_resolve(f->d, ref, &v, &f->err);

	if (rc == 0 && o->committed)
		assert_true(v.committed);
	if (rc == 0 && !v.committed && f->scenario.put && !o->filled)
		rc = datasets_put(f->d, &v, content, "/", &f->err);
	if (rc == 0 && !v.committed)
		rc = datasets_commit(f->d, &v, f->scenario.put ? NULL : f->input, NULL, &f->err);
	if (rc != 0)
		fail_msg("version %s: %s", o->opened, f->err.msg);
	f->committed++;
	expect_content(f, &v);
}

static void commit_anew(struct fixture *f)
{
	struct dataset_version v;

	make_input(f);
	if (datasets_open_version(f->d, &f->ds, NULL, NULL, &v, &f->err) != 0 ||
	    datasets_commit(f->d, &v, f->input, NULL, &f->err) != 0)
		fail_msg("%s", f->err.msg);
	f->committed++;
	expect_content(f, &v);
}

struct tally {
	struct fixture *f;
	int n;
};

static int verify_version(void *arg, const struct dataset_version *v)
{
	struct tally *t = arg;

	if (store_verify(datasets_store(t->f->d), &v->manifest, &t->f->err) != 0)
		fail_msg("version %s: %s", v->id, t->f->err.msg);
	t->n++;
	return 0;
}

static int count_intent(void *arg, const char *what)
{
	struct tally *t = arg;

	(void)what;
	t->n++;
	return 0;
}

static void expect_all(struct fixture *f)
{
	struct tally versions = { .f = f };
	struct tally intents = { .f = f };

	assert_int_equal(
		datasets_each_version(f->d, &f->ds, true, verify_version, &versions, &f->err), 0);
	assert_int_equal(versions.n, f->committed);
	assert_int_equal(
		catalog_each_intent(datasets_catalog(f->d), count_intent, &intents, &f->err), 0);
	assert_int_equal(intents.n, 0);
}

static void suffer(struct fixture *f, const char *how, unsigned long k)
{
	struct fault_child child;
	struct outcome o;
	const char *argv[6];
	char fault[32];

	f->rounds++;
	make_input(f);
	(void)snprintf(fault, sizeof fault, "%s:%lu", how, k);
	list_arguments(f, argv);
	child = fault_child_run(argv, "FAULT", fault);
	f->killed += fault_child_was_killed(&child, fault);
	o = read_outcome(&child);
	open_home(f);
	if (o.opened[0])
		finish(f, &o);
	else
		commit_anew(f);
	if (f->rounds % 10 == 0)
		expect_all(f);
	close_home(f);
}

static void nothing_is_lost(void **state)
{
	static const struct {
		const char *how;
		unsigned long step;
	} faults[] = { { "kill", 13 }, { "ENOSPC", 29 }, { "EIO", 31 } };
	struct fixture *f = *state;
	bool all = getenv("SLUICE_CAMPAIGN") != NULL;
	unsigned long calls;

	if (f->scenario.equal)
		(void)count_calls(f);
	calls = count_calls(f);
	assert_true(calls > 50);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		for (unsigned long k = 1; k <= calls; k += all ? 1 : faults[i].step)
			suffer(f, faults[i].how, k);
	open_home(f);
	(void)dataset_home_collect(f->d, false);
	assert_int_equal(dataset_home_collect(f->d, true), 0);
	expect_all(f);
	print_message("%lu calls, %d rounds, killed in %d of them\n", calls, f->rounds, f->killed);
	/* A round makes fewer calls than the first: the store's directories are there. */
	assert_true((unsigned long)f->killed > calls / (all ? 1 : faults[0].step) * 3 / 4);
}

int main(void)
{
	static struct scenario put = { .put = true };
	static struct scenario copied = { .put = false };
	static struct scenario taken = { .in_runs = true };
	static struct scenario equal = { .in_runs = true, .equal = true };
	const struct CMUnitTest tests[] = {
#define T(name, scenario) { name, nothing_is_lost, setup, teardown, &(scenario) }
		T("nothing_is_lost_of_a_version_that_was_put_together", put),
		T("nothing_is_lost_of_a_directory_that_is_copied", copied),
		T("nothing_is_lost_of_a_directory_that_is_taken", taken),
		T("nothing_is_lost_of_a_directory_whose_tree_is_there", equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
