/* Limits at n and n + 1, memory that runs out at every allocation, and time that stays linear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/node.h"
#include "spec/parse.h"

struct text {
	char *bytes;
	size_t n, capacity;
};

static void add(struct text *t, const char *piece)
{
	size_t len = strlen(piece);

	if (t->n + len + 1 > t->capacity) {
		t->capacity = 2 * (t->n + len + 1);
		t->bytes = realloc(t->bytes, t->capacity);
		assert_non_null(t->bytes);
	}
	memcpy(t->bytes + t->n, piece, len + 1);
	t->n += len;
}

/* True if a diagnostic begins with MESSAGE. */
static bool says(const struct spec_doc *doc, const char *message)
{
	for (size_t i = 0; i < doc->n_diags; i++)
		if (strncmp(doc->diags[i].message, message, strlen(message)) == 0)
			return true;
	return false;
}

static bool text_says(struct text *t, const char *message)
{
	struct spec_doc *doc = spec_parse(t->bytes, t->n);
	bool found = says(doc, message);

	spec_doc_free(doc);
	free(t->bytes);
	return found;
}

static bool nested_is_too_deep(unsigned depth)
{
	struct text t = { .bytes = NULL };

	for (unsigned i = 0; i < depth; i++)
		add(&t, "[");
	for (unsigned i = 0; i < depth; i++)
		add(&t, "]");
	return text_says(&t, "the document is nested deeper than 64 levels");
}

static bool alias_is_too_deep(unsigned outside, unsigned inside)
{
	struct text t = { .bytes = NULL };

	add(&t, "- &a ");
	for (unsigned i = 0; i < inside; i++)
		add(&t, "[");
	for (unsigned i = 0; i < inside; i++)
		add(&t, "]");
	add(&t, "\n- ");
	for (unsigned i = 1; i < outside; i++)
		add(&t, "[");
	add(&t, " *a ");
	for (unsigned i = 1; i < outside; i++)
		add(&t, "]");
	return text_says(&t, "the document is nested deeper than 64 levels");
}

static void test_depth(void **state)
{
	(void)state;
	assert_false(nested_is_too_deep(64));
	assert_true(nested_is_too_deep(65));
	assert_true(nested_is_too_deep(100000));
	assert_false(alias_is_too_deep(32, 32));
	assert_true(alias_is_too_deep(33, 32));
}

/* The anchored list is N_ITEMS + 1 nodes, and the aliases count as one node each themselves. */
static bool expands_too_far(unsigned n_items, unsigned n_aliases)
{
	struct text t = { .bytes = NULL };

	add(&t, "[&a [");
	for (unsigned i = 0; i < n_items; i++)
		add(&t, "x,");
	add(&t, "]");
	for (unsigned i = 0; i < n_aliases; i++)
		add(&t, ", *a");
	add(&t, "]");
	return text_says(&t, "the aliases stand for too much");
}

static void test_expansion(void **state)
{
	(void)state;
	/* 99 items: 101 nodes before the aliases; n of them add 100 n, and 10 (101 + n) + 10000 is
	 * reached with 122 (12200 <= 12230) and passed with 123 (12300 > 12240). */
	assert_false(expands_too_far(99, 122));
	assert_true(expands_too_far(99, 123));
}

static void test_alias_bomb(void **state)
{
	struct text t = { .bytes = NULL };
	char line[128];

	(void)state;
	add(&t, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (unsigned i = 1; i < 30; i++) {
		(void)snprintf(line, sizeof(line), "a%u: &a%u [*a%u, *a%u, *a%u]\n", i, i, i - 1,
		               i - 1, i - 1);
		add(&t, line);
	}
	assert_true(text_says(&t, "the aliases stand for too much"));
}

static bool is_too_large(size_t size)
{
	char *bytes = malloc(size);
	struct text t = { bytes, size, size };

	assert_non_null(bytes);
	memset(bytes, '#', size);
	return text_says(&t, "the file is larger than 64 MiB");
}

static void test_size(void **state)
{
	(void)state;
	assert_false(is_too_large(NODE_TEXT_MAX));
	assert_true(is_too_large((size_t)NODE_TEXT_MAX + 1));
}

static bool name_is_too_long(unsigned len)
{
	struct text t = { .bytes = NULL };

	add(&t, "jobs:\n  ");
	for (unsigned i = 0; i < len; i++)
		add(&t, "n");
	add(&t, ": {uses: container@v1, with: {image: i}}\n");
	return text_says(&t, "the name '");
}

static void test_names(void **state)
{
	(void)state;
	assert_false(name_is_too_long(128));
	assert_true(name_is_too_long(129));
}

/* N unknown keys, each an error. */
static struct spec_doc *parse_wrong(unsigned n)
{
	struct text t = { .bytes = NULL };
	struct spec_doc *doc = NULL;
	char line[64];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(line, sizeof(line), "k%u: 1\n", i);
		add(&t, line);
	}
	add(&t, "jobs: {a: {uses: container@v1, with: {image: i}}}\n");
	doc = spec_parse(t.bytes, t.n);
	free(t.bytes);
	return doc;
}

