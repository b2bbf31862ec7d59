/*
 * Asks all processes of a container to end, as if its first one were like any other.
 *
 * The kernel gives the first process of a pid namespace no signal that it has no handler for.  So a
 * shell in that place would let a stop pass, and the program that it waits for would never hear of
 * it.  Here every process gets the signal; the first one, if it has no handler, is frozen (so that
 * no next command of a script begins) and killed once the others are gone.
 *
 * Libc alone, for the shim, which is the first process of its own pid namespace: all others that
 * its /proc shows are the container's.  `init` is our child and not reaped, so that its pid stays
 * its own.
 */
#ifndef EXECUTOR_STOP_H
#define EXECUTOR_STOP_H

#include <stdbool.h>
#include <sys/types.h>

/* Returns true if init only waits for the others: then ask stop_finish() from time to time. */
bool stop_ask(pid_t init, int sig);

/* Kills init if it is alone. */
void stop_finish(pid_t init);

#endif
