#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/dataset.h"
#include "tests/support/dataset_home.h"

/* --- the index as text, to compare --------------------------------------------------------- */

struct dump {
	struct datasets *d;
	struct strbuf text;
	const struct dataset *ds;
	struct error err;
};

static int dump_version(void *arg, const struct dataset_version *v)
{
	struct dump *dump = arg;
	char hex[DIGEST_HEX_LEN + 1];

	strbuf_addf(&dump->text, " %s %d %d '%s' %s %d %d %lld %lld %s %s %d\n", v->id,
	            v->committed, (int)v->seq, v->message,
	            v->committed ? digest_hex(&v->manifest, hex) : "-", (int)v->files,
	            (int)v->bytes, (long long)v->created_ms, (long long)v->committed_ms, v->run,
	            v->job, v->attempt);
	return 0;
}

static int dump_tag(void *arg, const char *tag, const struct dataset_version *v)
{
	struct dump *dump = arg;

	strbuf_addf(&dump->text, " %s = %s\n", tag, v->id);
	return 0;
}

static int dump_dataset(void *arg, const struct dataset *ds)
{
	struct dump *dump = arg;
	int rc;

	strbuf_addf(&dump->text, "%s %s '%s' %lld\n", ds->id, ds->name, ds->description,
	            (long long)ds->created_ms);
	rc = datasets_each_version(dump->d, ds, true, dump_version, dump, &dump->err);
	if (rc == 0)
		rc = datasets_each_version(dump->d, ds, false, dump_version, dump, &dump->err);
	if (rc == 0)
		rc = datasets_each_tag(dump->d, ds, dump_tag, dump, &dump->err);
	return rc;
}

static char *dump_index(struct datasets *d)
{
	struct dump dump = { .d = d, .text = STRBUF_INIT(STRBUF_BIG) };

	assert_int_equal(datasets_each(d, dump_dataset, &dump, &dump.err), 0);
	return strbuf_detach(&dump.text);
}

/* What the index says is what the records say. */
static void expect_whole_index(struct dataset_home *f)
{
	AUTO_FREE char *before = dump_index(f->d);
	AUTO_FREE char *after = NULL;

	dataset_home_reopen_without_catalog(f);
	after = dump_index(f->d);
	assert_string_equal(before, after);
}

static int count_intent(void *arg, const char *what)
{
	int *n = arg;

	(void)what;
	++*n;
	return 0;
}

static void expect_no_intent(struct dataset_home *f)
{
	int n = 0;

	assert_int_equal(catalog_each_intent(datasets_catalog(f->d), count_intent, &n, &f->err), 0);
	assert_int_equal(n, 0);
}

/* --- work that children do ------------------------------------------------------------------- */

enum { FEW = 4, MANY = 200 };

static int fill(struct datasets *d, const struct dataset_version *v, int files, int salt,
                struct error *err)
{
	AUTO_FREE char *path = NULL;
	int rc = datasets_open_path(d, v, &path, err);

	for (int i = 0; rc == 0 && i < files; i++) {
		AUTO_FREE char *name = xasprintf("%s/file-%d", path, i);
		AUTO_FREE char *text = xasprintf("%d of %s %d", i, v->id, salt);
		AUTO_FD int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		if (fd < 0 || io_write_all(fd, text, strlen(text)) < 0)
			return error_sys(err, errno, "fill");
	}
	return rc;
}

static int commit_one(struct datasets *d, const struct dataset *ds, int salt,
                      struct dataset_version *v, struct error *err)
{
	int rc = datasets_open_version(d, ds, "m", NULL, v, err);

	if (rc == 0)
		rc = fill(d, v, FEW, salt, err);
	return rc < 0 ? rc : datasets_commit(d, v, NULL, NULL, err);
}

enum { CHILDREN = 2, EACH = 25 };

/* Exits with the number of names that it got. */
static void create_and_commit(const struct dataset_home *f, int me)
{
	struct datasets *d;
	struct error err;
	struct dataset made;
	struct dataset_version v;
	int wins = 0;

	if (datasets_open(f->home, &d, &err) != 0)
		_exit(101);
	for (int i = 0; i < EACH; i++) {
		char name[32];
		int rc;

		(void)snprintf(name, sizeof name, "shared-%d", i);
		rc = datasets_create(d, name, NULL, NULL, &made, &err);
		wins += rc == 0;
		if (rc == SLUICE_EXISTS)
			rc = 0;
		if (rc == 0)
			rc = commit_one(d, &f->ds, me * 1000 + i, &v, &err);
		if (rc == 0)
			rc = datasets_set_tag(d, &v, "tag", &err);
		if (rc != 0) {
			(void)fprintf(stderr, "child %d: %s\n", me, err.msg);
			_exit(102);
		}
	}
	datasets_close(d);
	_exit(wins);
}

