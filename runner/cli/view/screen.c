/* The sequences are those of ECMA-48, and two of the VT100, that every terminal but TERM=dumb
 * knows. */
#include "cli/view/screen.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/io.h"

static const char save_cursor[] = { 0x1b, '7', '\0' };
static const char restore_cursor[] = { 0x1b, '8', '\0' };

enum { LINES_UNKNOWN = 24, COLUMNS_UNKNOWN = 80, STEADY_AFTER = 4 };

/* After Ctrl-Z and fg the shell has written below the block.  A flag, because a loop runs its
 * timers before it looks at signals: what is drawn in between would be drawn over that. */
static volatile sig_atomic_t was_stopped;

static void on_continued(int number)
{
	(void)number;
	was_stopped = 1;
}

void screen_init(struct screen *s, int fd)
{
	const struct sigaction continued = { .sa_handler = on_continued, .sa_flags = SA_RESTART };

	*s = (struct screen){ .fd = fd };
	(void)sigaction(SIGCONT, &continued, NULL);
	screen_measure(s);
}

void screen_forget(struct screen *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->block[i].text);
	s->n = 0;
}

void screen_release(struct screen *s)
{
	screen_forget(s);
}

void screen_measure(struct screen *s)
{
	struct winsize size = { .ws_col = 0 };
	unsigned before = s->columns;

	if (was_stopped)
		screen_forget(s);
	was_stopped = 0;
	(void)ioctl(s->fd, TIOCGWINSZ, &size);
	s->lines = size.ws_row ? size.ws_row : LINES_UNKNOWN;
	s->columns = size.ws_col ? size.ws_col : COLUMNS_UNKNOWN;
	if (s->columns != before)
		s->unsteady = STEADY_AFTER;
	else if (s->unsteady > 0)
		s->unsteady--;
}

bool screen_is_steady(const struct screen *s)
{
	return s->n == 0 || s->unsteady == 0;
}

bool screen_is_writable(const struct screen *s)
{
	struct pollfd out = { .fd = s->fd, .events = POLLOUT };

	return poll(&out, 1, 0) == 1;
}

bool screen_is_ours(const struct screen *s)
{
	pid_t owner = tcgetpgrp(s->fd);

	return owner < 0 || owner == getpgrp(); /* < 0: not the terminal that decides this */
}

/* After a change of size a terminal has wrapped again what it shows. */
static size_t rows_of_block(const struct screen *s)
{
	size_t rows = 0;

	for (size_t i = 0; i < s->n; i++) {
		size_t width = s->block[i].width;

		rows += width > s->columns ? (width + s->columns - 1) / s->columns : 1;
	}
	return rows;
}

static void add_whole(struct strbuf *frame, const struct screen *s, const struct strbuf *scroll,
                      const struct layout_line *block, size_t n)
{
	if (s->n > 0)
		strbuf_addf(frame, "\x1b[%zuA\r\x1b[J", rows_of_block(s));
	strbuf_add(frame, strbuf_str(scroll), scroll->len);
	for (size_t i = 0; i < n; i++) {
		strbuf_addstr(frame, block[i].text);
		strbuf_addch(frame, '\n');
	}
}

/* The cursor is put back by its place, not by counting: a terminal may have become narrower without
 * our knowing yet, and a line then takes more rows than one. */
static void add_changes(struct strbuf *frame, const struct screen *s,
                        const struct layout_line *block)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->block[i].text, block[i].text) != 0)
			strbuf_addf(frame, "%s\x1b[%zuA%s\x1b[K%s", save_cursor, s->n - i,
			            block[i].text, restore_cursor);
}

void screen_draw(struct screen *s, const struct strbuf *scroll,
                 struct layout_line block[LAYOUT_ROWS + 1], size_t n)
{
	AUTO_STRBUF struct strbuf frame = STRBUF_INIT(STRBUF_BIG);

	if (scroll->len == 0 && n == s->n && s->columns == s->drawn_columns)
		add_changes(&frame, s, block);
	else
		add_whole(&frame, s, scroll, block, n);
	if (frame.len > 0)
		(void)!io_write_all(s->fd, frame.buf, frame.len); /* SIGHUP tells of its end */
	screen_forget(s);
	if (n > 0)
		memcpy(s->block, block, n * sizeof *block);
	s->n = n;
	s->drawn_columns = s->columns;
}
