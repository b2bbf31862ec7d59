/* Finds an OCI runtime, or bwrap, that works on this machine, by starting a container with it. */
#ifndef EXECUTOR_RUNTIME_H
#define EXECUTOR_RUNTIME_H

#include "base/error.h"

/*
 * WANTED is a name or path, or NULL for the first of crun and runc that works.  INIT is NULL, or
 * sluice-init's path: then it is bwrap, of that name or path.  The check (a
 * container of the machine's own files that runs `true`) is made once per home, runtime and boot.
 * SLUICE_MISSING says what each runtime answered.  Blocking, a few hundredths of a second.
 */
int runtime_find(const char *wanted, const char *home, const char *shim, const char *init,
                 char **ret_path, struct error *err) MUST_USE;

/*
 * crun and runc, before each container that they start, copy themselves and begin anew as the copy,
 * for a container could else write to the machine's program.  A copy that is sealed in memory they
 * take for such a one.  Its descriptor is LOWEST at least, and the caller closes it; -1: there is
 * none, and the runtime is to be started by its path.
 */
int runtime_copy(const char *runtime, int lowest);

#endif
