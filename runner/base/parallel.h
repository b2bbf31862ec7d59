/* Runs the same function on many items with a few threads, and returns when all are done. */
#ifndef BASE_PARALLEL_H
#define BASE_PARALLEL_H

#include <stddef.h>

/* What one thread keeps for itself (buffers, a digest); made and freed on that thread. */
struct parallel_ops {
	void *(*worker_new)(void *arg);   /* may be NULL */
	void (*worker_free)(void *state); /* may be NULL */
	/* Returns 0, or anything else to make all threads stop taking items. */
	int (*item)(void *arg, void *state, size_t i);
};

/*
 * Calls ops->item for i in 0 .. n - 1, taken in order, each once; returns 0 or the value of the
 * first item that said no.  `threads` 0 means one for each processor that this process may use;
 * the caller's thread is one of them.
 */
int parallel_run(size_t n, unsigned threads, const struct parallel_ops *ops, void *arg);

unsigned parallel_cores(void);

#endif
