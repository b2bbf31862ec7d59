/* Digests by their published vectors, JSON's traps, the map, and work on several threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/map.h"
#include "base/parallel.h"

/* --- digest: FIPS 180-4, the examples of NIST ---------------------------------------------- */

static const char empty_hex[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char abc_hex[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
static const char two_blocks_hex[] =
	"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";

static void assert_digest(const struct digest *d, const char *want)
{
	char hex[DIGEST_HEX_LEN + 1];

	assert_string_equal(digest_hex(d, hex), want);
}

static void test_digest_vectors(void **state)
{
	struct digest d = digest_of("", 0);

	(void)state;
	assert_digest(&d, empty_hex);
	d = digest_of("abc", 3);
	assert_digest(&d, abc_hex);
	d = digest_of(two_blocks, strlen(two_blocks));
	assert_digest(&d, two_blocks_hex);
}

static void test_digest_in_pieces_and_again(void **state)
{
	struct digest_ctx ctx;
	struct digest d;

	(void)state;
	digest_init(&ctx);
	for (size_t i = 0; i < strlen(two_blocks); i++)
		digest_update(&ctx, two_blocks + i, 1);
	d = digest_final(&ctx);
	assert_digest(&d, two_blocks_hex);
	digest_update(&ctx, "abc", 3);
	d = digest_final(&ctx);
	assert_digest(&d, abc_hex);
	d = digest_final(&ctx);
	assert_digest(&d, empty_hex);
	digest_release(&ctx);
}

static void test_digest_parse(void **state)
{
	struct digest a = digest_of("abc", 3);
	struct digest b;
	char text[DIGEST_HEX_LEN + 1];

	(void)state;
	assert_true(digest_parse(abc_hex, &b));
	assert_true(digest_equal(&a, &b));
	b.b[31] ^= 1;
	assert_false(digest_equal(&a, &b));
	(void)strcpy(text, abc_hex);
	text[63] = 'A';
	assert_false(digest_parse(text, &b));
	text[63] = '\0';
	assert_false(digest_parse(text, &b));
	assert_false(digest_parse("", &b));
}

/* --- JSON ---------------------------------------------------------------------------------- */

static cJSON *parsed(const char *text)
{
	cJSON *doc = NULL;
	struct error err;

	assert_int_equal(json_parse(text, strlen(text), "test", &doc, &err), 0);
	return doc;
}

static void test_json_names_match_by_case(void **state)
{
	cJSON *doc = parsed("{\"Name\": \"a\", \"name\": \"b\"}");

	(void)state;
	assert_string_equal(json_str(doc, "name"), "b");
	assert_string_equal(json_str(doc, "Name"), "a");
	assert_null(json_str(doc, "NAME"));
	cJSON_Delete(doc);
}

static void test_json_wrong_types_are_absent(void **state)
{
	cJSON *doc = parsed("{\"s\": 1, \"o\": [], \"a\": {}, \"b\": \"true\", \"n\": null}");

	(void)state;
	assert_null(json_str(doc, "s"));
	assert_null(json_str(doc, "n"));
	assert_null(json_obj(doc, "o"));
	assert_null(json_arr(doc, "a"));
	assert_non_null(json_arr(doc, "o"));
	assert_non_null(json_obj(doc, "a"));
	assert_true(json_bool(doc, "b", true));
	assert_false(json_bool(doc, "b", false));
	cJSON_Delete(doc);
}

static void test_json_whole_numbers_only(void **state)
{
	cJSON *doc = parsed("{\"ok\": 9007199254740992, \"big\": 9007199254740994, \"neg\": -1,"
	                    " \"half\": 1.5, \"text\": \"1\", \"huge\": 1e300, \"zero\": 0}");

	(void)state;
	assert_true(json_int(doc, "ok", -7) == 9007199254740992);
	assert_int_equal(json_int(doc, "zero", -7), 0);
	assert_int_equal(json_int(doc, "big", -7), -7);
	assert_int_equal(json_int(doc, "neg", -7), -7);
	assert_int_equal(json_int(doc, "half", -7), -7);
	assert_int_equal(json_int(doc, "text", -7), -7);
	assert_int_equal(json_int(doc, "huge", -7), -7);
	assert_int_equal(json_int(doc, "none", -7), -7);
	cJSON_Delete(doc);
}

static void test_json_nothing_may_follow(void **state)
{
	static const char *const bad[] = { "",     "{",   "{} x",        "{}{}",
		                           "[1,]", "nul", "{\"a\":1} ,", "{\"a\" 1}" };
	struct error err;
	cJSON *doc = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(json_parse(bad[i], strlen(bad[i]), "the text", &doc, &err),
		                 SLUICE_INVALID);
		assert_non_null(strstr(err.msg, "the text"));
	}
	assert_int_equal(json_parse("{}\0", 3, "the text", &doc, &err), SLUICE_INVALID);
	assert_null(doc);
	doc = parsed(" {} \r\n\t");
	cJSON_Delete(doc);
}

static void test_json_need_says_which(void **state)
{
	cJSON *doc = parsed("{\"a\": 1, \"b\": \"x\"}");
	const char *value = NULL;
	struct error err;

	(void)state;
	assert_int_equal(json_need_str(doc, "b", "doc", &value, &err), 0);
	assert_string_equal(value, "x");
	assert_int_equal(json_need_str(doc, "a", "doc", &value, &err), SLUICE_INVALID);
	assert_string_equal(err.msg, "doc: 'a' is not a string");
	assert_int_equal(json_need_str(doc, "c", "doc", &value, &err), SLUICE_INVALID);
	assert_string_equal(err.msg, "doc: 'c' is missing");
	cJSON_Delete(doc);
}

static void test_json_build(void **state)
{
	cJSON *doc = json_new_obj();
	cJSON *arr = json_new_arr();
	char *text;

	(void)state;
	json_push_str(arr, "\x1b\"");
	json_add_str(doc, "none", NULL);
	json_add_int(doc, "n", 9007199254740991);
	json_add_bool(doc, "b", false);
	json_add(doc, "arr", arr);
	text = json_print(doc);
	assert_string_equal(text, "{\"none\":null,\"n\":9007199254740991,\"b\":false,"
	                          "\"arr\":[\"\\u001b\\\"\"]}");
	free(text);
	cJSON_Delete(doc);
}

/* --- map ----------------------------------------------------------------------------------- */

static void test_map(void **state)
{
	enum { N = 5000 };
	static int value[N];
	struct map m = MAP_INIT;
	char key[32];
	size_t pos = 0;
	size_t seen = 0;
	void *v;

	(void)state;
	assert_null(map_find(&m, "x"));
	for (int i = 0; i < N; i++) {
		(void)snprintf(key, sizeof key, "key-%d", i);
		assert_null(map_set(&m, key, &value[i]));
	}
	assert_int_equal(m.len, N);
	for (int i = 0; i < N; i++) {
		(void)snprintf(key, sizeof key, "key-%d", i);
		assert_ptr_equal(map_find(&m, key), &value[i]);
	}
	assert_null(map_find(&m, "key-5000"));
	assert_null(map_find(&m, ""));
	assert_ptr_equal(map_set(&m, "key-7", &value[0]), &value[7]);
	assert_ptr_equal(map_find(&m, "key-7"), &value[0]);
	assert_int_equal(m.len, N);
	while (map_next(&m, &pos, &v))
		seen++;
	assert_int_equal(seen, N);
	map_release(&m, NULL);
	assert_null(map_find(&m, "key-1"));
}

static void test_map_frees_values(void **state)
{
	struct map m = MAP_INIT;

	(void)state;
	assert_null(map_set(&m, "a", malloc(10)));
	assert_null(map_set(&m, "", malloc(10)));
	map_release(&m, free);
	assert_int_equal(m.len, 0);
}

/* --- parallel ------------------------------------------------------------------------------ */

enum { ITEMS = 1000 };

struct count {
	atomic_int times[ITEMS];
	atomic_int workers;
	size_t bad; /* the item that says no; ITEMS: none does */
};

static void *worker_new(void *arg)
{
	struct count *c = arg;

	atomic_fetch_add(&c->workers, 1);
	return c;
}

static void worker_free(void *state)
{
	struct count *c = state;

	atomic_fetch_sub(&c->workers, 1);
}

static int item(void *arg, void *state, size_t i)
{
	struct count *c = arg;

	assert_ptr_equal(state, c);
	atomic_fetch_add(&c->times[i], 1);
	return i == c->bad ? -42 : 0;
}

static const struct parallel_ops ops = { worker_new, worker_free, item };

static void test_parallel_each_once(void **state)
{
	static const unsigned threads[] = { 0, 1, 2, 7, 1000 };

	(void)state;
	for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
		struct count c = { .bad = ITEMS };

		assert_int_equal(parallel_run(ITEMS, threads[t], &ops, &c), 0);
		for (size_t i = 0; i < ITEMS; i++)
			assert_int_equal(atomic_load(&c.times[i]), 1);
		assert_int_equal(atomic_load(&c.workers), 0);
	}
}

