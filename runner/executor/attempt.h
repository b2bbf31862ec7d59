/*
 * One attempt as the runner sees it: a shim that it or an earlier runner has spawned, and the
 * result that this leaves.
 * Loop thread; see executor.h for the life of it.
 */
#ifndef EXECUTOR_ATTEMPT_H
#define EXECUTOR_ATTEMPT_H

#include <uv.h>

#include "executor/executor.h"
#include "executor/launch.h"
#include "executor/spawn.h"

/* Starts a shim, which then waits for attempt_go().  Nothing of LAUNCH is needed after it
 * returns. */
int attempt_stage(uv_loop_t *loop, struct spawner *spawner, const struct launch *launch,
                  const struct attempt_hooks *hooks, struct attempt **ret_attempt,
                  struct error *err) MUST_USE;

/* See executor_adopt(). */
int attempt_adopt(uv_loop_t *loop, const char *dir, const struct attempt_hooks *hooks,
                  struct attempt **ret_attempt, struct error *err) MUST_USE;

bool attempt_go(struct attempt *attempt);

void attempt_stop(struct attempt *attempt, bool now);

/* Reads DIR/exit.json: what a shim that has ended by itself has left. */
int attempt_read_result(const char *dir, struct attempt_result *ret_result,
                        struct error *err) MUST_USE;

/* See executor_sweep(). */
int attempt_sweep(const char *dir, struct error *err) MUST_USE;

#endif
