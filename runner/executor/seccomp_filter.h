/* The rules of seccomp_rules.h as the program that the kernel runs: made by seccomp_compile when
 * sluice is built, so that no start of a container has to. */
#ifndef EXECUTOR_SECCOMP_FILTER_H
#define EXECUTOR_SECCOMP_FILTER_H

#include <linux/filter.h>
#include <stddef.h>

extern const struct sock_filter seccomp_filter[];
extern const size_t seccomp_filter_len;  /* instructions */
extern const char seccomp_filter_text[]; /* the same in base64 */

#endif
