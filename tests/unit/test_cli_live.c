/* The live view without a terminal: its block of lines, what is drawn of it, and the latest lines
 * of a log that grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/text.h"
#include "cli/view/layout.h"
#include "cli/view/recent.h"
#include "cli/view/screen.h"

/* --- the block ------------------------------------------------------------------------------ */

static const struct layout_row rows[] = {
	{ "train", JOB_RUNNING, false, 64999, "" },
	{ "prepare-the-data", JOB_PREPARING, false, 3999, "image 1.0 MiB of 2.0 MiB, 3.0 MiB/s" },
	{ "evaluate", JOB_WAITING, false, -1, "for train, prepare-the-data" },
};

/* The block as one text, a newline after each line; each is narrower than the terminal and says
 * its own width. */
static char *block_text(struct layout *layout)
{
	struct layout_line line[LAYOUT_ROWS + 1];
	struct strbuf text = STRBUF_INIT(STRBUF_BIG);

	layout_block(layout, line);
	for (size_t i = 0; i <= layout->n; i++) {
		if (!layout->colours)
			assert_int_equal(line[i].width, text_width(line[i].text));
		assert_true(line[i].width < layout->columns);
		strbuf_addf(&text, "%s\n", line[i].text);
		free(line[i].text);
	}
	return strbuf_detach(&text);
}

static void expect_block(struct layout *layout, const char *expected)
{
	char *text = block_text(layout);

	assert_string_equal(text, expected);
	free(text);
}

static void columns_stand_below_each_other(void **state)
{
	struct layout layout = {
		.title = "sample/3", .ms = 7000, .row = rows, .n = 3, .columns = 100
	};

	(void)state;
	layout.rest[JOB_WAITING] = 480;
	layout.rest[JOB_SUCCEEDED] = 12;
	expect_block(&layout,
	             "train            running     1m 04s\n"
	             "prepare-the-data preparing       3s  image 1.0 MiB of 2.0 MiB, 3.0 MiB/s\n"
	             "evaluate         waiting    for train, prepare-the-data\n"
	             "sample/3 7s  + 480 waiting, 12 succeeded\n");
}

static void what_does_not_fit_is_cut(void **state)
{
	struct layout layout = {
		.title = "a-workflow-with-a-name/3", .ms = 7000, .row = rows, .n = 3, .columns = 48
	};

	(void)state;
	layout.rest[JOB_WAITING] = 480;
	layout.rest[JOB_CANCELED] = 1234567;
	expect_block(&layout, "train            running     1m 04s\n"
	                      "prepare-the-data preparing       3s  image 1...\n"
	                      "evaluate         waiting    for train, prepa...\n"
	                      "a-workflow-w... 7s  + 480 waiting, 1234567 c...\n");
	layout.columns = 40;
	expect_block(&layout, "train            running     1m 04s\n"
	                      "prepare-the-data preparing       3s\n"
	                      "evaluate         waiting    for trai...\n"
	                      "a-workflow... 7s  + 480 waiting, 123...\n");
	layout.columns = 20;
	expect_block(&layout, "train    running   \n"
	                      "pre...ta preparing \n"
	                      "evaluate waiting\n"
	                      "a-w... 7s  + 480...\n");
}

