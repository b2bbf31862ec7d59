/* Where a program lies that this machine may have. */
#ifndef EXECUTOR_PROGRAM_H
#define EXECUTOR_PROGRAM_H

/*
 * An absolute path, which the caller frees, or NULL.  A name with a '/' is a path; else $PATH is
 * asked, and then the usual places, since some users' $PATH lacks the sbin directories.
 */
char *program_find(const char *name);

#endif
