/* Who owns a run holds HOME/runs/UUID/lock, with its process id as the text.  Any thread. */
#ifndef ENGINE_OWNER_H
#define ENGINE_OWNER_H

#include <stdbool.h>

#include "base/error.h"
#include "catalog/catalog.h"

#define RUN_LOCK "lock"

/* Writes this process's id into the lock that it holds. */
int run_lock_sign(int lock) MUST_USE;

enum owner {
	OWNER_NONE,  /* nobody: a runner that died, or one that is done */
	OWNER_ALIVE, /* see *ret_pid */
};
int run_owner(const char *home, const char *uuid, enum owner *ret_owner, int *ret_pid,
              struct error *err) MUST_USE;

/* True for PENDING and RUNNING. */
bool run_phase_is_unfinished(const char *phase);

/* True if the run has no end and its runner died: its row says what was so before.  False also
 * where that cannot be found out. */
bool run_is_lost(struct catalog *catalog, const char *home, const struct catalog_run *run);

#endif
