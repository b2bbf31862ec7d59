/*
 * Which job may start now: counters, no rescans.  Pure.
 *
 * Each job counts the needs that have not succeeded yet; at zero it is ready.  Ready jobs start in
 * the order of the file.  A job that did not succeed takes everything that needs it with it.
 *
 *	sched_init(&s, spec, limit);
 *	while (sched_next(&s, &job))   start it
 *	sched_done(&s, job, ok, ...)   it has ended; then ask sched_next() again
 *	...
 *	sched_is_done(&s)
 */
#ifndef ENGINE_SCHED_H
#define ENGINE_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/spec.h"

struct sched {
	size_t n;
	uint32_t *blockers;   /* per job: needs that have not succeeded; SCHED_GONE once it ended */
	uint32_t *user_start; /* n + 1 places in `user` */
	uint32_t *user;     /* the jobs that need job i: user[user_start[i] .. user_start[i + 1]) */
	uint32_t *heap;     /* ready jobs, the first of the file on top */
	uint32_t *worklist; /* room for one walk over what a failed job takes with it */
	size_t n_ready;
	size_t n_running;
	size_t n_left; /* not ended yet, the running ones included */
	size_t limit;
};

/* `limit` is how many may run at once, at least 1. */
void sched_init(struct sched *s, const struct spec *spec, size_t limit);
void sched_release(struct sched *s);

/* How far the jobs of a run that another runner has left had come. */
enum sched_was {
	SCHED_WAITING,
	SCHED_RUNNING, /* as if sched_next() had given it */
	SCHED_SUCCEEDED,
	SCHED_OTHERWISE, /* it ended, but did not succeed */
};

typedef void sched_skip_fn(void *arg, size_t job);

/* After sched_init().  on_skip as in sched_done(), for what waits and can no longer run. */
void sched_restore(struct sched *s, const struct spec *spec, const enum sched_was *was,
                   sched_skip_fn *on_skip, void *arg);

/* Takes the next job that may start now. */
bool sched_next(struct sched *s, size_t *ret_job);

/* A running job has ended.  If not ok, on_skip is called once for each job that can no longer run;
 * it must not call back. */
void sched_done(struct sched *s, size_t job, bool ok, sched_skip_fn *on_skip, void *arg);

/* Nothing more starts: on_skip is called for each job that has not started. */
void sched_stop(struct sched *s, sched_skip_fn *on_skip, void *arg);

static inline bool sched_is_done(const struct sched *s)
{
	return s->n_left == 0;
}

#endif
