/* What came from what: both ways, over deleted versions, and along a chain of a thousand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "dataset/lineage.h"
#include "tests/support/dataset_home.h"

#define RUN "00000000-0000-4000-8000-000000000001"

static struct lineage lineage; /* what look() found */

static int teardown(void **state)
{
	lineage_release(&lineage);
	return dataset_home_teardown(state);
}

/* A job makes a version from up to three. */
static struct dataset_version make(struct dataset_home *f, const char *job,
                                   const struct dataset_version *const *from)
{
	const char *inputs[4] = { NULL };
	struct dataset_maker maker = { .run = RUN, .job = job, .attempt = 1, .inputs = inputs };
	struct dataset_version v;
	struct store_tree_info info;
	size_t n = 0;
	int lock;

	for (; from && from[n]; n++)
		inputs[n] = xasprintf("%s:%s", from[n]->dataset, from[n]->id);
	OK(f, datasets_open_version(f->d, &f->ds, job, job ? &maker : NULL, &v, &f->err));
	OK(f, datasets_commit_bytes(f->d, &v, NULL, NULL, &info, &lock, &f->err));
	OK(f, datasets_commit_record(f->d, &v, job ? &maker : NULL, &info, lock, &f->err));
	while (n > 0)
		free((void *)(uintptr_t)inputs[--n]);
	return v;
}
#define FROM(...) ((const struct dataset_version *const[]){ __VA_ARGS__, NULL })

static void look(struct dataset_home *f, const struct dataset_version *v)
{
	lineage_release(&lineage);
	OK(f, datasets_lineage(f->d, v, &lineage, &f->err));
}

static size_t place_of(const struct dataset_version *v)
{
	size_t i = 0;

	while (i < lineage.n && strcmp(lineage_version_id(&lineage.version[i]), v->id) != 0)
		i++;
	return i;
}

static bool has(const struct dataset_version *v)
{
	return place_of(v) < lineage.n;
}

static const struct lineage_version *find(const struct dataset_version *v)
{
	assert_true(has(v));
	return &lineage.version[place_of(v)];
}

static void expect(const struct dataset_version *v, enum lineage_relation relation, size_t n_inputs)
{
	assert_int_equal(find(v)->relation, relation);
	assert_int_equal(find(v)->n_inputs, n_inputs);
}

static void test_both_ways(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version raw = make(f, NULL, NULL);
	struct dataset_version other = make(f, NULL, NULL);
	struct dataset_version left = make(f, "left", FROM(&raw));
	struct dataset_version right = make(f, "right", FROM(&raw, &other));
	struct dataset_version joined = make(f, "join", FROM(&left, &right));
	struct dataset_version apart = make(f, "apart", NULL);
	const struct lineage_version *v;

	look(f, &joined);
	assert_int_equal(lineage.n, 5);
	expect(&joined, LINEAGE_SELF, 2);
	expect(&left, LINEAGE_BEFORE, 1);
	expect(&right, LINEAGE_BEFORE, 2);
	expect(&raw, LINEAGE_BEFORE, 0);
	expect(&other, LINEAGE_BEFORE, 0);
	v = find(&left);
	assert_string_equal(v->run, RUN);
	assert_string_equal(v->job, "left");
	assert_string_equal(v->dataset_name, "d");
	assert_string_equal(find(&raw)->run, "");
	assert_ptr_equal(&lineage.version[v->input[0]], find(&raw));

	look(f, &raw);
	assert_int_equal(lineage.n, 5);
	expect(&raw, LINEAGE_SELF, 0);
	expect(&left, LINEAGE_AFTER, 1);
	expect(&joined, LINEAGE_AFTER, 2);
	expect(&other, LINEAGE_BESIDE, 0);

	look(f, &left);
	expect(&raw, LINEAGE_BEFORE, 0);
	expect(&joined, LINEAGE_AFTER, 2);
	expect(&right, LINEAGE_BESIDE, 0);
	assert_false(has(&other));

	look(f, &apart);
	assert_int_equal(lineage.n, 1);
}

