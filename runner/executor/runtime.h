/* Finds an OCI runtime that works on this machine, by starting a container with it. */
#ifndef EXECUTOR_RUNTIME_H
#define EXECUTOR_RUNTIME_H

#include "base/error.h"

/*
 * WANTED is a name or path, or NULL for the first of crun and runc that works.  The check (a
 * container of the machine's own files that runs `true`) is made once per home, runtime and boot.
 * SLUICE_MISSING says what each runtime answered.  Blocking, a few hundredths of a second.
 */
int runtime_find(const char *wanted, const char *home, const char *shim, char **ret_path,
                 struct error *err) MUST_USE;

#endif
