/*
 * Which job may start now: counters, no rescans.  Pure.
 *
 * Each job counts the needs that have not succeeded yet; at zero it is ready.  Of the ready
 * jobs always the first of the file starts, however late it became ready, as soon as all that
 * it asks for is free.  One that has to wait lets later ones pass, but not to what it lacks:
 * from the moment that it lacked something, no later job takes of that until it has started.
 * So it starts for certain, and what it does not wait for is not idle.  A job that did not
 * succeed takes everything that needs it with it.
 *
 * Two jobs may be got ready ahead: one that is ready but lacks something, and one whose needs
 * have all started and have not all ended, if it takes nothing from them.
 *
 *	sched_init(&s, spec, ...);
 *	while (sched_next(&s, &job))   get it ready
 *	if (sched_holds(&s, job))      ... and start it, now or after another sched_next()
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

enum sched_kind {
	SCHED_PLACES, /* how many may run at once; a job takes one */
	SCHED_CPU,    /* thousandths of a core */
	SCHED_MEMORY, /* bytes */
	SCHED_GPUS,
	SCHED_KINDS
};

struct sched_amount {
	int64_t of[SCHED_KINDS];
};

/* Jobs that ask for the same: only the first of them has to be looked at. */
struct sched_class {
	struct sched_amount demand;
	uint32_t *heap; /* its ready jobs, the first of the file on top */
	size_t n_ready;
	unsigned claims;   /* bits of the kinds that its first job has lacked, */
	uint32_t claimant; /* which was this one: they are kept until it starts */
};

/* Which jobs are got ready before they may start. */
enum sched_ahead {
	SCHED_LACKING, /* only one that lacks a place, cores or memory */
	SCHED_NEEDING, /* and one whose needs still run */
	SCHED_AHEADS,
	SCHED_NEVER_AHEAD = -1,
};

struct sched_ready {
	uint32_t job;    /* or SCHED_NOBODY */
	unsigned claims; /* as those of a class */
};

struct sched {
	size_t n;
	uint32_t *blockers;   /* per job: needs that have not succeeded; SCHED_GONE once it ended */
	uint32_t *behind;     /* per job: needs that have not started; SCHED_NOBODY: never ahead */
	uint32_t *user_start; /* n + 1 places in `user` */
	uint32_t *user;     /* the jobs that need job i: user[user_start[i] .. user_start[i + 1]) */
	uint32_t *worklist; /* room for one walk over what a failed job takes with it */
	uint32_t *class_of; /* per job */
	uint32_t *heaps;    /* room for those of all classes */
	struct sched_class *classes;
	size_t n_classes;
	struct sched_amount free; /* below 0 after sched_restore() of more than there is room for */
	size_t n_running;
	size_t n_left;           /* not ended yet, the running ones included */
	struct sched_class soon; /* all whose needs have all started, in a heap likewise */
	struct sched_ready ahead[SCHED_AHEADS];
	enum sched_ahead most_ahead;
};

/*
 * `demands`: of each job, at most the whole room; its places do not count.  NULL: nothing but the
 * place.  A job that is got ready ahead is given out before it can start, and then waits for its
 * turn as if it had not been.  Never one with GPUs, since these are known only when it starts.
 */
void sched_init(struct sched *s, const struct spec *spec, const struct sched_amount *room,
                const struct sched_amount *demands, enum sched_ahead ahead);
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

/* Takes the next job that is to be got ready now; those that were got ready ahead may start after
 * this, if their turn comes before. */
bool sched_next(struct sched *s, size_t *ret_job);

/* Of one that was taken: all that it asks for is its own, and it may start. */
bool sched_holds(const struct sched *s, size_t job);

/* Of one that was taken: all that it needs has ended well. */
bool sched_has_needs(const struct sched *s, size_t job);

/* One that was got ready ahead, and does not hold, was not: it waits to be taken again, and claims
 * nothing until then. */
void sched_give_back(struct sched *s, size_t job);

/* A job that was taken has ended.  If not ok, on_skip is called for each job that can no longer
 * run; it must not call back.  For one that was got ready ahead it is called, too, once for each
 * need; that one is to end by sched_done() all the same. */
void sched_done(struct sched *s, size_t job, bool ok, sched_skip_fn *on_skip, void *arg);

/* Nothing more starts: on_skip is called for each job that has not started. */
void sched_stop(struct sched *s, sched_skip_fn *on_skip, void *arg);

static inline bool sched_is_done(const struct sched *s)
{
	return s->n_left == 0;
}

#endif