struct tally {
	int64_t expect;
	struct datasets *d;
	struct error err;
};

static int next_seq(void *arg, const struct dataset_version *v)
{
	struct tally *t = arg;

	assert_int_equal(v->seq, t->expect);
	t->expect--;
	assert_int_equal(store_verify(datasets_store(t->d), &v->manifest, &t->err), 0);
	return 0;
}

static int count_dataset(void *arg, const struct dataset *ds)
{
	int *n = arg;

	(void)ds;
	++*n;
	return 0;
}

static void processes_create_and_commit_side_by_side(void **state)
{
	struct dataset_home *f = *state;
	struct tally t = { .expect = CHILDREN * EACH };
	pid_t child[CHILDREN];
	int names = 0;
	int n = 0;

	datasets_close(f->d);
	f->d = NULL;
	for (int i = 0; i < CHILDREN; i++) {
		child[i] = fork();
		if (child[i] == 0)
			create_and_commit(f, i);
	}
	for (int i = 0; i < CHILDREN; i++) {
		int status;

		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status));
		names += WEXITSTATUS(status);
	}
	assert_int_equal(names, EACH);
	dataset_home_reopen(f);
	t.d = f->d;
	assert_int_equal(datasets_each_version(f->d, &f->ds, true, next_seq, &t, &f->err), 0);
	assert_int_equal(t.expect, 0);
	assert_int_equal(datasets_each(f->d, count_dataset, &n, &f->err), 0);
	assert_int_equal(n, EACH + 1);
	expect_no_intent(f);
	expect_whole_index(f);
}

static void commit_shared(const struct dataset_home *f, const struct dataset_version *shared)
{
	struct dataset_version v = *shared;
	struct datasets *d;
	struct error err;
	int rc = datasets_open(f->home, &d, &err);

	if (rc < 0)
		_exit(3);
	rc = datasets_commit(d, &v, NULL, NULL, &err);
	if (rc < 0 && rc != SLUICE_EXISTS)
		(void)fprintf(stderr, "%s\n", err.msg);
	datasets_close(d);
	_exit(rc == 0 ? 0 : rc == SLUICE_EXISTS ? 1 : 2);
}

static void of_two_that_commit_one_version_one_wins(void **state)
{
	struct dataset_home *f = *state;

	for (int round = 0; round < 10; round++) {
		struct dataset_version v;
		pid_t child[CHILDREN];
		int codes = 0;

		assert_int_equal(datasets_open_version(f->d, &f->ds, NULL, NULL, &v, &f->err), 0);
		assert_int_equal(fill(f->d, &v, FEW, round, &f->err), 0);
		datasets_close(f->d);
		f->d = NULL;
		for (int i = 0; i < CHILDREN; i++) {
			child[i] = fork();
			if (child[i] == 0)
				commit_shared(f, &v);
		}
		for (int i = 0; i < CHILDREN; i++) {
			int status;

			assert_int_equal(waitpid(child[i], &status, 0), child[i]);
			assert_true(WIFEXITED(status));
			codes += WEXITSTATUS(status);
		}
		assert_int_equal(codes, CHILDREN - 1);
		dataset_home_reopen(f);
		assert_int_equal(datasets_resolve(f->d, f->ds.name, &v, &f->err), 0);
		assert_int_equal(v.seq, round + 1);
		assert_int_equal(v.files, 4);
		assert_int_equal(store_verify(datasets_store(f->d), &v.manifest, &f->err), 0);
	}
	expect_whole_index(f);
}

/* --- killed at any instant ------------------------------------------------------------------- */

/* What a child has reported before it was killed. */
struct report {
	int64_t committed; /* how many */
	char opened[VERSION_ID_LEN + 1];
	char last[VERSION_ID_LEN + 1]; /* committed */
};

static void commit_until_killed(const struct dataset_home *f, struct report *report)
{
	struct datasets *d;
	struct error err = { 0 };

	if (datasets_open(f->home, &d, &err) != 0) {
		(void)fprintf(stderr, "open: %s\n", err.msg);
		_exit(1);
	}
	for (int i = 0;; i++) {
		struct dataset_version v;

		if (datasets_open_version(d, &f->ds, "m", NULL, &v, &err) != 0 ||
		    fill(d, &v, MANY, i, &err) != 0)
			break;
		memcpy(report->opened, v.id, sizeof v.id);
		if (datasets_commit(d, &v, NULL, NULL, &err) != 0)
			break;
		memcpy(report->last, v.id, sizeof v.id);
		report->committed++;
		if (datasets_set_tag(d, &v, i % 2 ? "odd" : "even", &err) != 0)
			break;
	}
	(void)fprintf(stderr, "child: %s\n", err.msg);
	_exit(2);
}