static void no_width_is_too_small(void **state)
{
	static const struct layout_row wide[] = {
		{ "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x83\x86\xe3\x82\xad", JOB_RUNNING, true,
		  360000000, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" },
	};
	struct layout layout = { .title = "t", .row = wide, .n = 1 };

	(void)state;
	for (layout.columns = 2; layout.columns < 130; layout.columns++)
		free(block_text(&layout));
}

static void a_block_takes_a_third(void **state)
{
	(void)state;
	assert_int_equal(layout_rows(0), 1);
	assert_int_equal(layout_rows(5), 1);
	assert_int_equal(layout_rows(24), 7);
	assert_int_equal(layout_rows(60), 19);
	assert_int_equal(layout_rows(65535), LAYOUT_ROWS);
}

static void colours_take_no_columns(void **state)
{
	struct layout layout = {
		.title = "t", .row = rows, .n = 3, .columns = 40, .colours = true
	};
	struct layout_line coloured[LAYOUT_ROWS + 1];
	struct layout_line plain[LAYOUT_ROWS + 1];

	(void)state;
	layout_block(&layout, coloured);
	layout.colours = false;
	layout_block(&layout, plain);
	for (size_t i = 0; i <= layout.n; i++) {
		assert_null(strchr(plain[i].text, '\x1b'));
		assert_int_equal(plain[i].width, coloured[i].width);
		free(plain[i].text);
		free(coloured[i].text);
	}
}

/* --- what is drawn -------------------------------------------------------------------------- */

static struct layout_line line_of(const char *text)
{
	return (struct layout_line){ .text = strdup(text), .width = strlen(text) };
}

/* Draws up to three lines and returns what was written for it. */
static const char *draw(struct screen *s, const char *above, const char *const *texts, size_t n)
{
	static char written[1000];
	struct strbuf scroll = STRBUF_INIT(1000);
	struct layout_line block[LAYOUT_ROWS + 1];
	ssize_t len;

	for (size_t i = 0; i < n; i++)
		block[i] = line_of(texts[i]);
	strbuf_addstr(&scroll, above);
	assert_int_equal(ftruncate(s->fd, 0), 0);
	assert_int_equal(lseek(s->fd, 0, SEEK_SET), 0);
	screen_draw(s, &scroll, block, n);
	strbuf_release(&scroll);
	len = pread(s->fd, written, sizeof written - 1, 0);
	assert_true(len >= 0);
	written[len] = '\0';
	return written;
}

static void only_what_changed_is_drawn(void **state)
{
	static const char *const one[] = { "a", "b", "c" };
	static const char *const two[] = { "a", "B", "c" };
	struct screen s;

	(void)state;
	screen_init(&s, memfd_create("screen", MFD_CLOEXEC));
	assert_string_equal(draw(&s, "", one, 3), "a\nb\nc\n");
	assert_string_equal(draw(&s, "", one, 3), "");
	assert_string_equal(draw(&s, "", two, 3), "\x1b"
	                                          "7\x1b[2AB\x1b[K\x1b"
	                                          "8");
	assert_string_equal(draw(&s, "log\n", two, 3), "\x1b[3A\r\x1b[Jlog\na\nB\nc\n");
	assert_string_equal(draw(&s, "", two, 2), "\x1b[3A\r\x1b[Ja\nB\n");
	assert_string_equal(draw(&s, "end\n", NULL, 0), "\x1b[2A\r\x1b[Jend\n");
	assert_string_equal(draw(&s, "", NULL, 0), "");
	(void)close(s.fd);
	screen_release(&s);
}

static void a_narrower_terminal_has_wrapped_the_block(void **state)
{
	static const char *const texts[] = { "0123456789", "01234" };
	struct screen s;

	(void)state;
	screen_init(&s, memfd_create("screen", MFD_CLOEXEC));
	(void)draw(&s, "", texts, 2);
	s.columns = 4; /* 3 rows and 2 */
	assert_string_equal(draw(&s, "", texts, 1), "\x1b[5A\r\x1b[J0123456789\n");
	s.columns = 10;
	assert_string_equal(draw(&s, "", texts, 1), "\x1b[1A\r\x1b[J0123456789\n");
	screen_forget(&s);
	assert_string_equal(draw(&s, "", texts, 1), "0123456789\n");
	(void)close(s.fd);
	screen_release(&s);
}

static void a_width_that_changes_is_waited_for(void **state)
{
	static const char *const texts[] = { "a" };
	int looks = 0;
	struct screen s;

	(void)state;
	screen_init(&s, memfd_create("screen", MFD_CLOEXEC));
	s.columns = 4;
	screen_measure(&s);
	assert_true(screen_is_steady(&s)); /* nothing stands there that could go astray */
	(void)draw(&s, "", texts, 1);
	for (; !screen_is_steady(&s); looks++)
		screen_measure(&s);
	assert_in_range(looks, 2, 10);
	(void)close(s.fd);
	screen_release(&s);
}

/* --- the latest lines of a log -------------------------------------------------------------- */

struct reader {
	char path[32];
	int fd;
	struct recent recent;
	struct strbuf seen;
};

static void on_line(void *arg, const struct tail_line *line)
{
	struct reader *r = arg;

	strbuf_add(&r->seen, line->text, line->len);
	strbuf_addch(&r->seen, '|');
}

static int open_log(void **state)
{
	struct reader *r = calloc(1, sizeof *r);

	strcpy(r->path, "/tmp/sluice-log-XXXXXX");
	r->fd = mkostemp(r->path, O_CLOEXEC | O_APPEND);
	r->seen = STRBUF_INIT(1 << 20);
	*state = r;
	return r->fd < 0;
}

static int close_log(void **state)
{
	struct reader *r = *state;

	(void)close(r->fd);
	(void)unlink(r->path);
	strbuf_release(&r->seen);
	free(r);
	return 0;
}

static const char *after(struct reader *r, const char *added, size_t most)
{
	assert_int_equal(io_write_all(r->fd, added, strlen(added)), 0);
	strbuf_clear(&r->seen);
	(void)recent_read(&r->recent, r->path, most, on_line, r);
	return strbuf_str(&r->seen);
}

static void new_lines_are_seen_once(void **state)
{
	struct reader *r = *state;

	assert_string_equal(after(r, "", 10), "");
	assert_string_equal(after(r, "T stdout F one\nT stdout F two\nT std", 10), "one|two|");
	assert_string_equal(after(r, "", 10), "");
	assert_string_equal(after(r, "out F three", 10), "");
	assert_string_equal(after(r, "\n", 10), "three|");
	assert_int_equal(r->recent.skipped, 0);
	assert_string_equal(after(r, "T stderr F \nnonsense\nT stdout P x\n", 10), "|x|");
}

static void of_many_lines_the_last_are_seen(void **state)
{
	struct reader *r = *state;
	struct strbuf text = STRBUF_INIT(1 << 20);

	assert_string_equal(after(r, "T stdout F 1\nT stdout F 2\nT stdout F 3\n", 2), "2|3|");
	assert_int_equal(r->recent.skipped, 13);
	for (int i = 0; i < 10000; i++)
		strbuf_addf(&text, "T stdout F %05d\n", i);
	assert_string_equal(after(r, strbuf_str(&text), 3), "09997|09998|09999|");
	assert_int_equal(r->recent.skipped, 9997 * 17);
	assert_string_equal(after(r, "", 3), "");
	strbuf_release(&text);
}

/* The longest that a shim writes are 16 KiB. */
static void a_window_holds_a_line(void **state)
{
	struct reader *r = *state;
	struct strbuf text = STRBUF_INIT(1 << 20);

	for (int i = 0; i < 5; i++) {
		strbuf_addstr(&text, "2026-11-23T20:27:00.123456789Z stdout F ");
		for (int k = 0; k < 16 * 1024; k++)
			strbuf_addch(&text, (char)('a' + i));
		strbuf_addch(&text, '\n');
	}
	strbuf_addstr(&text, "torn");
	assert_int_equal(strspn(after(r, strbuf_str(&text), 1), "e"), 16 * 1024);
	strbuf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_stand_below_each_other),
		cmocka_unit_test(what_does_not_fit_is_cut),
		cmocka_unit_test(no_width_is_too_small),
		cmocka_unit_test(a_block_takes_a_third),
		cmocka_unit_test(colours_take_no_columns),
		cmocka_unit_test(only_what_changed_is_drawn),
		cmocka_unit_test(a_narrower_terminal_has_wrapped_the_block),
		cmocka_unit_test(a_width_that_changes_is_waited_for),
		cmocka_unit_test_setup_teardown(new_lines_are_seen_once, open_log, close_log),
		cmocka_unit_test_setup_teardown(of_many_lines_the_last_are_seen, open_log,
		                                close_log),
		cmocka_unit_test_setup_teardown(a_window_holds_a_line, open_log, close_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
