/* The line that says how far something has come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "cli/images/layers.h"
#include "cli/meter.h"
#include "cli/text.h"

static void check(unsigned columns, uint64_t from, uint64_t done, uint64_t total, int64_t ms,
                  const char *want)
{
	char name[] = "train.zip";
	const struct meter m = { .name = name, .columns = columns, .from = from };
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	meter_line(&sb, &m, done, total, ms);
	assert_string_equal(strbuf_str(&sb), want);
	assert_true(text_width(strbuf_str(&sb)) < columns);
	strbuf_release(&sb);
}

static void test_line(void **state)
{
	(void)state;
	check(80, 0, 1 << 20, 4 << 20, 1000,
	      "train.zip   25 %  1.0 MiB of 4.0 MiB, 1.0 MiB/s, 3.0s left");
	check(80, 0, 4 << 20, 4 << 20, 2000, "train.zip  100 %  4.0 MiB, 2.0 MiB/s");
	check(80, 0, 2048, 0, 1000, "train.zip  2.0 KiB, 2.0 KiB/s");
	/* What was there before says nothing of the rate; nor does no time. */
	check(80, 3 << 20, 3 << 20, 4 << 20, 500, "train.zip   75 %  3.0 MiB of 4.0 MiB, 0 B/s");
	check(80, 0, 0, 10, 0, "train.zip    0 %  0 B of 10 B, 0 B/s");
	/* A source that has more than it said. */
	check(80, 0, 20, 10, 1000, "train.zip  100 %  20 B, 20 B/s");
}

static void test_parts(void **state)
{
	char name[] = "store gc";
	const struct meter m = { .name = name, .columns = 80, .of_parts = true };
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	(void)state;
	meter_line(&sb, &m, 192, 768, 1000);
	assert_string_equal(strbuf_str(&sb), "store gc   25 %, 3.0s left");
	strbuf_release(&sb);
}

static void check_layers(unsigned columns, unsigned layers_done, uint64_t done, const char *want)
{
	char name[] = "localhost:5000/team/image:1";
	const struct meter m = {
		.name = name, .columns = columns, .layers = 6, .layers_done = layers_done
	};
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	meter_line(&sb, &m, done, 4 << 20, 1000);
	assert_string_equal(strbuf_str(&sb), want);
	assert_true(text_width(strbuf_str(&sb)) < columns);
	strbuf_release(&sb);
}

static void test_layers(void **state)
{
	(void)state;
	check_layers(99, 2, 1 << 20,
	             "localhost:5000/team/image:1  2 of 6 layers   25 %  1.0 MiB of 4.0 MiB, "
	             "1.0 MiB/s, 3.0s left");
	check_layers(80, 2, 4 << 20,
	             "localhost:5000/team/image:1  2 of 6 layers  100 %  4.0 MiB, unpacking");
	check_layers(90, 6, 4 << 20,
	             "localhost:5000/team/image:1  6 of 6 layers  100 %  4.0 MiB, writing to the "
	             "disk");
	check_layers(40, 2, 1 << 20, "localhost:5000...  2 of 6 layers   25 %");
}

static void test_narrow(void **state)
{
	(void)state;
	check(56, 0, 1 << 20, 4 << 20, 1000, "train.zip   25 %  1.0 MiB of 4.0 MiB, 1.0 MiB/s");
	check(40, 0, 1 << 20, 4 << 20, 1000, "train.zip   25 %  1.0 MiB of 4.0 MiB");
	check(20, 0, 1 << 20, 4 << 20, 1000, "train.zip   25 %");
	check(14, 0, 1 << 20, 4 << 20, 1000, "tra...   25 %");
	check(1, 0, 1, 2, 1000, "");
}

static void test_no_terminal(void **state)
{
	const struct cli cli = { .err_tty = true, .err_cursor = false };
	struct meter m = { .on = false };

	(void)state;
	meter_end(&m);
	meter_begin(&m, &cli, "x");
	assert_false(m.on);
	meter_show(&m, 1, 2);
	assert_int_equal(m.began_ms, 0);
	meter_end(&m);
}

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check_layer(unsigned columns, enum layer_state state, const char *want)
{
	const struct layer_shown layer = { DIGEST, state, 3 << 20, 4 << 20 };
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	layers_add_line(&sb, &layer, columns);
	assert_string_equal(strbuf_str(&sb), want);
	assert_true(text_width(strbuf_str(&sb)) < columns);
	strbuf_release(&sb);
}

static void test_layer(void **state)
{
	(void)state;
	check_layer(80, LAYER_WAITS, "0123456789ab  waiting      4.0 MiB");
	check_layer(80, LAYER_COMES,
	            "0123456789ab  downloading  [===========>     ]   75 %  3.0 MiB of 4.0 MiB");
	check_layer(120, LAYER_UNPACKS,
	            "0123456789ab  unpacking    [=============================>          ]   75 %  "
	            "3.0 MiB of 4.0 MiB");
	check_layer(68, LAYER_COMES, "0123456789ab  downloading   75 %  3.0 MiB of 4.0 MiB");
	check_layer(40, LAYER_COMES, "0123456789ab  downloading   75 %");
	check_layer(40, LAYER_CAME, "0123456789ab  downloaded   4.0 MiB");
	check_layer(80, LAYER_THERE, "0123456789ab  done");
	check_layer(20, LAYER_COMES, "0123456789ab  do...");
}

/* What something is done for comes first, in the order of the image; what is there does not come.
 */
static void test_layers_that_have_room(void **state)
{
	static const enum layer_state states[] = { LAYER_THERE, LAYER_WAITS,   LAYER_COMES,
		                                   LAYER_THERE, LAYER_UNPACKS, LAYER_WAITS };
	static const size_t order[] = { 2, 4, 1, 5 };
	enum { N = sizeof states / sizeof *states };
	struct layer_shown layers[N];

	(void)state;
	for (size_t most = 1; most <= N; most++) {
		size_t n;

		for (size_t i = 0; i < N; i++)
			layers[i] = (struct layer_shown){ DIGEST, states[i], 0, i };
		n = layers_pick(layers, N, most);
		assert_int_equal(n, most == N ? N : most < 4 ? most : 4);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(layers[i].size, most == N ? i : order[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_no_terminal),
		cmocka_unit_test(test_layer),
		cmocka_unit_test(test_layers_that_have_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
