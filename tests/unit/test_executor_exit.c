/* exit.json and shim.json: both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "executor/exit_record.h"

static const struct exit_record full = {
	.end = "error",
	.exit_code = -1,
	.signal = 9,
	.oom = true,
	.sealed = true,
	.cpu_ns = UINT64_MAX,
	.peak_bytes = 1,
	.read_bytes = 2,
	.written_bytes = 3,
	.started_ms = 1795464000000,
	.finished_ms = INT64_MAX,
	.error = "cannot mount \"x\\y\":\n\ttab\x01 \xc3\xa9",
};

static const char full_text[] =
	"{\"end\":\"error\",\"exit_code\":-1,\"signal\":9,\"oom\":true,"
	"\"sealed\":true,\"cpu_ns\":18446744073709551615,\"peak_bytes\":1,"
	"\"read_bytes\":2,\"written_bytes\":3,\"started_ms\":1795464000000,"
	"\"finished_ms\":9223372036854775807,"
	"\"error\":\"cannot mount \\\"x\\\\y\\\":\\u000a\\u0009tab\\u0001 \xc3\xa9\"}\n";

static void test_exit_both_ways(void **state)
{
	struct strbuf text = STRBUF_INIT(RECORD_TEXT_MAX);
	struct exit_record back;
	struct error err;

	(void)state;
	exit_record_format(&full, &text);
	assert_string_equal(text.buf, full_text);
	assert_int_equal(exit_record_parse(text.buf, &back, &err), 0);
	assert_string_equal(back.end, full.end);
	assert_string_equal(back.error, full.error);
	assert_int_equal(back.exit_code, -1);
	assert_int_equal(back.signal, 9);
	assert_true(back.oom);
	assert_true(back.sealed);
	assert_true(back.cpu_ns == UINT64_MAX);
	assert_true(back.finished_ms == INT64_MAX);
	assert_int_equal(back.peak_bytes, 1);
	assert_int_equal(back.read_bytes, 2);
	assert_int_equal(back.written_bytes, 3);
	strbuf_release(&text);
}

static void test_shim_both_ways(void **state)
{
	const struct shim_record r = { 42, 123456, "3cd4d2f4-4f38", "/sluice/a-1" };
	struct strbuf text = STRBUF_INIT(RECORD_TEXT_MAX);
	struct shim_record back;
	struct error err;

	(void)state;
	shim_record_format(&r, &text);
	assert_string_equal(text.buf, "{\"pid\":42,\"start_time\":123456,"
	                              "\"boot\":\"3cd4d2f4-4f38\",\"cgroup\":\"/sluice/a-1\"}\n");
	assert_int_equal(shim_record_parse(text.buf, &back, &err), 0);
	assert_int_equal(back.pid, 42);
	assert_int_equal(back.start_time, 123456);
	assert_string_equal(back.boot, r.boot);
	assert_string_equal(back.cgroup, r.cgroup);
	strbuf_release(&text);
}

static void test_unknown_members(void **state)
{
	struct shim_record r;
	struct error err;

	(void)state;
	assert_int_equal(shim_record_parse(" { \"new\" : \"x\\\"}\", \"pid\": 1, \"more\": null,"
	                                   "\"start_time\":2,\"boot\":\"\",\"cgroup\":\"/c\" } \n",
	                                   &r, &err),
	                 0);
	assert_int_equal(r.pid, 1);
}

/* A shim may be older than the runner that adopts its attempt. */
static void test_without_what_came_later(void **state)
{
	struct exit_record r;
	struct error err;

	(void)state;
	assert_int_equal(exit_record_parse("{\"end\":\"exited\",\"exit_code\":3,\"signal\":0,"
	                                   "\"oom\":false,\"cpu_ns\":5,\"peak_bytes\":6,"
	                                   "\"started_ms\":1,\"finished_ms\":2,\"error\":\"\"}",
	                                   &r, &err),
	                 0);
	assert_int_equal(r.exit_code, 3);
	assert_int_equal(r.finished_ms, 2);
	assert_false(r.sealed);
	assert_int_equal(r.read_bytes + r.written_bytes, 0);
	assert_int_equal(exit_record_parse("{\"sealed\":true,\"read_bytes\":1,\"written_bytes\":1}",
	                                   &r, &err),
	                 SLUICE_CORRUPT);
}

/* Every beginning of a record is none: a torn file is recognised. */
static void test_cut_off(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof full_text - 2; len++) {
		char text[sizeof full_text];
		struct exit_record r;
		struct error err;

		memcpy(text, full_text, len);
		text[len] = '\0';
		assert_int_equal(exit_record_parse(text, &r, &err), SLUICE_CORRUPT);
	}
}

static void test_wrong(void **state)
{
	static const char *const texts[] = {
		"[]",
		"{}",
		"{\"pid\":-1,\"start_time\":2,\"boot\":\"\",\"cgroup\":\"\"}",
		"{\"pid\":18446744073709551616,\"start_time\":2,\"boot\":\"\",\"cgroup\":\"\"}",
		"{\"pid\":\"1\",\"start_time\":2,\"boot\":\"\",\"cgroup\":\"\"}",
		"{\"pid\":1,\"start_time\":2,\"boot\":3,\"cgroup\":\"\"}",
		"{\"pid\":1,\"start_time\":2,\"boot\":\"\"}",
		"{\"pid\":1,\"start_time\":2,\"boot\":\"\",\"cgroup\":\"\"} x",
		"{\"pid\":1,\"start_time\":2,\"boot\":\"\\u00zz\",\"cgroup\":\"\"}",
		"{\"pid\":1,\"start_time\":2,\"boot\":\"\\",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct shim_record r;
		struct error err;

		assert_int_equal(shim_record_parse(texts[i], &r, &err), SLUICE_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_both_ways),
		cmocka_unit_test(test_shim_both_ways),
		cmocka_unit_test(test_unknown_members),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_without_what_came_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
