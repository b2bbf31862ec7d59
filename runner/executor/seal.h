/*
 * What a job may write to is closed when it has ended.  A descriptor of it that the job has handed
 * to a process elsewhere, through a socket, outlives the container together with the mount that it
 * was opened on; so that mount, the container's own, is made read-only before anybody counts on the
 * files.  This takes the container's mount namespace: the runtime starts this program as a hook in
 * it (createContainer, before the job's command), which sends it to the shim, and with it a
 * descriptor of each mount.  Who enters a namespace stands at its root, which is not the
 * container's where sluice itself runs in a chroot: so nobody looks up a path there.
 */
#ifndef EXECUTOR_SEAL_H
#define EXECUTOR_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The shim's first argument when it is the hook; then the bundle's path, and where in the
 * container the mounts are. */
#define SEAL_HOOK "hook"

/* Before the runtime starts: a socket in the bundle, to close, or -errno. */
int seal_listen(void);

/* The hook.  Without success nothing will be sealed. */
void seal_send(const char *bundle, char *const *targets, size_t n);

/* In the hook's place, for the first process of a container; from the attempt's directory. */
void seal_send_of(pid_t init, const char *const *targets, size_t n);

/* Once nothing of the container runs: is each source, which is mounted at the target of the
 * same number, read-only there now?  Not if somebody has a file open for writing.  `fd` is
 * seal_listen's. */
bool seal(int fd, const char *const *sources, size_t n);

#endif
