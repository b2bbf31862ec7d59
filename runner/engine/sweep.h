/*
 * What killed runners left: their containers, scratch directories and open versions.  Called at the
 * start of the next run in a home; blocks, seconds at most.
 */
#ifndef ENGINE_SWEEP_H
#define ENGINE_SWEEP_H

#include "base/error.h"
#include "dataset/dataset.h"
#include "executor/executor.h"

typedef void sweep_notice_fn(void *arg, const char *text);

/* Ends every run that has no end and no living runner: each is said through `notice`. */
int sweep_dead_runs(const char *home, struct datasets *datasets, struct executor *executor,
                    sweep_notice_fn *notice, void *arg, struct error *err) MUST_USE;

#endif
