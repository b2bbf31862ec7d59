/*
 * Downloads one URL into a file, for callers without a loop: runs a loop of its own until the
 * file is whole, goes on where a broken try ended, waits when the server asks to.  Any thread.
 *
 *	struct fetch fetch = { .request = { .url = url }, .digest = &digest };
 *	rc = fetch_file(&fetch, fd, &err);
 */
#ifndef LOOP_FETCH_H
#define LOOP_FETCH_H

#include "base/digest.h"
#include "loop/ask.h"

struct fetch {
	struct http_request request; /* offset and if_range are set here */
	const struct digest *digest; /* of the whole, or NULL */
	struct asker *by;            /* whose connection it uses; NULL: one of its own */
	unsigned tries;              /* 0: 5 */
	unsigned wait_ms;            /* before the second try, doubled for each more; 0: 1000 */

	/*
	 * The ETag or Last-Modified of the bytes in the file, "" if none; out as well as in.  A
	 * file that is not empty is gone on with if this or the digest can tell that it may be.
	 */
	char validator[256];
	void (*on_progress)(void *arg, uint64_t have, int64_t total); /* total -1: unknown */
	/* Before each try: what a request brings along may be good for a while only.  May be NULL.
	 */
	void (*on_try)(void *arg, struct http_request *request);
	void *arg;
};

/*
 * Fills the file from its beginning; its offset does not matter.  SLUICE_CORRUPT if it is not
 * what the digest names: the file is empty then.  After other failures the file holds what came,
 * for a later call.
 */
int fetch_file(struct fetch *fetch, int fd, struct error *err) MUST_USE;

/* Milliseconds to wait before try number `n` (the second is 1): what the server asked for, up to
 * two minutes, else `base_ms` doubled up to half a minute.  Pure. */
unsigned fetch_delay_ms(unsigned n, unsigned base_ms, unsigned retry_after_s);

#endif
