#include "loop/work.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void work_init_pool(unsigned cores)
{
	char size[16];

	if (snprintf(size, sizeof size, "%u", cores + 4) > 0)
		(void)setenv("UV_THREADPOOL_SIZE", size, 1);
}

static void on_work(uv_work_t *req)
{
	struct work *w = container_of(req, struct work, req);

	w->run(w);
}

static void on_after(uv_work_t *req, int status)
{
	struct work *w = container_of(req, struct work, req);

	assert(status == 0); /* nobody cancels */
	(void)status;
	w->done(w);
}

void work_start(uv_loop_t *loop, struct work *work, void (*run)(struct work *),
                void (*done)(struct work *))
{
	int rc;

	work->run = run;
	work->done = done;
	rc = uv_queue_work(loop, &work->req, on_work, on_after);
	assert(rc == 0); /* it fails only without a work callback */
	(void)rc;
}
