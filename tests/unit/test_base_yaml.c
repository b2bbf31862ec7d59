/* YAML as the JSON that it stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/yaml_json.h"

static void test_documents(void **state)
{
	static const struct {
		const char *yaml, *json;
	} rows[] = {
		{ "a: 1\nb: [x, 'y', \"z\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"]}" },
		{ "{a: {b: []}, c: {}}", "{\"a\":{\"b\":[]},\"c\":{}}" },
		{ "[~, null, {a: }, true, FALSE]", "[null,null,{\"a\":null},true,false]" },
		{ "[0, 10, 0x1f, 017, 0o17, 4294967296]", "[0,10,31,15,15,4294967296]" },
		{ "['1', \"true\", !!str 2, -1, 1.5, 08, 0x, 1e3, 0.6.0, yes]",
		  "[\"1\",\"true\",2,\"-1\",\"1.5\",\"08\",\"0x\",\"1e3\",\"0.6.0\",\"yes\"]" },
		{ "[9007199254740993, 0xffffffffffffffffff]",
		  "[\"9007199254740993\",\"0xffffffffffffffffff\"]" },
		{ "a: |\n  two\n  lines\n", "{\"a\":\"two\\nlines\\n\"}" },
		{ "{\"as\": \"JSON\", \"is\": [1]}", "{\"as\":\"JSON\",\"is\":[1]}" },
		{ "a: 1\na: 2\n", "{\"a\":1,\"a\":2}" },
		{ "word", "\"word\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO_JSON cJSON *doc = NULL;
		AUTO_FREE char *text = NULL;
		struct error err;

		if (yaml_to_json(rows[i].yaml, strlen(rows[i].yaml), "f", &doc, &err) < 0)
			fail_msg("%s: %s", rows[i].yaml, err.msg);
		text = json_print(doc);
		assert_string_equal(text, rows[i].json);
	}
}

static void test_what_has_no_place(void **state)
{
	static const struct {
		const char *yaml, *want;
	} rows[] = {
		{ "", "f is empty" },
		{ "a: &x 1\nb: *x\n", "f:2: an alias has no place here" },
		{ "a: 1\n---\nb: 1\n", "f:2: one document is enough" },
		{ "a: 1\n[b]: 2\n", "f:2: a key must be text" },
		{ "a: \"x\\0y\"\n", "f:1: a NUL byte has no place here" },
		{ "a: [1\n", "f:2: did not find expected ',' or ']'" },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "f:1: this is nested too deeply" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cJSON *doc = NULL;
		struct error err;

		assert_int_equal(yaml_to_json(rows[i].yaml, strlen(rows[i].yaml), "f", &doc, &err),
		                 SLUICE_INVALID);
		assert_string_equal(err.msg, rows[i].want);
		assert_null(doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_what_has_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
