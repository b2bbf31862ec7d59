/*
 * The private network of a run: a network namespace that all its containers share, connected with
 * the outside by one process of slirp4netns.  Connections to anywhere and name resolution work; the
 * machine's loopback, its abstract sockets and the addresses from which clouds hand out credentials
 * cannot be reached.  Needs root, or to be it in a user namespace.
 *
 * Nobody has to end it: the namespace lives as long as a process or descriptor of it, and the
 * helper as long as anyone holds `helper`, which the runner and every shim do.
 */
#ifndef EXECUTOR_NETWORK_H
#define EXECUTOR_NETWORK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct network {
	int ns;     /* the namespace; -1: there is none */
	int helper; /* a socket: one byte once the network is up, and its end with the helper's */
	pid_t pid;  /* of the helper, our child */
};

#define NETWORK_NONE_YET               \
	{                              \
		.ns = -1, .helper = -1 \
	}

/* Where the containers' resolv.conf finds a resolver: the helper passes questions on to the
 * machine's own. */
#define NETWORK_RESOLVER "198.18.0.3"

/*
 * Whether one can be made here: makes one, once per home and boot.  SLUICE_MISSING says what this
 * machine lacks.  Blocking, a few hundredths of a second.
 */
int network_check(const char *home, struct error *err) MUST_USE;

/* Blocks for a millisecond or two; the network is up a few hundredths of a second later. */
int network_open(struct network *ret_network, struct error *err) MUST_USE;

/* There is one, and its helper has not ended. */
bool network_lives(const struct network *n);

/* The same of a duplicate of `helper`; -1: there is none. */
bool network_helper_lives(int helper);

/* The containers in it keep it.  For one that never was, too. */
void network_close(struct network *n);

#endif
