/* A workflow as JSON: what the catalog's text becomes in a run's document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "spec/spec.h"

static void check(const char *yaml, const char *want)
{
	char *got = spec_json(yaml, strlen(yaml));

	if (!want)
		assert_null(got);
	else
		assert_string_equal(got, want);
	free(got);
}

static void test_scalars(void **state)
{
	(void)state;
	check("[1, -2.5, 1e3, 0, 012, 0x1f, 1_000, .inf, +1, 1., 1234567890123456]",
	      "[1,-2.5,1e3,0,\"012\",\"0x1f\",\"1_000\",\".inf\",\"+1\",\"1.\","
	      "\"1234567890123456\"]");
	check("[true, no, ~, null, 'true', \"1\", text]",
	      "[true,false,null,null,\"true\",\"1\",\"text\"]");
	check("{a: , b: '', c: \"q\\\"\\\\\\n\\t\\u00fc\"}",
	      "{\"a\":null,\"b\":\"\",\"c\":\"q\\\"\\\\\\u000a\\u0009ü\"}");
	check("script: |\n  echo a\n  echo b\n", "{\"script\":\"echo a\\u000aecho b\\u000a\"}");
}

static void test_mappings(void **state)
{
	(void)state;
	check("on: {push: {}}\njobs: []\n", "{\"on\":{\"push\":{}},\"jobs\":[]}");
	check("{a: 1, b: 2, a: 3}", "{\"b\":2,\"a\":3}");
	check("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: *x\n",
	      "{\"x\":{\"a\":1,\"b\":2},\"y\":{\"a\":1,\"b\":3},\"z\":{\"a\":1,\"b\":2}}");
}

static void test_not_a_document(void **state)
{
	(void)state;
	check("", NULL);
	check("a: [", NULL);
	check("a: \xff", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_not_a_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
