/* workflow.schema.json is what the tables say; UPDATE=1 writes it anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/spec.h"

enum { FILE_MAX = 256 * 1024 };

static void update(const char *schema)
{
	FILE *file = fopen(SPEC_SCHEMA, "we");

	assert_non_null(file);
	assert_true(fputs(schema, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_schema_file(void **state)
{
	char *schema = spec_schema();
	char *text = malloc(FILE_MAX);
	FILE *file = NULL;
	size_t n = 0;

	(void)state;
	assert_true(schema && text);
	if (getenv("UPDATE"))
		update(schema);
	file = fopen(SPEC_SCHEMA, "re");
	assert_non_null(file);
	n = fread(text, 1, FILE_MAX - 1, file);
	text[n] = '\0';
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, schema);
	free(text);
	free(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_schema_file) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
