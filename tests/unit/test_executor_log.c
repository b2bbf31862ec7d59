/* The log's line format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/xalloc.h"
#include "executor/crilog.h"

enum { LOG_MAX = 64 << 20, STAMP = 30 };

struct fixture {
	struct crilog log;
	int fd;
};

static void start(struct fixture *f)
{
	f->fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	crilog_init(&f->log, f->fd);
}

/* The file's text, with the stamps checked and taken out. */
static char *finish(struct fixture *f)
{
	struct strbuf raw = STRBUF_INIT(LOG_MAX), out = STRBUF_INIT(LOG_MAX);

	assert_int_equal(crilog_flush(&f->log), 0);
	crilog_release(&f->log);
	assert_int_equal(lseek(f->fd, 0, SEEK_SET), 0);
	assert_int_equal(io_read_all(f->fd, &raw), 0);
	(void)close(f->fd);
	for (const char *line = strbuf_str(&raw); *line;) {
		size_t len = strcspn(line, "\n") + 1;
		int year, nanos;
		char z;

		assert_int_equal(
			sscanf(line, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%9d%c", &year, &nanos, &z), 3);
		assert_true(year >= 2024 && z == 'Z' && line[STAMP] == ' ');
		strbuf_add(&out, line + STAMP + 1, len - STAMP - 1);
		line += len;
	}
	strbuf_release(&raw);
	return strbuf_detach(&out);
}

static void add(struct fixture *f, enum crilog_stream which, const char *text)
{
	crilog_add(&f->log, which, text, strlen(text));
}

static void test_lines(void **state)
{
	struct fixture f;
	char *text;

	(void)state;
	start(&f);
	add(&f, CRILOG_STDOUT, "one\ntw");
	add(&f, CRILOG_STDERR, "err\n");
	add(&f, CRILOG_STDOUT, "o\n\nrest");
	crilog_end(&f.log, CRILOG_STDOUT);
	crilog_end(&f.log, CRILOG_STDERR);
	text = finish(&f);
	assert_string_equal(text, "stdout F one\nstderr F err\nstdout F two\nstdout F \n"
	                          "stdout P rest\n");
	free(text);
}

/* Not by strstr(): under AddressSanitizer each call of it goes through all of the text. */
static size_t count(const char *text, const char *what)
{
	size_t len = strlen(what);
	size_t n = 0;

	for (; *text; text++)
		n += strncmp(text, what, len) == 0;
	return n;
}

/* Lines around the longest one, in pieces of some sizes. */
static void test_long_lines(void **state)
{
	static const struct {
		size_t len, parts;
	} cases[] = {
		{ CRILOG_LINE_MAX - 1, 0 },     { CRILOG_LINE_MAX, 0 },
		{ CRILOG_LINE_MAX + 1, 1 },     { 2 * CRILOG_LINE_MAX, 1 },
		{ 2 * CRILOG_LINE_MAX + 1, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t step = 1000; step <= 100000; step *= 10) {
			size_t len = cases[i].len + 1;
			char *line = xmalloc(len);
			struct fixture f;
			char *text;

			start(&f);
			memset(line, 'x', len - 1);
			line[len - 1] = '\n';
			for (size_t at = 0; at < len; at += step)
				crilog_add(&f.log, CRILOG_STDOUT, line + at,
				           len - at < step ? len - at : step);
			text = finish(&f);
			assert_int_equal(count(text, "stdout P "), cases[i].parts);
			assert_int_equal(count(text, "stdout F x"), 1);
			assert_int_equal(count(text, "x"), cases[i].len);
			free(text);
			free(line);
		}
	}
}

static void test_more_than_the_buffer(void **state)
{
	enum { LINES = 50000 };
	struct fixture f;
	char *text;

	(void)state;
	start(&f);
	for (int i = 0; i < LINES; i++)
		add(&f, CRILOG_STDERR, "a line of some length\n");
	text = finish(&f);
	assert_int_equal(count(text, "stderr F a line of some length\n"), LINES);
	free(text);
}

static void test_write_error(void **state)
{
	struct crilog log;

	(void)state;
	crilog_init(&log, -1);
	crilog_add(&log, CRILOG_STDOUT, "x\n", 2);
	assert_int_equal(crilog_flush(&log), -EBADF);
	crilog_add(&log, CRILOG_STDOUT, "y\n", 2);
	assert_int_equal(crilog_flush(&log), -EBADF);
	crilog_release(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_more_than_the_buffer),
		cmocka_unit_test(test_write_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