static void test_parallel_stops(void **state)
{
	struct count c = { .bad = 3 };
	int n = 0;

	(void)state;
	assert_int_equal(parallel_run(ITEMS, 1, &ops, &c), -42);
	for (size_t i = 0; i < ITEMS; i++)
		n += atomic_load(&c.times[i]);
	assert_int_equal(n, 4);
	assert_int_equal(atomic_load(&c.workers), 0);
}

static void test_parallel_of_nothing(void **state)
{
	struct count c = { .bad = ITEMS };

	(void)state;
	assert_int_equal(parallel_run(0, 0, &ops, &c), 0);
	assert_true(parallel_cores() >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest_vectors),
		cmocka_unit_test(test_digest_in_pieces_and_again),
		cmocka_unit_test(test_digest_parse),
		cmocka_unit_test(test_json_names_match_by_case),
		cmocka_unit_test(test_json_wrong_types_are_absent),
		cmocka_unit_test(test_json_whole_numbers_only),
		cmocka_unit_test(test_json_nothing_may_follow),
		cmocka_unit_test(test_json_need_says_which),
		cmocka_unit_test(test_json_build),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_map_frees_values),
		cmocka_unit_test(test_parallel_each_once),
		cmocka_unit_test(test_parallel_stops),
		cmocka_unit_test(test_parallel_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
