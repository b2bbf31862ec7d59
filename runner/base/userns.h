/*
 * An ordinary user's own root: a user namespace that the process enters once, at the start of a
 * command.  In it the process is user 0 and may mount, and if /etc/subuid and /etc/subgid give the
 * user more ids (and newuidmap and newgidmap are there) it has these as users 1, 2, ... too.
 * Files of the user are root's in there, and what root makes in there is the user's outside.
 *
 * Whatever depends on who the user is (the home, the configuration) asks userns_is_root(), not
 * geteuid().
 */
#ifndef BASE_USERNS_H
#define BASE_USERNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum userns_kind {
	USERNS_ROOT, /* the machine's root: it needs none */
	USERNS_NONE, /* an ordinary user who has entered none */
	USERNS_MANY, /* entered; there are more users than root */
	USERNS_ONE,  /* entered; root is the only user */
};

/* Before there is a second thread.  Does nothing for root.  On failure the user stays who he is,
 * and userns_need() says why. */
void userns_enter(void);

enum userns_kind userns_kind(void);

/* Was the process started by root? */
bool userns_is_root(void);

/* Who the user is outside of the namespace. */
uid_t userns_uid(void);

/* Does the id stand for a user (and a group) here? */
bool userns_has_id(uint32_t id);

/* The highest group that there is here. */
uint32_t userns_last_gid(void);

/* SLUICE_MISSING, with the way out, if this is an ordinary user who could enter none. */
int userns_need(struct error *err) MUST_USE;

#endif
