#include "cli/pulling.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/images/layers.h"
#include "cli/meter.h"
#include "cli/text.h"
#include "cli/view/screen.h"

enum {
	LOOK_MS = 20,
	QUIET_MS = 500, /* what is over by then needs no lines */
	EVERY_MS = 100,
};

struct pulling {
	struct images *images;
	const char *ref;
	struct images_pull_how how;
	struct progress progress;
	struct layers_progress layers;
	char digest[72];
	struct error *err;
	int rc;
	atomic_bool over;
};

static void *work(void *arg)
{
	struct pulling *p = arg;

	p->rc = images_pull(p->images, p->ref, &p->how, p->digest, p->err);
	atomic_store(&p->over, true);
	return NULL;
}

/* --- what is seen of it ----------------------------------------------------------------------- */

struct shown {
	struct screen screen;
	struct meter meter;
	int64_t began_ms, drawn_ms;
};

static void end_line(struct layout_line *line, struct strbuf *text)
{
	line->width = text_width(strbuf_str(text));
	line->text = strbuf_detach(text);
}

static struct layer_shown look_at(struct layer_progress *l)
{
	enum layer_state state = (enum layer_state)atomic_load(&l->state);

	return (struct layer_shown){
		.digest = l->digest,
		.state = state,
		.done = atomic_load(state < LAYER_UNPACKS ? &l->came.done : &l->unpacked.done),
		.size = l->size,
	};
}

/* Returns how many lines it has filled. */
static size_t add_layers(struct layout_line *block, struct pulling *p, const struct screen *screen)
{
	size_t most = screen->lines > 2 ? screen->lines - 2 : 0;
	size_t n = atomic_load(&p->layers.n);
	AUTO_FREE struct layer_shown *layers = xcalloc(n + 1, sizeof *layers);
	struct strbuf text = STRBUF_INIT(STRBUF_BIG);

	for (size_t i = 0; i < n; i++)
		layers[i] = look_at(&p->layers.layer[i]);
	n = layers_pick(layers, n, most < LAYOUT_ROWS ? most : LAYOUT_ROWS);
	for (size_t i = 0; i < n; i++) {
		layers_add_line(&text, &layers[i], screen->columns);
		end_line(&block[i], &text);
	}
	return n;
}

static void draw(struct shown *s, struct pulling *p, int64_t now)
{
	static const struct strbuf nothing = { .len = 0 };
	struct layout_line block[LAYOUT_ROWS + 1];
	struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	size_t n = add_layers(block, p, &s->screen);

	s->meter.columns = s->screen.columns;
	s->meter.layers = atomic_load(&p->progress.parts);
	s->meter.layers_done = atomic_load(&p->progress.parts_done);
	meter_line(&text, &s->meter, atomic_load(&p->progress.done),
	           atomic_load(&p->progress.total), now - s->began_ms);
	end_line(&block[n], &text);
	screen_draw(&s->screen, &nothing, block, n + 1);
}

static void look(struct shown *s, struct pulling *p)
{
	int64_t now = clock_mono_ms();

	if (s->began_ms == 0) {
		s->began_ms = now;
		s->meter.from = atomic_load(&p->progress.done);
	}
	if (now - s->began_ms < QUIET_MS || now - s->drawn_ms < EVERY_MS)
		return;
	screen_measure(&s->screen);
	if (!screen_is_writable(&s->screen) || !screen_is_steady(&s->screen) ||
	    !screen_is_ours(&s->screen))
		return;
	s->drawn_ms = now;
	draw(s, p, now);
}

static void watch(const struct cli *cli, struct pulling *p)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	static const struct strbuf nothing = { .len = 0 };
	struct shown s = { .began_ms = 0 };

	meter_begin(&s.meter, cli, p->ref);
	screen_init(&s.screen, STDERR_FILENO);
	while (!atomic_load(&p->over)) {
		(void)nanosleep(&pause, NULL);
		look(&s, p);
	}
	screen_draw(&s.screen, &nothing, NULL, 0);
	screen_release(&s.screen);
	meter_end(&s.meter);
}

int pulling(struct cli *cli, const char *ref, enum images_pull_when when, char ret_digest[72],
            struct error *err)
{
	struct pulling p = { .ref = ref, .err = err };
	const struct config *config;
	pthread_t thread;
	int rc = cli_config(cli, &config, err);

	if (rc == 0)
		rc = cli_open_images(cli, &p.images, err);
	if (rc != 0)
		return rc;
	p.how = (struct images_pull_how){
		.when = when,
		.registries = &config->registries,
		.progress = &p.progress,
		.layers = cli->err_cursor && !cli->quiet ? &p.layers : NULL,
	};
	rc = pthread_create(&thread, NULL, work, &p);
	if (rc != 0)
		return error_sys(err, rc, "cannot start a thread");
	if (p.how.layers)
		watch(cli, &p);
	(void)pthread_join(thread, NULL);
	free(p.layers.layer);
	if (p.rc == 0)
		memcpy(ret_digest, p.digest, sizeof p.digest);
	return p.rc;
}