static int count_committed(void *arg, const struct dataset_version *v)
{
	struct tally *t = arg;

	t->expect++;
	if (store_verify(datasets_store(t->d), &v->manifest, &t->err) != 0)
		fail_msg("%s", t->err.msg);
	return 0;
}

static void expect_committed(struct dataset_home *f, const char *id)
{
	AUTO_FREE char *ref = xasprintf("d:%s", id);
	struct dataset_version v;

	if (datasets_resolve(f->d, ref, &v, &f->err) != 0)
		fail_msg("%s", f->err.msg);
	assert_true(v.committed);
	assert_int_equal(v.files, MANY);
}

/* The version in flight can be committed now, whatever its commit had reached. */
static void finish_commit(struct dataset_home *f, const char *id)
{
	AUTO_FREE char *ref = xasprintf("d:%s", id);
	struct dataset_version v;

	if (datasets_resolve(f->d, ref, &v, &f->err) != 0)
		fail_msg("%s", f->err.msg);
	if (!v.committed && datasets_commit(f->d, &v, NULL, NULL, &f->err) != 0)
		fail_msg("%s", f->err.msg);
	assert_int_equal(v.files, MANY);
	assert_int_equal(store_verify(datasets_store(f->d), &v.manifest, &f->err), 0);
}

static uint64_t blocks_of(const char *path)
{
	uint64_t blocks = 0;
	char *const top[] = { (char *)(uintptr_t)path, NULL };
	FTS *fts = fts_open(top, FTS_PHYSICAL, NULL);
	const FTSENT *e;

	assert_non_null(fts);
	while ((e = fts_read(fts)))
		if (e->fts_info == FTS_F)
			blocks += (uint64_t)e->fts_statp->st_blocks;
	(void)fts_close(fts);
	return blocks;
}

/* What kills have left half made goes, and then what the versions had. */
static void expect_space_back(struct dataset_home *f)
{
	static const char *const folders[] = { "store", "tmp" };

	(void)dataset_home_collect(f->d, false);
	assert_int_equal(dataset_home_collect(f->d, true), 0);
	assert_int_equal(datasets_delete(f->d, &f->ds, DATASET_DELETE_TAGS, &f->err), 0);
	assert_true(dataset_home_collect(f->d, false) > MANY);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", f->home, folders[i]);

		assert_int_equal(blocks_of(path), 0);
	}
}

/* How long a child lives on this machine, now, until its first version is committed. */
static int64_t microseconds_of_one(struct dataset_home *f)
{
	struct dataset_version v;
	int64_t begin = clock_mono_ms();

	assert_int_equal(datasets_open_version(f->d, &f->ds, "m", NULL, &v, &f->err), 0);
	assert_int_equal(fill(f->d, &v, MANY, -1, &f->err), 0);
	assert_int_equal(datasets_commit(f->d, &v, NULL, NULL, &f->err), 0);
	return (clock_mono_ms() - begin + 1) * 1000;
}

static void nothing_is_lost_by_a_kill(void **state)
{
	struct dataset_home *f = *state;
	struct report *report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE,
	                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int kills = getenv("SLUICE_CAMPAIGN") ? 500 : 50;
	unsigned seed = (unsigned)clock_mono_ms();
	int64_t long_enough = 2 * microseconds_of_one(f);

	assert_true(report != MAP_FAILED);
	datasets_close(f->d);
	f->d = NULL;
	for (int i = 0; i < kills; i++) {
		int64_t us = rand_r(&seed) % long_enough;
		struct timespec nap = { us / 1000000, us % 1000000 * 1000 };
		pid_t child;
		int status;

		report->opened[0] = report->last[0] = '\0';
		child = fork();
		if (child == 0)
			commit_until_killed(f, report);
		(void)nanosleep(&nap, NULL);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		dataset_home_reopen(f);
		expect_no_intent(f);
		if (report->last[0])
			expect_committed(f, report->last);
		if (report->opened[0])
			finish_commit(f, report->opened);
		if (i % 5 == 0)
			expect_whole_index(f);
		datasets_close(f->d);
		f->d = NULL;
	}
	dataset_home_reopen(f);
	{
		struct tally t = { .d = f->d };

		assert_int_equal(
			datasets_each_version(f->d, &f->ds, true, count_committed, &t, &f->err), 0);
		assert_true(t.expect >= report->committed);
	}
	print_message("%d kills, each within %d us, %d commits reported\n", kills, (int)long_enough,
	              (int)report->committed);
	expect_whole_index(f);
	expect_space_back(f);
	assert_int_equal(munmap(report, sizeof *report), 0);
}

