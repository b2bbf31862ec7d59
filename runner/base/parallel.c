#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { MAX_THREADS = 64 };

struct parallel {
	const struct parallel_ops *ops;
	void *arg;
	size_t n;
	atomic_size_t next;
	atomic_int rc;
};

static void *work(void *p)
{
	struct parallel *all = p;
	void *state = all->ops->worker_new ? all->ops->worker_new(all->arg) : NULL;
	size_t i;

	while (atomic_load(&all->rc) == 0 && (i = atomic_fetch_add(&all->next, 1)) < all->n) {
		int rc = all->ops->item(all->arg, state, i);
		int none = 0;

		if (rc != 0)
			(void)atomic_compare_exchange_strong(&all->rc, &none, rc);
	}
	if (all->ops->worker_free)
		all->ops->worker_free(state);
	return NULL;
}

unsigned parallel_cores(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

	return n > 0 ? (unsigned)n : 1;
}

int parallel_run(size_t n, unsigned threads, const struct parallel_ops *ops, void *arg)
{
	struct parallel all = { .ops = ops, .arg = arg, .n = n };
	pthread_t thread[MAX_THREADS];
	unsigned started = 0;

	if (threads == 0)
		threads = parallel_cores();
	if (threads > MAX_THREADS)
		threads = MAX_THREADS;
	/* Where a thread cannot be had, those that run do its share. */
	while (started + 1 < threads && started + 1 < n &&
	       pthread_create(&thread[started], NULL, work, &all) == 0)
		started++;
	(void)work(&all);
	while (started > 0)
		(void)pthread_join(thread[--started], NULL);
	return atomic_load(&all.rc);
}
