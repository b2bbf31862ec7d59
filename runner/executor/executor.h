/*
 * A place that runs a job's container.  This is all that engine/ and action/ see of it: a request
 * that is complete in itself goes in, one result comes back.
 *
 *	executors_open(...)                   the one that was asked for, or that works
 *	executor_resolve(image) -> digest     on a worker thread, once per run and image
 *	executor_prepare(request)             on a worker thread: image unpacked, ready to start
 *	executor_stage(request, hooks)        under its shim, all is ready for the container to run
 *	executor_go(attempt)                  it runs
 *	executor_adopt(dir, hooks)            ... or one does that an earlier runner has started
 *	executor_stop(attempt, ...)           any number of times
 *	hooks.on_end(result)                  exactly once, never from inside stage or adopt
 *
 * SIGPIPE must be ignored: what is spoken to may be gone.
 */
#ifndef EXECUTOR_EXECUTOR_H
#define EXECUTOR_EXECUTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/progress.h"

enum request_root {
	ROOT_IMAGE, /* the image's layers under a throw-away writable one */
	ROOT_HOST,  /* this machine's own files, read-only: for built-in steps such as git */
};

enum mount_kind {
	MOUNT_VIEW,     /* a directory as a private copy-on-write view: writes are thrown away */
	MOUNT_READONLY, /* a directory or file, read-only */
	MOUNT_WRITE,    /* a directory, shared and writable */
	MOUNT_TEXT,     /* a private, writable file holding `source` (a text, not a path) */
};

struct request_mount {
	enum mount_kind kind;
	const char *source; /* absolute path of this machine */
	const char *target; /* absolute path in the container; made where it is missing */
};

enum request_network {
	NETWORK_HOST,    /* the machine's own */
	NETWORK_PRIVATE, /* one for all jobs of the executor, from which the outside is reached */
	NETWORK_NONE,    /* a loopback of its own */
};

static inline const char *request_network_name(enum request_network network)
{
	static const char *const names[] = { "host", "private", "none" };

	return names[network];
}

/* False if no network has this name. */
static inline bool request_network_find(const char *name, enum request_network *ret_network)
{
	for (int i = NETWORK_HOST; i <= NETWORK_NONE; i++) {
		*ret_network = (enum request_network)i;
		if (strcmp(name, request_network_name(*ret_network)) == 0)
			return true;
	}
	return false;
}

/* What it may take of the machine; 0: as much as there is. */
struct request_limits {
	uint64_t cpu_milli;    /* thousandths of a core */
	uint64_t memory_bytes; /* more is the kernel's reason to kill; swap adds nothing to it */
	uint64_t shm_bytes;    /* size of /dev/shm, which counts as memory */
};

/* Complete in itself.  Everything is borrowed until executor_stage() returns. */
struct request {
	const char *id;  /* [a-z0-9-], at most 60: container, cgroup and host name; unique on a
	                    machine */
	const char *dir; /* the attempt's directory, absolute; it exists */
	enum request_root root;
	const char *image;             /* ROOT_IMAGE: manifest digest, see executor_resolve */
	const char *const *entrypoint; /* NULL-terminated; NULL: the image's own */
	const char *const *args;       /* NULL: the image's cmd, or none if entrypoint is given */
	const char *script;            /* text put at REQUEST_SCRIPT_PATH, or NULL */
	const char *const *env;        /* NAME=VALUE; wins over the image's */
	const char *cwd;               /* NULL: the image's */
	const struct request_mount *mounts;
	size_t n_mounts;
	enum request_network network;
	struct request_limits limits;
	const char *const *gpus; /* those that it is given, see gpus.h; NULL-terminated or NULL */
	const char *const *secrets; /* values that the log shows as ***; NULL-terminated or NULL */
	uint64_t grace_ms;          /* from SIGTERM to SIGKILL when the shim is asked to stop */
	struct progress *progress;  /* of executor_prepare(), or NULL */
};

/* Is it the attempt's own: a writable directory below its own one? */
static inline bool request_owns(const struct request *r, const struct request_mount *m)
{
	size_t len = strlen(r->dir);

	return m->kind == MOUNT_WRITE && strncmp(m->source, r->dir, len) == 0 &&
	       m->source[len] == '/';
}

#define REQUEST_SCRIPT_PATH "/run/sluice/script"

enum attempt_end {
	ATTEMPT_EXITED,   /* see exit_code */
	ATTEMPT_SIGNALED, /* see signal */
	ATTEMPT_ERROR,    /* the machinery failed: see error */
};

struct attempt_result {
	enum attempt_end end;
	int exit_code;
	int signal;
	bool oom; /* the kernel killed something in it for want of memory */
	/* No descriptor that it may have handed to a process elsewhere can change any more what
	 * request_owns(). */
	bool sealed;
	/* What it used: of memory the most at a time, of disks what no cache answered; 0 where
	 * that is not known. */
	uint64_t cpu_ns, peak_bytes, read_bytes, written_bytes;
	int64_t started_ms, finished_ms; /* wall clock */
	struct error error;              /* ATTEMPT_ERROR */
};

