/* The table of instance types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/instance.h"

static void expect(const char *name, uint64_t cores, uint64_t gib, uint64_t gpus)
{
	struct instance in;

	assert_true(instance_find(name, &in));
	assert_true(in.cpu_milli == cores * 1000);
	assert_true(in.memory == gib << 30);
	assert_true(in.gpus == gpus);
}

static void names(void **state)
{
	struct instance in;

	(void)state;
	expect("C5", 4, 8, 0);
	expect("Free-RTX4000", 8, 30, 1);
	expect("A100-80GBx4", 48, 360, 4);
	expect("A4000-8C", 8, 45, 1);
	assert_false(instance_find("c5.xlarge", &in));
	assert_false(instance_find("C5x0", &in));
	assert_false(instance_find("C5x", &in));
	assert_false(instance_find("", &in));
}

static void texts(void **state)
{
	static const char *const wrong[] = { "",       "8",       "8 ",        "0 30GiB",
		                             "8 0GiB", "x 30GiB", "8 30GiB x", "8 30GiB 1 1" };
	struct instance in;

	(void)state;
	assert_true(instance_parse("8 30GiB 2", &in));
	assert_true(in.cpu_milli == 8000 && in.memory == UINT64_C(30) << 30 && in.gpus == 2);
	assert_true(instance_parse("  1   1GB ", &in));
	assert_true(in.cpu_milli == 1000 && in.memory == 1000000000 && in.gpus == 0);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(instance_parse(wrong[i], &in));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(texts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