static void test_deleted(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version raw = make(f, NULL, NULL);
	struct dataset_version mid = make(f, "mid", FROM(&raw));
	struct dataset_version end = make(f, "end", FROM(&mid));

	OK(f, datasets_delete_version(f->d, &mid, 0, &f->err));
	look(f, &end);
	assert_int_equal(lineage.n, 2);
	expect(&mid, LINEAGE_BEFORE, 0);
	assert_true(find(&mid)->deleted);
	look(f, &raw);
	assert_int_equal(lineage.n, 1);
}

static void test_open_version(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version v;

	OK(f, datasets_open_version(f->d, &f->ds, NULL, NULL, &v, &f->err));
	assert_int_equal(datasets_lineage(f->d, &v, &lineage, &f->err), SLUICE_INVALID);
}

/* --- records as they lie there ---------------------------------------------------------------- */

static cJSON *read_record(const struct dataset_home *f, const char *id)
{
	AUTO_FREE char *path =
		xasprintf("%s/store/datasets/%s/versions/%s.json", f->home, f->ds.id, id);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(1 << 20);
	cJSON *doc = NULL;
	struct error err;

	assert_int_equal(io_read_file(AT_FDCWD, path, &text), 0);
	assert_int_equal(json_parse(strbuf_str(&text), text.len, path, &doc, &err), 0);
	return doc;
}

/* Writes the record of version `id`, made from the version `from`, after the pattern of another. */
static void put_record(const struct dataset_home *f, cJSON *pattern, const char *id,
                       const char *from)
{
	AUTO_FREE char *path =
		xasprintf("%s/store/datasets/%s/versions/%s.json", f->home, f->ds.id, id);
	cJSON *maker = json_new_obj();
	cJSON *inputs = json_new_arr();
	AUTO_FREE char *text = NULL;

	json_push_str(inputs, from);
	json_add_str(maker, "run", RUN);
	json_add_str(maker, "job", "j");
	json_add_int(maker, "attempt", 1);
	json_add(maker, "inputs", inputs);
	assert_true(cJSON_ReplaceItemInObject(pattern, "maker", maker));
	assert_true(cJSON_ReplaceItemInObject(pattern, "version", cJSON_CreateString(id)));
	text = json_print(pattern);
	assert_int_equal(io_put_file_fast(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static void test_chain_of_a_thousand(void **state)
{
	enum { N = 1000 };
	struct dataset_home *f = *state;
	struct dataset_version first = make(f, NULL, NULL);
	struct dataset_version last = first;
	AUTO_JSON cJSON *pattern = read_record(f, first.id);

	for (unsigned i = 0; i < N; i++) {
		AUTO_FREE char *from = xasprintf("%s:%s", f->ds.id, last.id);

		(void)snprintf(last.id, sizeof last.id, "v%06u", i);
		put_record(f, pattern, last.id, from);
	}
	dataset_home_reopen_without_catalog(f);
	look(f, &last);
	assert_int_equal(lineage.n, N + 1);
	expect(&first, LINEAGE_BEFORE, 0);
	look(f, &first);
	assert_int_equal(lineage.n, N + 1);
	expect(&last, LINEAGE_AFTER, 1);
}

/* Only damage makes a version its own ancestor; it is told of once, and the walk ends. */
static void test_damaged_records(void **state)
{
	struct dataset_home *f = *state;
	struct dataset_version v = make(f, NULL, NULL);
	AUTO_JSON cJSON *pattern = read_record(f, v.id);
	AUTO_FREE char *self = xasprintf("%s:%s", v.dataset, v.id);

	put_record(f, pattern, v.id, self);
	dataset_home_reopen_without_catalog(f);
	look(f, &v);
	assert_int_equal(lineage.n, 1);
	lineage_release(&lineage);
	put_record(f, pattern, v.id, "../../etc/passwd");
	assert_int_equal(datasets_lineage(f->d, &v, &lineage, &f->err), SLUICE_CORRUPT);
	assert_non_null(strstr(f->err.msg, "'../../etc/passwd'"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dataset_home_setup_one, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_both_ways),           TEST(test_deleted),         TEST(test_open_version),
		TEST(test_chain_of_a_thousand), TEST(test_damaged_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
