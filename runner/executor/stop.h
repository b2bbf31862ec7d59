/*
 * Asks all processes of a container to end, as if its first one were like any other.
 *
 * The kernel gives the first process of a pid namespace no signal that it has no handler for.  So a
 * shell in that place would let a stop pass, and the program that it waits for would never hear of
 * it.  Here every process gets the signal; the first one, if it has no handler, is frozen (so that
 * no next command of a script begins) and killed once the others are gone.
 *
 * Libc alone, for the shim.  The processes of a container are those that /proc shows in the cgroup
 * of its first one.
 */
#ifndef EXECUTOR_STOP_H
#define EXECUTOR_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* `init` is our child and not reaped, so that its pid stays its own.  Returns true if it only waits
 * for the others: then ask stop_finish() from time to time. */
bool stop_ask(pid_t init, int sig);

/* Kills init if it is alone. */
void stop_finish(pid_t init);

/* The parts of it, for a container that is another's child: has it no handler for the signal?  And
 * sends one (0: none) to all others of its container; returns how many there are. */
bool stop_has_default(pid_t init, int sig);
size_t stop_others(pid_t init, int sig);

#endif
