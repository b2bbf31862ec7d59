/* Wrong paths that a user gave. */
#ifndef BASE_ERROR_PATH_H
#define BASE_ERROR_PATH_H

#include <errno.h>

#include "base/error.h"

/* After error_sys() about a path that a user gave: what is wrong with the path itself, and not with
 * the machine, becomes SLUICE_INVALID.  Returns the class. */
static inline int error_path(struct error *err)
{
	static const int faults[] = { ENOENT, ENOTDIR, EISDIR, ELOOP,    ENAMETOOLONG,
		                      EACCES, EPERM,   EEXIST, ENOTEMPTY };

	for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
		if (err->sys == faults[i])
			err->class = SLUICE_INVALID;
	return err->class;
}

#endif
