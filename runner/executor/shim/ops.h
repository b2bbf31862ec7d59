/*
 * What the runner tells a shim, through a memfd at descriptor 3 and nothing else (argv and disk
 * would show secrets): pairs of NUL-terminated strings, a key and its value.  The shim starts in
 * the attempt's directory.
 */
#ifndef EXECUTOR_SHIM_OPS_H
#define EXECUTOR_SHIM_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/strbuf.h"

enum {
	SHIM_TOLD_FD = 1,   /* closed by the shim once exit.json is there */
	SHIM_ORDERS_FD = 3, /* where the orders are read */
	SHIM_GO_FD = 4,     /* a pipe: a byte lets the container run, its end forbids it */
	SHIM_NETNS_FD = 5,  /* with SHIM_NETWORK: the namespace, */
	SHIM_HELPER_FD = 6, /* and what keeps its helper; see network.h */
	SHIM_SOCKET_FD = 7, /* of the process that waits for attempts, see spawn.h */
	SHIM_RUNTIME_FD =
		8,          /* the runtime's copy, see runtime.h; or nothing that can be executed */
	SHIM_GIVEN_MAX = 6, /* descriptors that it is given for one */
	SHIM_TITLE_MAX = 64,
	SHIM_ORDERS_MAX = 64 << 20,
	SHIM_DISK_FULL = 28, /* its exit status when it could write no exit.json for lack of room */
};

/* SHIM_TITLE_MAX bytes with the one that ends it. */
#define SHIM_TITLE_ROOM "                                                               "

#define SHIM_RUNTIME_COPY "/proc/self/fd/8"

#define SHIM_ID          "id"
#define SHIM_RUNTIME     "runtime" /* absolute path: of an OCI runtime, or with SHIM_INIT of bwrap */
#define SHIM_CGROUP      "cgroup"  /* "/sluice/ID" */
#define SHIM_STOP_SIGNAL "stop-signal" /* number */
#define SHIM_GRACE_MS    "grace-ms"
#define SHIM_UID         "uid"
#define SHIM_GID         "gid"
#define SHIM_UPPER       "upper" /* "disk" or "memory": where the root's writable layer lies */
#define SHIM_USER        "user"  /* "ordinary": the root's layers have the marks of one */
#define SHIM_MERGE       "merge" /* a name of merge.h; the first if there is none */
#define SHIM_LAYER       "layer" /* path; the topmost first */
#define SHIM_VIEW        "view"  /* path of the directory; in the order of the request */
#define SHIM_OWN         "own"   /* directory for the container's user, sealed at the end */
#define SHIM_SECRET      "secret"
#define SHIM_NETWORK     "network" /* "private": the descriptors are there; "none" */
#define SHIM_FILE        "file"    /* name in the bundle; the next pair is its text */
#define SHIM_TEXT        "text"

/* What the bundle's config.json says to an OCI runtime, for bwrap. */
#define SHIM_INIT       "init"       /* absolute path of sluice-init */
#define SHIM_ROOT       "root"       /* ... of the container's root; "mount" leads below it */
#define SHIM_OPTION     "option"     /* of bwrap's */
#define SHIM_READONLY   "readonly"   /* path in the container, where it is there */
#define SHIM_MASK       "mask"       /* path in the container, hidden where it is there */
#define SHIM_GROUP      "group"      /* additional one of the user */
#define SHIM_MOUNT      "mount"      /* path in the container; the next three pairs: */
#define SHIM_MOUNT_TYPE "mount-type" /* file system */
#define SHIM_MOUNT_FROM "mount-from" /* path of the machine for a bind */
#define SHIM_MOUNT_HOW  "mount-how"  /* options, each followed by a comma */
#define SHIM_CPU_QUOTA  "cpu-quota"  /* microseconds of each CGROUP_PERIOD_US */
#define SHIM_MEMORY     "memory"     /* bytes */
#define SHIM_CWD        "cwd"        /* these three, and SHIM_UID, go on to sluice-init */
#define SHIM_ARG        "arg"
#define SHIM_ENV        "env"

static inline void shim_ops_add(struct strbuf *sb, const char *key, const char *value)
{
	strbuf_add(sb, key, strlen(key) + 1);
	strbuf_add(sb, value, strlen(value) + 1);
}

/* Takes the next pair of what lies between *P and END; false at the end or when it is cut off. */
static inline bool shim_ops_next(const char **p, const char *end, const char **ret_key,
                                 const char **ret_value)
{
	const char *word[2];

	for (int i = 0; i < 2; i++) {
		const char *nul = memchr(*p, '\0', (size_t)(end - *p));

		if (!nul)
			return false;
		word[i] = *p;
		*p = nul + 1;
	}
	*ret_key = word[0];
	*ret_value = word[1];
	return true;
}

#endif
