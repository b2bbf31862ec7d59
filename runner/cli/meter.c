#include "cli/meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/text.h"

enum {
	QUIET_MS = 500, /* what is over by then needs no line */
	EVERY_MS = 200,
	COLUMNS = 80,
};

void meter_begin(struct meter *m, const struct cli *cli, const char *name)
{
	struct winsize size = { .ws_col = 0 };

	*m = (struct meter){ .on = cli->err_tty && !cli->quiet, .columns = COLUMNS };
	if (!m->on)
		return;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		m->columns = size.ws_col;
	m->name = xstrdup(name);
}

static void add_rest(struct strbuf *sb, uint64_t done, uint64_t total, double per_ms)
{
	char left[TEXT_SIZE_LEN];

	if (total > done && per_ms > 0)
		strbuf_addf(sb, ", %s left",
		            text_duration((int64_t)((double)(total - done) / per_ms), left));
}

void meter_line(struct strbuf *sb, const struct meter *m, uint64_t done, uint64_t total,
                int64_t elapsed_ms)
{
	AUTO_STRBUF struct strbuf numbers = STRBUF_INIT(STRBUF_BIG);
	AUTO_STRBUF struct strbuf name = STRBUF_INIT(STRBUF_BIG);
	double per_ms = elapsed_ms > 0 ? (double)(done - m->from) / (double)elapsed_ms : 0;
	char size[TEXT_SIZE_LEN];
	size_t width;

	if (total > 0)
		strbuf_addf(&numbers, "  %3.0f %%",
		            100 * (double)(done < total ? done : total) / (double)total);
	strbuf_addf(&numbers, "  %s", text_size(done, size));
	if (total > 0)
		strbuf_addf(&numbers, " of %s", text_size(total, size));
	strbuf_addf(&numbers, ", %s/s", text_size((uint64_t)(per_ms * 1000), size));
	add_rest(&numbers, done, total, per_ms);
	width = text_width(strbuf_str(&numbers));
	text_add_safe(&name, m->name, strlen(m->name));
	/* The last column stays free: some terminals go to the next line behind it. */
	(void)text_add_fit(sb, strbuf_str(&name),
	                   m->columns > width + 1 ? m->columns - width - 1 : 0);
	(void)text_add_fit(sb, strbuf_str(&numbers), m->columns > 1 ? m->columns - 1 : 0);
}

void meter_show(struct meter *m, uint64_t done, uint64_t total)
{
	AUTO_STRBUF struct strbuf line = STRBUF_INIT(STRBUF_BIG);
	int64_t now = m->on ? clock_mono_ms() : 0;

	if (!m->on)
		return;
	if (m->began_ms == 0) {
		m->began_ms = now;
		m->from = done;
	}
	if (now - m->began_ms < QUIET_MS || now - m->shown_ms < EVERY_MS)
		return;
	m->shown_ms = now;
	meter_line(&line, m, done, total, now - m->began_ms);
	(void)fprintf(stderr, "\r%s\x1b[K", strbuf_str(&line));
	(void)fflush(stderr);
}

void meter_end(struct meter *m)
{
	if (m->shown_ms > 0)
		(void)fprintf(stderr, "\r\x1b[K");
	free(m->name);
	*m = (struct meter){ .on = false };
}
