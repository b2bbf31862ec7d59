/* Following a log while it is written: lines whole and in order, whatever the pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/strbuf.h"
#include "loop/tail.h"
#include "loop/work.h"

static void a_line_is_taken_apart(void **state)
{
	static const char line[] = "2026-01-02T03:04:05.678901234Z stderr P half a line";
	struct tail_line got;

	(void)state;
	assert_true(tail_parse(line, sizeof line - 1, &got));
	assert_int_equal(got.time_len, 30);
	assert_true(got.is_stderr);
	assert_true(got.partial);
	assert_memory_equal(got.text, "half a line", got.len);
	assert_true(tail_parse("T stdout F ", 11, &got));
	assert_int_equal(got.len, 0);
	assert_false(got.is_stderr);
	assert_false(tail_parse("T stdout F", 10, &got));
	assert_false(tail_parse("nonsense", 8, &got));
	assert_false(tail_parse("", 0, &got));
}

struct follow {
	uv_loop_t loop;
	uv_timer_t timer;
	struct tail *tail;
	struct strbuf seen;
	char path[64];
	int fd;
	int step;
	bool ended;
};

static void on_line(void *arg, const struct tail_line *line)
{
	struct follow *f = arg;

	strbuf_add(&f->seen, line->text, line->len);
	strbuf_addch(&f->seen, '|');
}

static void on_end(void *arg)
{
	struct follow *f = arg;

	f->ended = true;
}

static void on_step(uv_timer_t *timer)
{
	static const char *const pieces[] = { "T stdout F one\nT stdo", "ut F two\n",
		                              "T stderr F three\nT stdout F ", "four\n" };
	struct follow *f = container_of(timer, struct follow, timer);

	if (f->step == 0)
		f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (f->step < 4) {
		assert_int_equal(io_write_all(f->fd, pieces[f->step], strlen(pieces[f->step])), 0);
		f->step++;
		return;
	}
	(void)uv_timer_stop(timer);
	uv_close((uv_handle_t *)timer, NULL);
	tail_finish(f->tail);
}

static void lines_come_whole_and_in_order(void **state)
{
	char dir[] = "/tmp/sluice-tail-XXXXXX";
	struct follow f = { .fd = -1, .seen = STRBUF_INIT(1000) };
	struct tail_hooks hooks = { .on_line = on_line, .on_end = on_end, .arg = &f };

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(f.path, sizeof f.path, "%s/log", dir);
	assert_int_equal(uv_loop_init(&f.loop), 0);
	(void)uv_timer_init(&f.loop, &f.timer);
	(void)uv_timer_start(&f.timer, on_step, 5, 5);
	f.tail = tail_start(&f.loop, f.path, &hooks);
	(void)uv_run(&f.loop, UV_RUN_DEFAULT);
	assert_true(f.ended);
	assert_string_equal(strbuf_str(&f.seen), "one|two|three|four|");
	assert_int_equal(uv_loop_close(&f.loop), 0);
	(void)close(f.fd);
	strbuf_release(&f.seen);
	assert_int_equal(io_remove_tree(AT_FDCWD, dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_taken_apart),
		cmocka_unit_test(lines_come_whole_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
