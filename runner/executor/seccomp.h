/* The rules of seccomp_rules.h as an OCI runtime wants them. */
#ifndef EXECUTOR_SECCOMP_H
#define EXECUTOR_SECCOMP_H

#include <cjson/cJSON.h>

/* The value of linux.seccomp in the OCI runtime's config.json; the caller owns it. */
cJSON *seccomp_profile(void);

#endif
