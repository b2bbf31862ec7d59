/*
 * The images of a run are had before it starts, side by side on the pool, so that it can be
 * canceled meanwhile: whether they are here, or have to be pulled, is the executor's to know.  A
 * run that lacks one has not started.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "engine/internal.h"

enum { SHOW_MS = 200 };

struct wanted {
	struct work work;
	struct run_images *all;
	const char *name;
	const char *job; /* the first that wants it */
	struct image_pin *pin;
	int rc;
	struct error error;
};

struct run_images {
	struct run *run;
	struct wanted *at;
	size_t n, pending;
	uv_timer_t show;
	int64_t since_ms;
	atomic_bool stop; /* read on the pool, like: */
	struct progress progress;
};

static void add_wanted(struct run_images *images, const struct spec_job *job)
{
	struct run *run = images->run;
	const char *name = spec_job_string(job, "image");
	struct image_pin *pin;

	if (!name || map_find(&run->images, name))
		return;
	pin = xcalloc(1, sizeof *pin);
	(void)map_set(&run->images, name, pin);
	images->at[images->n++] =
		(struct wanted){ .all = images, .name = name, .job = job->id, .pin = pin };
}

static struct run_images *images_new(struct run *run)
{
	const struct spec *spec = run->options->spec;
	struct run_images *images = xcalloc(1, sizeof *images);

	images->run = run;
	images->at = xcalloc(spec->n_jobs, sizeof *images->at);
	for (size_t i = 0; i < spec->n_jobs; i++)
		add_wanted(images, spec->jobs[i]);
	run->executor->order = (struct image_order){
		.progress = &images->progress,
		.stop = &images->stop,
	};
	return images;
}

static void images_free(struct run_images *images)
{
	images->run->executor->order = (struct image_order){ .stop = NULL };
	free(images->at);
	free(images);
}

static void have_image(struct work *work)
{
	struct wanted *w = container_of(work, struct wanted, work);

	w->rc = executor_resolve(w->all->run->executor, w->name, w->pin->digest, &w->error);
	if (w->rc < 0)
		atomic_store(&w->all->stop, true); /* the others are no good without it */
}

/* The first that failed by itself says why. */
static int failure(const struct run_images *images, struct error *err)
{
	const struct wanted *first = NULL;

	for (size_t i = 0; i < images->n; i++) {
		const struct wanted *w = &images->at[i];

		if (w->rc < 0 && (!first || first->rc == SLUICE_CANCELED))
			first = w;
	}
	if (!first)
		return 0;
	*err = first->error;
	return error_wrap(err, "job '%s'", first->job);
}

static void show(struct run_images *images, bool over)
{
	struct run *run = images->run;
	const struct run_pull pull = {
		.done = atomic_load(&images->progress.done),
		.total = atomic_load(&images->progress.total),
		.since_ms = images->since_ms,
		.over = over,
	};

	if (pull.total > 0 && run->hooks.on_pull)
		run->hooks.on_pull(run->hooks.arg, &pull);
}

static void on_show(uv_timer_t *timer)
{
	show(container_of(timer, struct run_images, show), false);
}

static void on_closed(uv_handle_t *handle)
{
	struct run_images *images =
		container_of((uv_timer_t *)(void *)handle, struct run_images, show);
	struct run *run = images->run;
	struct error err;
	int rc = run->cancel_signal ? error_set(&err, SLUICE_CANCELED,
	                                        "canceled before it started: nothing was run")
	                            : failure(images, &err);

	show(images, true);
	images_free(images);
	run->wanted = NULL;
	run_images_done(run, rc < 0 ? &err : NULL);
}

static void image_had(struct work *work)
{
	struct run_images *images = container_of(work, struct wanted, work)->all;

	if (--images->pending == 0)
		uv_close((uv_handle_t *)&images->show, on_closed);
}

bool images_start(struct run *run)
{
	struct run_images *images = images_new(run);

	if (images->n == 0) {
		images_free(images);
		return false;
	}
	run->wanted = images;
	images->pending = images->n;
	images->since_ms = clock_mono_ms();
	(void)uv_timer_init(run->loop, &images->show);
	(void)uv_timer_start(&images->show, on_show, SHOW_MS, SHOW_MS);
	for (size_t i = 0; i < images->n; i++)
		work_start(run->loop, &images->at[i].work, have_image, image_had);
	return true;
}

void images_cancel(struct run *run)
{
	atomic_store(&run->wanted->stop, true);
}

int run_look(struct run *run, struct error *err)
{
	struct run_images *images = images_new(run);
	int rc;

	run->executor->order.look_only = true;
	for (size_t i = 0; i < images->n && !atomic_load(&images->stop); i++)
		have_image(&images->at[i].work);
	rc = failure(images, err);
	images_free(images);
	return rc;
}