static void test_diagnostics(void **state)
{
	struct spec_doc *doc = parse_wrong(1000);

	(void)state;
	assert_int_equal(doc->n_diags, 1000);
	assert_int_equal(doc->n_errors, 1000);
	spec_doc_free(doc);
	doc = parse_wrong(1001);
	assert_int_equal(doc->n_diags, 1001);
	assert_string_equal(doc->diags[1000].message, "1 more problem is not shown");
	spec_doc_free(doc);
	doc = parse_wrong(5000);
	assert_int_equal(doc->n_diags, 1001);
	assert_int_equal(doc->n_errors, 5000);
	assert_string_equal(doc->diags[1000].message, "4000 more problems are not shown");
	assert_int_equal(doc->diags[1000].severity, SPEC_ERROR);
	spec_doc_free(doc);
}

/* Warnings alone leave room for errors, and do not stop the workflow. */
static void test_many_warnings(void **state)
{
	struct text t = { .bytes = NULL };
	struct spec_doc *doc = NULL;
	char line[64];

	(void)state;
	add(&t, "jobs:\n  a:\n    uses: container@v1\n    with: {image: i}\n    env:\n");
	for (unsigned i = 0; i < 600; i++) {
		(void)snprintf(line, sizeof(line), "      V%u: %u\n", i, i);
		add(&t, line);
	}
	doc = spec_parse(t.bytes, t.n);
	assert_non_null(doc->spec);
	assert_int_equal(doc->spec->jobs[0]->n_env, 600);
	assert_int_equal(doc->n_diags, 501);
	assert_string_equal(doc->diags[500].message, "100 more problems are not shown");
	assert_int_equal(doc->diags[500].severity, SPEC_WARNING);
	spec_doc_free(doc);
	free(t.bytes);
}

/* Wide and long graphs: with anything quadratic in it this would run into the test's time limit. */
static void test_large(void **state)
{
	enum { N = 20000 };
	struct text t = { .bytes = NULL };
	struct spec_doc *doc = NULL;
	char line[256];

	(void)state;
	add(&t, "jobs:\n");
	for (unsigned i = 0; i < N; i++) {
		(void)snprintf(
			line, sizeof(line),
			"  j%u: {uses: container@v1, with: {image: i}, outputs: {v: {type: volume}}, "
			"inputs: {x: j%u.outputs.v, y: j%u.outputs.v}}\n",
			i, i + 1, i + 2);
		add(&t, line);
	}
	add(&t, "  j20000: {uses: container@v1, with: {image: i}, outputs: {v: {type: volume}}}\n");
	add(&t, "  j20001: {uses: container@v1, with: {image: i}, outputs: {v: {type: volume}}, "
	        "needs: [");
	for (unsigned i = 0; i < N; i++) {
		(void)snprintf(line, sizeof(line), "k%u,", i);
		add(&t, line);
	}
	add(&t, "]}\n");
	doc = spec_parse(t.bytes, t.n);
	assert_int_equal(doc->n_errors, N);
	assert_int_equal(doc->n_diags, 1001);
	spec_doc_free(doc);
	free(t.bytes);
}

/* Every job needs the first, which needs the last of a chain: as many circles as jobs. */
static void test_many_circles(void **state)
{
	enum { N = 20000 };
	struct text t = { .bytes = NULL };
	char line[128];

	(void)state;
	add(&t, "jobs:\n");
	for (unsigned i = 0; i < N; i++) {
		(void)snprintf(line, sizeof(line),
		               "  j%u: {uses: container@v1, with: {image: i}, needs: [j%u, j0]}\n",
		               i, (i + 1) % N);
		add(&t, line);
	}
	assert_true(text_says(&t, "jobs need each other in a circle: j0 -> j1 -> j2 -> j3"));
}