/* Killed between the digest in the open record and the record: the directory may be gone, or there
 * still, or half removed. */
static void a_taken_version_is_what_its_digest_says(void **state)
{
	struct dataset_home *f = *state;

	for (int lies_there = 0; lies_there < 2; lies_there++) {
		struct dataset_version v;
		struct store_tree_info info;
		AUTO_FREE char *data = NULL;
		AUTO_FREE char *tree = NULL;
		int lock;

		assert_int_equal(datasets_open_version(f->d, &f->ds, NULL, NULL, &v, &f->err), 0);
		assert_int_equal(fill(f->d, &v, FEW, 1, &f->err), 0);
		assert_int_equal(datasets_open_path(f->d, &v, &data, &f->err), 0);
		assert_int_equal(datasets_commit_bytes(f->d, &v, NULL, NULL, &info, &lock, &f->err),
		                 0);
		assert_int_equal(close(lock), 0);
		assert_int_equal(access(data, F_OK), -1);
		if (lies_there)
			assert_int_equal(mkdir(data, 0755), 0);
		assert_int_equal(datasets_open_path(f->d, &v, &tree, &f->err), SLUICE_INVALID);
		assert_non_null(strstr(f->err.msg, "in the middle of its commit"));
		dataset_home_reopen(f);
		assert_int_equal(datasets_commit(f->d, &v, NULL, NULL, &f->err), 0);
		assert_true(digest_equal(&v.manifest, &info.manifest));
		assert_int_equal(v.files, 4);
		assert_int_equal(access(data, F_OK), -1);
		assert_int_equal(datasets_tree(f->d, &v, &tree, &f->err), 0);
		assert_int_equal(access(tree, F_OK), 0);
	}
}

static void an_intent_makes_the_next_opener_look(void **state)
{
	struct dataset_home *f = *state;
	struct catalog *c = datasets_catalog(f->d);
	struct dataset_version v;
	AUTO_FREE char *before = NULL;
	AUTO_FREE char *after = NULL;
	char what[64];

	assert_int_equal(commit_one(f->d, &f->ds, 1, &v, &f->err), 0);
	assert_int_equal(datasets_set_tag(f->d, &v, "tag", &f->err), 0);
	before = dump_index(f->d);
	/* As if each writer had been killed between record and row. */
	assert_int_equal(catalog_clear_datasets(c, &f->err), 0);
	assert_int_equal(catalog_put_intent(c, f->ds.id, &f->err), 0);
	(void)snprintf(what, sizeof what, "%s/%s", f->ds.id, v.id);
	assert_int_equal(catalog_put_intent(c, what, &f->err), 0);
	(void)snprintf(what, sizeof what, "%s/tags/tag", f->ds.id);
	assert_int_equal(catalog_put_intent(c, what, &f->err), 0);
	dataset_home_reopen(f);
	after = dump_index(f->d);
	assert_string_equal(before, after);
	expect_no_intent(f);
}

static void a_name_is_not_given_twice_past_a_dead_creator(void **state)
{
	struct dataset_home *f = *state;
	struct catalog *c = datasets_catalog(f->d);
	struct dataset made;

	/* Its row is missing, its intent is there, and nobody has opened the home since. */
	assert_int_equal(catalog_put_intent(c, f->ds.id, &f->err), 0);
	assert_int_equal(catalog_delete_dataset(c, f->ds.id, &f->err), 0);
	assert_int_equal(datasets_create(f->d, "d", NULL, NULL, &made, &f->err), SLUICE_EXISTS);
}

static void numbers_go_on_though_the_rows_are_gone(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version v;

	assert_int_equal(commit_one(f->d, &f->ds, 1, &v, &f->err), 0);
	assert_int_equal(commit_one(f->d, &f->ds, 2, &v, &f->err), 0);
	assert_int_equal(catalog_delete_version(datasets_catalog(f->d), f->ds.id, v.id, &f->err),
	                 0);
	assert_int_equal(commit_one(f->d, &f->ds, 3, &v, &f->err), 0);
	assert_int_equal(v.seq, 3);
	expect_whole_index(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, dataset_home_setup_one, dataset_home_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(processes_create_and_commit_side_by_side),
		T(of_two_that_commit_one_version_one_wins),
		T(nothing_is_lost_by_a_kill),
		T(a_taken_version_is_what_its_digest_says),
		T(an_intent_makes_the_next_opener_look),
		T(a_name_is_not_given_twice_past_a_dead_creator),
		T(numbers_go_on_though_the_rows_are_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
