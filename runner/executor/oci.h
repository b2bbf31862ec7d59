/*
 * The executor that runs containers on this machine by an OCI runtime (crun or runc), each under
 * its own sluice-shim.  An ordinary user's have what a user namespace has, see base/userns.h.
 */
#ifndef EXECUTOR_OCI_H
#define EXECUTOR_OCI_H

#include "executor/executors.h"

/*
 * SLUICE_MISSING says what this machine lacks.  The shim is $SLUICE_SHIM, or beside this program,
 * or in ../libexec/sluice/.
 */
executor_make_fn executor_oci_new;

/* The same by bubblewrap, see bwrap_config.h for what differs. */
executor_make_fn executor_bwrap_new;

/* By an OCI runtime on this machine's own files, see machine.h: images that jobs name are not
 * looked at. */
executor_make_fn executor_host_new;

#endif
