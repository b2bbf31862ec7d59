#include "cli/meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/text.h"

enum {
	QUIET_MS = 500, /* what is over by then needs no line */
	EVERY_MS = 200,
	COLUMNS = 80,
	NAME_LEAST = 12, /* columns */
	PIECES = 5,
};

/* A text, and where each of its pieces ends: the last goes first where there is no room. */
struct pieces {
	struct strbuf text;
	size_t end[PIECES], n;
};

/* It may be another one each time: windows are resized. */
static unsigned columns(void)
{
	struct winsize size = { .ws_col = 0 };

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
	                                                                       : COLUMNS;
}

void meter_begin(struct meter *m, const struct cli *cli, const char *name)
{
	*m = (struct meter){ .on = cli->err_cursor && !cli->quiet };
	if (m->on)
		m->name = xstrdup(name);
}

static void add_left(struct strbuf *sb, uint64_t done, uint64_t total, double per_ms)
{
	char left[TEXT_SIZE_LEN];

	if (total > done && per_ms > 0)
		strbuf_addf(sb, ", %s left",
		            text_duration((int64_t)((double)(total - done) / per_ms), left));
}

/* All bytes of an image are here before all of its layers are. */
static void add_speed(struct strbuf *sb, const struct meter *m, bool all_came, double per_ms)
{
	char size[TEXT_SIZE_LEN];

	if (all_came && m->layers > 0)
		strbuf_addstr(sb,
		              m->layers_done < m->layers ? ", unpacking" : ", writing to the disk");
	else
		strbuf_addf(sb, ", %s/s", text_size((uint64_t)(per_ms * 1000), size));
}

static void piece_ends(struct pieces *p)
{
	p->end[p->n++] = p->text.len;
}

static void add_pieces(struct pieces *p, const struct meter *m, uint64_t done, uint64_t total,
                       double per_ms)
{
	struct strbuf *sb = &p->text;
	char size[TEXT_SIZE_LEN];

	if (m->layers > 0) {
		strbuf_addf(sb, "  %u of %u layers", m->layers_done, m->layers);
		piece_ends(p);
	}
	if (total > 0) {
		strbuf_addf(sb, "  %3.0f %%",
		            100 * (double)(done < total ? done : total) / (double)total);
		piece_ends(p);
	}
	if (!m->of_parts) {
		strbuf_addf(sb, "  %s", text_size(done, size));
		if (total > done)
			strbuf_addf(sb, " of %s", text_size(total, size));
		piece_ends(p);
		add_speed(sb, m, total > 0 && done >= total, per_ms);
		piece_ends(p);
	}
	add_left(sb, done, total, per_ms);
	piece_ends(p);
}

/* As many pieces as leave room for a name of so many columns; one at least. */
static void drop_pieces(struct pieces *p, size_t room, size_t name)
{
	size_t wanted = name < NAME_LEAST ? name : NAME_LEAST;

	while (p->n > 1 && text_width(strbuf_str(&p->text)) + wanted > room) {
		p->n--;
		p->text.len = p->end[p->n - 1];
		p->text.buf[p->text.len] = '\0';
	}
}

void meter_line(struct strbuf *sb, const struct meter *m, uint64_t done, uint64_t total,
                int64_t elapsed_ms)
{
	struct pieces p = { .text = STRBUF_INIT(STRBUF_BIG) };
	AUTO_STRBUF struct strbuf name = STRBUF_INIT(STRBUF_BIG);
	double per_ms = elapsed_ms > 0 ? (double)(done - m->from) / (double)elapsed_ms : 0;
	/* The last column stays free: some terminals go to the next line behind it. */
	size_t room = m->columns > 1 ? m->columns - 1 : 0;
	size_t width;

	text_add_safe(&name, m->name, strlen(m->name));
	add_pieces(&p, m, done, total, per_ms);
	drop_pieces(&p, room, text_width(strbuf_str(&name)));
	width = text_width(strbuf_str(&p.text));
	(void)text_add_fit(sb, strbuf_str(&name), room > width ? room - width : 0);
	(void)text_add_fit(sb, strbuf_str(&p.text), room);
	strbuf_release(&p.text);
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
	m->columns = columns();
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

static void *look(void *arg)
{
	struct meter_watch *w = arg;
	struct timespec next;

	(void)pthread_mutex_lock(&w->lock);
	while (!w->end) {
		(void)clock_gettime(CLOCK_REALTIME, &next);
		next.tv_nsec += EVERY_MS * 1000000L;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		(void)pthread_cond_timedwait(&w->ended, &w->lock, &next);
		/* While the parts are still counted the clock does not run. */
		if (w->meter.of_parts && atomic_load(&w->progress.done) == 0)
			w->meter.began_ms = clock_mono_ms();
		if (!w->end && atomic_load(&w->progress.done) > 0)
			meter_show(&w->meter, atomic_load(&w->progress.done),
			           atomic_load(&w->progress.total));
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

static struct progress *begin(struct meter_watch *w, const struct cli *cli, const char *name,
                              uint64_t total, bool of_parts)
{
	*w = (struct meter_watch){ .cli = cli };
	atomic_init(&w->progress.total, total);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->ended, NULL);
	meter_begin(&w->meter, cli, name);
	w->meter.of_parts = of_parts;
	meter_show(&w->meter, 0, 0); /* the clock starts now */
	w->has_thread = w->meter.on && pthread_create(&w->thread, NULL, look, w) == 0;
	return w->has_thread ? &w->progress : NULL;
}

struct progress *meter_watch_begin(struct meter_watch *w, const struct cli *cli, const char *name,
                                   uint64_t total)
{
	return begin(w, cli, name, total, false);
}

struct progress *meter_watch_begin_parts(struct meter_watch *w, const struct cli *cli,
                                         const char *name)
{
	return begin(w, cli, name, 0, true);
}

void meter_watch_clear(struct meter_watch *w)
{
	(void)pthread_mutex_lock(&w->lock);
	if (w->meter.shown_ms > 0) {
		w->meter.shown_ms = clock_mono_ms();
		(void)fprintf(stderr, "\r\x1b[K");
		(void)fflush(stderr);
	}
	(void)pthread_mutex_unlock(&w->lock);
}

void meter_watch_warn(void *watch, const char *text)
{
	struct meter_watch *w = watch;

	meter_watch_clear(w);
	cli_note(w->cli, "warning: %s", text);
}

void meter_watch_end(struct meter_watch *w)
{
	if (w->end)
		return;
	(void)pthread_mutex_lock(&w->lock);
	w->end = true;
	(void)pthread_cond_signal(&w->ended);
	(void)pthread_mutex_unlock(&w->lock);
	if (w->has_thread)
		(void)pthread_join(w->thread, NULL);
	meter_end(&w->meter);
	(void)pthread_cond_destroy(&w->ended);
	(void)pthread_mutex_destroy(&w->lock);
}
