#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/config.h"

static void what_is_set_is_read(void **state)
{
	static const char text[] = "# of the team\n"
				   "cache:\n"
				   "  size: 20GiB\n"
				   "inputs: {verify: true}\n"
				   "storage:\n"
				   "  path: \"/srv/team\"\n";
	struct config c;
	struct error err;

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), "f", &c, &err), 0);
	assert_int_equal(c.cache_size, 20LL << 30);
	assert_true(c.verify_inputs);
	assert_string_equal(c.storage_path, "/srv/team");
	config_release(&c);
}

static void what_is_not_set_has_its_default(void **state)
{
	static const char *const texts[] = { "", "# nothing\n", "cache:\n", "cache: {}\n" };
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct config c;

		if (config_parse(texts[i], strlen(texts[i]), "f", &c, &err) != 0)
			fail_msg("%s", err.msg);
		assert_true(c.cache_size == UINT64_MAX);
		assert_false(c.verify_inputs);
		assert_null(c.storage_path);
		config_release(&c);
	}
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text, *want;
	} row[] = {
		{ "cache:\n  sise: 1G\n",
		  "f:2: there is no key 'cache.sise': did you mean 'cache.size'?" },
		{ "unheard: {of: 1}\n", "f:1: there is no key 'unheard.of'; the keys are "
		                        "cache.size, inputs.verify, public.catalog, storage.path" },
		{ "cache:\n  size: much\n",
		  "f:2: 'cache.size' must be a size such as 20GiB or 500MB" },
		{ "\ninputs:\n  verify: 1\n", "f:3: 'inputs.verify' must be true or false" },
		{ "storage: {path: team}\n", "f:1: 'storage.path' must be an absolute path" },
		{ "cache: {size: 1}\ncache: {size: 2}\n", "f:2: 'cache.size' is given twice" },
		{ "cache: [1]\n", "f:1: lists and aliases have no place here" },
		{ "cache:\n  size: {a: 1}\n", "f:2: a plain value is expected here" },
		{ "text\n", "f:1: keys are expected here" },
		{ "verify: true\n", "f:1: there is no key 'verify'; the keys are cache.size, "
		                    "inputs.verify, public.catalog, storage.path" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct config c;
		struct error err = { .msg = "" };

		assert_int_equal(config_parse(row[i].text, strlen(row[i].text), "f", &c, &err),
		                 SLUICE_INVALID);
		assert_string_equal(err.msg, row[i].want);
		config_release(&c);
	}
}

static void text_that_is_no_yaml_is_refused(void **state)
{
	static const char text[] = "cache: {size: 1\n: [";
	struct config c;
	struct error err = { .msg = "" };

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), "f", &c, &err), SLUICE_INVALID);
	assert_memory_equal(err.msg, "f:2: ", 5);
	config_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_set_is_read),
		cmocka_unit_test(what_is_not_set_has_its_default),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(text_that_is_no_yaml_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