struct attempt_hooks {
	void (*on_end)(void *arg, const struct attempt_result *result);
	void *arg;
};

struct executor;
struct attempt;

/* For those who implement one: embed it first. */
struct executor_ops {
	bool seals;       /* results say so, unless something is in the way; or never */
	bool staged_stay; /* nobody takes one away that waits to go, however long that is */
	int (*resolve)(struct executor *e, const char *image, char ret_digest[72],
	               struct error *err);
	int (*prepare)(struct executor *e, const struct request *request, struct error *err);
	int (*stage)(struct executor *e, const struct request *request,
	             const struct attempt_hooks *hooks, struct attempt **ret_attempt,
	             struct error *err);
	bool (*go)(struct attempt *attempt);
	int (*adopt)(struct executor *e, const char *dir, const char *image,
	             const struct attempt_hooks *hooks, struct attempt **ret_attempt,
	             struct error *err);
	void (*stop)(struct attempt *attempt, bool now);
	int (*sweep)(struct executor *e, const char *dir, struct error *err);
	void (*free)(struct executor *e);
};

/* What goes with all that executor_resolve() is asked at a time. */
struct image_order {
	bool look_only;            /* the digest only: nothing is pulled; "": not to be known */
	struct progress *progress; /* of bytes that come, or NULL */
	const atomic_bool *stop;   /* it shall end soon, with SLUICE_CANCELED; or NULL */
};

struct executor {
	const struct executor_ops *ops;
	const char *name; /* see executors.h */
	const char *what; /* it runs jobs by, for people: "/usr/bin/crun" */
	bool has_network; /* NETWORK_PRIVATE is made by others than this machine's programs */
	/* Its jobs may run on another machine, which has so much (0: not known), and other devices.
	 */
	bool is_elsewhere;
	uint64_t cpu_milli, memory;
	struct image_order order; /* set before, by whoever asks */
};

/*
 * The digest that an image reference stands for now: recorded, so that all jobs see the same.  Any
 * thread; may take long, for the image is pulled if it is not here.  SLUICE_MISSING: it cannot be
 * had.
 */
static inline int executor_resolve(struct executor *e, const char *image, char ret_digest[72],
                                   struct error *err)
{
	return e->ops->resolve(e, image, ret_digest, err);
}

/* Any thread; may take long. */
static inline int executor_prepare(struct executor *e, const struct request *request,
                                   struct error *err)
{
	return e->ops->prepare(e, request, err);
}

/*
 * Loop thread.  Gets everything ready but the container itself, which waits for executor_go(): the
 * next job can be got ready while others run.  An attempt that has not gone leaves nothing when it
 * is stopped or when the runner dies; what cannot be got ready ends in an error without
 * executor_go().
 *
 * Writes DIR/log (the line format of the Kubernetes CRI: time, stream, P or F, text) and
 * DIR/exit.json.  On failure no hook is called.  The attempt is borrowed; it is gone after on_end.
 * By then nothing of the job runs any more; its scratch directories are gone when the loop has
 * nothing left to do.
 */
static inline int executor_stage(struct executor *e, const struct request *request,
                                 const struct attempt_hooks *hooks, struct attempt **ret_attempt,
                                 struct error *err)
{
	return e->ops->stage(e, request, hooks, ret_attempt, err);
}

/* Once.  Loop thread.  False: what it was to run on has gone since, so that it does not run, and
 * after on_end it can be staged anew. */
static inline bool executor_go(struct attempt *attempt, const struct executor *e)
{
	return e->ops->go(attempt);
}

/*
 * Goes on with the attempt in DIR that a runner which died has started: whether it still runs or
 * has ended since, on_end comes as after executor_go().  SLUICE_NOT_FOUND says that nothing of
 * it runs nor ever will (it was not begun, or the machine has been started anew since): what it
 * left is removed, and the job needs another attempt.  `image` is the request's, or NULL.
 */
static inline int executor_adopt(struct executor *e, const char *dir, const char *image,
                                 const struct attempt_hooks *hooks, struct attempt **ret_attempt,
                                 struct error *err)
{
	return e->ops->adopt(e, dir, image, hooks, ret_attempt, err);
}

/* SIGTERM and, after the grace period, SIGKILL; `now` goes straight to SIGKILL.  on_end follows. */
static inline void executor_stop(struct attempt *attempt, const struct executor *e, bool now)
{
	e->ops->stop(attempt, now);
}

/* Ends whatever a dead runner left of the attempt in DIR (shim, container, cgroup, scratch
 * directories); returns when it is gone. Blocking, seconds at most. */
static inline int executor_sweep(struct executor *e, const char *dir, struct error *err)
{
	return e->ops->sweep(e, dir, err);
}

static inline void executor_free(struct executor *e)
{
	if (e)
		e->ops->free(e);
}

#endif
