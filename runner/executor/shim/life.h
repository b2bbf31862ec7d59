/*
 * Which process stands over an attempt: DIR/shim.json, read and written here alone.
 *
 * The shim claims the attempt with it before anything of the job can run.  A runner that looks for
 * a shim and finds none bars the attempt with a record of process 0.  Neither replaces the other's,
 * so of the two one wins: a shim that was spawned and has not begun cannot start what nobody
 * follows.
 */
#ifndef EXECUTOR_SHIM_LIFE_H
#define EXECUTOR_SHIM_LIFE_H

#include <stdint.h>

#include "base/error.h"
#include "executor/exit_record.h"

/* Fills all but the cgroup with what this process is to those outside its pid namespace; as long as
 * it sees their /proc. */
void shim_know_thyself(struct shim_record *ret_record);

/* SELF is the attempt's shim. */
int shim_claim(int dirfd, const struct shim_record *self, struct error *err) MUST_USE;

/* Sets aside the room that exit.json will take: a job may fill the disk.  Returns a descriptor for
 * shim_put_end(), or -1: it was full already, or its file system knows no such thing. */
int shim_make_room(int dirfd);
/* Puts exit.json in place at once: 0 or -errno. */
int shim_put_end(int dirfd, int room, const struct exit_record *record) MUST_USE;

enum shim_life {
	SHIM_NONE, /* there is no shim nor will there be, or it was another boot's */
	SHIM_ENDED,
	SHIM_ALIVE,
};

/* Fills *ret_record unless there is none, and if it is alive *ret_pidfd, which the caller closes:
 * a pidfd stays with its process. */
int shim_find(int dirfd, enum shim_life *ret_life, struct shim_record *ret_record, int *ret_pidfd,
              struct error *err) MUST_USE;

#endif
