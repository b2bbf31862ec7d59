/*
 * The "user" of an image's config against the image's /etc/passwd and /etc/group, by the rules
 * that Docker follows: numbers win over names, a number needs no entry, a name does.  Pure.
 */
#ifndef EXECUTOR_USER_H
#define EXECUTOR_USER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { USER_GROUPS_MAX = 256, USER_HOME_SIZE = 1024 };

struct user {
	uint32_t uid, gid;
	uint32_t groups[USER_GROUPS_MAX]; /* the additional ones */
	size_t n_groups;
	char home[USER_HOME_SIZE]; /* "/" where nothing says another */
};

/*
 * SPEC is "", "USER" or "USER:GROUP", each a name or a number; "" is root.  PASSWD and GROUP are
 * the files' texts, "" where the image has none.  With a group given there are no additional ones.
 */
int user_find(const char *spec, const char *passwd, const char *group, struct user *ret_user,
              struct error *err) MUST_USE;

#endif
