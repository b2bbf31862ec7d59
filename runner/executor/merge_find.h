/* Which of the ways of merge.h this machine has. */
#ifndef EXECUTOR_MERGE_FIND_H
#define EXECUTOR_MERGE_FIND_H

#include "executor/merge.h"

/*
 * The way of that name, or with NULL the first that works: root has the kernel's overlays; for an
 * ordinary user one is mounted to see, once per home and boot (with HOME NULL each time).
 * SLUICE_MISSING: the named way does not work here, or there is none of its name.
 */
int merge_find(const char *name, const char *home, enum merge_way *ret_way,
               struct error *err) MUST_USE;

#endif
