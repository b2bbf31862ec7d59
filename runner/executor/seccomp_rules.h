/*
 * The system calls that a job may make: the allow list that Docker and Podman apply by default to
 * a container with default capabilities, for the architecture that this is built for.  All else is
 * EPERM.
 */
#ifndef EXECUTOR_SECCOMP_RULES_H
#define EXECUTOR_SECCOMP_RULES_H

#include <stddef.h>
#include <stdint.h>

/*
 * The native one alone: a call of another is refused.  Each more would double what an OCI runtime
 * computes at every start, which is half of its time.
 */
#if defined(__x86_64__)
#define SECCOMP_ARCH "SCMP_ARCH_X86_64"
#elif defined(__aarch64__)
#define SECCOMP_ARCH "SCMP_ARCH_AARCH64"
#else
#error "say here which seccomp architecture a container on this machine may use"
#endif

/* Ended by NULL.  Names that an architecture or an older libseccomp does not know are skipped. */
extern const char *const seccomp_allowed[];

/* What is allowed, or refused in its own way, only with a certain argument. */
struct seccomp_conditional {
	const char *name;
	const char *action;
	int errno_value; /* SCMP_ACT_ERRNO */
	const char *op;  /* on argument 0; NULL: unconditional */
	uint64_t value, value_two;
};

/* Ended by one without a name. */
extern const struct seccomp_conditional seccomp_conditionals[];

#endif
