/* How far a long piece of work has come: the threads that do it count, another one looks.  Where a
 * progress is asked for, NULL says that nobody looks. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

struct progress {
	atomic_uint_fast64_t total; /* bytes that are known of so far */
	atomic_uint_fast64_t done;
	atomic_uint parts, parts_done; /* what all of it makes, such as an image's layers */
};

static inline void progress_expect(struct progress *p, uint64_t bytes)
{
	if (p)
		atomic_fetch_add_explicit(&p->total, bytes, memory_order_relaxed);
}

static inline void progress_add(struct progress *p, uint64_t bytes)
{
	if (p)
		atomic_fetch_add_explicit(&p->done, bytes, memory_order_relaxed);
}

static inline void progress_expect_parts(struct progress *p, unsigned n)
{
	if (p)
		atomic_fetch_add_explicit(&p->parts, n, memory_order_relaxed);
}

static inline void progress_add_parts(struct progress *p, unsigned n)
{
	if (p)
		atomic_fetch_add_explicit(&p->parts_done, n, memory_order_relaxed);
}

#endif
