/*
 * Long work on libuv's worker pool.  The struct is embedded in whatever owns the work and must
 * live until `done`, which comes on the loop thread, exactly once, and never from inside
 * work_start().  `run` may touch only what no other thread touches meanwhile.
 */
#ifndef LOOP_WORK_H
#define LOOP_WORK_H

#include <stddef.h>
#include <uv.h>

struct work {
	uv_work_t req;
	void (*run)(struct work *work);
	void (*done)(struct work *work);
};

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Sets the size of the pool (cores + 4, so that short work is not starved); once, before any work
 * and before there are threads. */
void work_init_pool(unsigned cores);

void work_start(uv_loop_t *loop, struct work *work, void (*run)(struct work *),
                void (*done)(struct work *));

#endif
