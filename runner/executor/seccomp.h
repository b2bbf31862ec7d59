/*
 * The system calls that a job may make: the allow list that Docker and Podman apply by default to
 * a container with default capabilities, for the architecture that this is built for.
 */
#ifndef EXECUTOR_SECCOMP_H
#define EXECUTOR_SECCOMP_H

#include <cjson/cJSON.h>

/* The value of linux.seccomp in the OCI runtime's config.json; the caller owns it. */
cJSON *seccomp_profile(void);

#endif
