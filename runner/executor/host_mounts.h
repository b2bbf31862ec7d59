/*
 * Which of this machine's mounts ROOT_HOST shows beside the root file system: those that hold
 * people's files.  Pure: it reads the text of /proc/self/mountinfo, see proc_pid_mountinfo(5).
 */
#ifndef EXECUTOR_HOST_MOUNTS_H
#define EXECUTOR_HOST_MOUNTS_H

#include <stddef.h>

enum { HOST_MOUNTS_MAX = 256 }; /* what comes after these is left out */

/* Mount points, outer before inner, each once, NULL-terminated; free with host_mounts_free(). */
char **host_mounts_find(const char *mountinfo);
void host_mounts_free(char **list);

#endif
