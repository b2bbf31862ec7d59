/*
 * An attempt's life:
 *
 *	CREATING -> READY -> ATTACHING -> STARTING -> RUNNING -> LOOKING -> REMOVING -> GONE
 *
 * and where the daemon gets copies, CREATING -> SENDING -> READY and LOOKING -> FETCHING ->
 * REMOVING.  Whatever goes wrong leads to REMOVING.  The output is asked for before the
 * container starts, so that none is lost, and in adopted ones from the log that the daemon
 * keeps.  The end is told when the container has ended and its output with it; only then is it
 * removed.  Every request that is out counts in `pending`: the attempt is freed when the last
 * one is back.
 */
#ifndef EXECUTOR_DOCKER_LIFE_H
#define EXECUTOR_DOCKER_LIFE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/strbuf.h"
#include "executor/docker/api.h"
#include "executor/docker/attempt.h"
#include "executor/docker/copies.h"
#include "executor/docker/output.h"
#include "loop/work.h"

enum docker_state {
	DOCKER_CREATING,
	DOCKER_SENDING, /* what it reads goes to it, on a worker thread */
	DOCKER_READY,   /* waits for docker_attempt_go() */
	DOCKER_ATTACHING,
	DOCKER_STARTING,
	DOCKER_RUNNING,
	DOCKER_LOOKING,  /* it has ended: how? */
	DOCKER_FETCHING, /* what it wrote comes back, on a worker thread */
	DOCKER_REMOVING,
	DOCKER_GONE,
};

struct attempt {
	const struct docker_place *place;
	struct http *http; /* its own: connections end with it */
	uv_timer_t timer;
	struct work work;
	enum docker_state state;
	unsigned pending;
	struct attempt_hooks hooks;
	struct attempt_result result;
	char *dir, *id, *container;   /* the daemon's name of it, NULL: there is none */
	struct docker_parcel *parcel; /* to be sent, or NULL */
	char *fetch;                  /* what is to come back, or NULL */
	struct error copying;         /* why that failed, or class 0 */
	atomic_bool quits;            /* it shall end soon */
	struct docker_output output;
	struct docker_request *output_request; /* NULL: it has ended */
	struct docker_request *stats_request;  /* ... or was not asked for */
	struct strbuf stats_line;              /* as far as it came */
	uint64_t grace_ms;
	int stop_signal;
	int stops; /* how often a stop was asked for; 2 means at once */
	int64_t deadline_ms;
	pid_t init; /* 0: not known */
	bool may_go, has_ended, is_told, is_stopping, is_frozen, was_killed;
	bool has_said_all; /* it ended with 0, and there is no limit that it can have met */
	bool is_limited;   /* ... in its memory; or it is not known */
};

typedef void docker_done_fn(void *arg, const char *text, const struct error *err);

/* --- docker/attempt.c ------------------------------------------------------------------------- */

struct attempt *docker_attempt_new(const struct docker_place *place, const char *dir,
                                   const char *id, const struct attempt_hooks *hooks);

/* METHOD WHAT of the container: "/start", or "?force=1".  Each callback of an answer counts
 * a->pending down, and last calls docker_settle(). */
void docker_ask_for(struct attempt *a, const char *method, const char *what,
                    docker_done_fn *on_done);

/* The same with an answer that comes as long as the container runs. */
struct docker_request *docker_ask_long(struct attempt *a, const char *method, const char *what,
                                       const struct docker_hooks *hooks);

/* The timer, which does what the state asks for. */
void docker_wake(struct attempt *a, int64_t ms);

/* It is created, and has all that it reads. */
void docker_ready(struct attempt *a);
/* It runs, and its output comes. */
void docker_run(struct attempt *a);
/* Asks for all that it has written so far, and what will follow. */
void docker_read_log(struct attempt *a);

/* --- docker/transfer.c ------------------------------------------------------------------------ */

/* Sends the parcel, then docker_ready(). */
void docker_send(struct attempt *a);
/* Then docker_finish(); at once, if nothing is to be fetched. */
void docker_take_back(struct attempt *a);

/* --- docker/end.c ----------------------------------------------------------------------------- */

/* Frees it if nothing of it is left. */
void docker_settle(struct attempt *a);
void docker_tell(struct attempt *a);
/* With the result in place.  What failed may still run: it is told once it does not. */
void docker_finish(struct attempt *a);
void docker_fail(struct attempt *a, const struct error *err, const char *what);
/* Before it could go, or before it gave back what it wrote. */
void docker_withdraw(struct attempt *a);
/* Before anything was asked of the daemon; returns rc. */
int docker_give_up(struct attempt *a, int rc);

/* --- docker/stats.c --------------------------------------------------------------------------- */

/* Fills the result while it runs. */
void docker_watch_stats(struct attempt *a);

/* --- docker/stop.c ---------------------------------------------------------------------------- */

void docker_apply_stops(struct attempt *a);
/* From the timer, while it is being stopped. */
void docker_watch_stop(struct attempt *a);

#endif