/* Fails the allocation number `fail_at`, and counts what is not given back. */
struct torture {
	long n, fail_at, open;
};

static void *torture_alloc(void *context, size_t size)
{
	struct torture *t = context;
	void *p = NULL;

	if (++t->n == t->fail_at)
		return NULL;
	p = malloc(size);
	t->open += p != NULL;
	return p;
}

static void torture_free(void *context, void *p)
{
	struct torture *t = context;

	t->open -= p != NULL;
	free(p);
}

/* Enough of everything to need several blocks in both arenas. */
static void add_workflow(struct text *t)
{
	char line[512];

	add(t,
	    "defaults: {env: {A: b}}\ninputs: {d: {type: dataset, with: {ref: 'a/b:c'}}}\njobs:\n");
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(
			line, sizeof(line),
			"  j%u:\n    uses: container@v1\n    with: &w%u {image: i, args: [a, b]}\n"
			"    env: {C: 3}\n    needs: [j%u]\n    outputs: {v: {type: volume}}\n"
			"    inputs: {d: workflow.inputs.d, v: j%u.outputs.v, w: j%u.outputs.v}\n",
			i, i, i + 1, i + 1, i + 2);
		add(t, line);
	}
	add(t, "  j300: {uses: container@v1, with: {<<: *w0}, outputs: {v: {type: volume}}}\n");
	add(t, "  j301: {uses: container@v1, with: *w0, outputs: {v: {type: volume}}}\n");
}

static void test_torture(void **state)
{
	struct text t = { .bytes = NULL };
	bool stands = false;

	(void)state;
	add_workflow(&t);
	for (long i = 1; !stands; i++) {
		struct torture torture = { .fail_at = i };
		const struct spec_allocator allocator = { torture_alloc, torture_free, &torture };
		struct spec_doc *doc = spec_parse_with(&allocator, t.bytes, t.n);

		stands = doc != NULL;
		assert_int_equal(stands, torture.n < i);
		if (doc)
			assert_non_null(doc->spec);
		spec_doc_free(doc);
		assert_int_equal(torture.open, 0);
		assert_true(i < 1000);
	}
	free(t.bytes);
}

static void test_torture_inputs(void **state)
{
	struct text t = { .bytes = NULL };
	bool stands = false;
	char line[64];

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		(void)snprintf(line, sizeof(line), "i%u: {ref: 'a/b:c'}\n", i);
		add(&t, line);
	}
	for (long i = 1; !stands; i++) {
		struct torture torture = { .fail_at = i };
		const struct spec_allocator allocator = { torture_alloc, torture_free, &torture };
		struct spec_inputs_doc *doc = spec_parse_inputs_with(&allocator, t.bytes, t.n);

		stands = doc != NULL;
		assert_int_equal(stands, torture.n < i);
		if (doc)
			assert_int_equal(doc->n_given, 500);
		spec_inputs_doc_free(doc);
		assert_int_equal(torture.open, 0);
		assert_true(i < 1000);
	}
	free(t.bytes);
}

static void test_arena(void **state)
{
	struct arena a;
	char *p = NULL;

	(void)state;
	arena_init(&a, &spec_allocator_default, 8192);
	p = arena_alloc(&a, 1);
	assert_non_null(arena_text(&a, "abc", 3));
	p = arena_alloc(&a, 100);
	assert_int_equal((uintptr_t)p % 16, 0);
	assert_int_equal(p[99], 0);
	assert_non_null(arena_alloc(&a, 4096));
	assert_int_equal(a.fault, ARENA_FINE);
	assert_null(arena_alloc(&a, 4096));
	assert_int_equal(a.fault, ARENA_TOO_BIG);
	assert_null(arena_alloc(&a, 1));
	arena_release(&a);
	arena_init(&a, &spec_allocator_default, 8192);
	assert_null(arena_array(&a, SIZE_MAX / 2, 3));
	assert_int_equal(a.fault, ARENA_TOO_BIG);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_depth),          cmocka_unit_test(test_expansion),
		cmocka_unit_test(test_alias_bomb),     cmocka_unit_test(test_size),
		cmocka_unit_test(test_names),          cmocka_unit_test(test_diagnostics),
		cmocka_unit_test(test_many_warnings),  cmocka_unit_test(test_large),
		cmocka_unit_test(test_many_circles),   cmocka_unit_test(test_torture),
		cmocka_unit_test(test_torture_inputs), cmocka_unit_test(test_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
