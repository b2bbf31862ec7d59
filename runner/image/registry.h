/*
 * One repository, asked at each of the places where it is to be had: with what they want to see of
 * us, again after what may pass (a broken connection, 429, 5xx), and at the next place after what
 * will not.  Loop thread.
 *
 *	struct registry *r = registry_new(http, loop, &places, 0, 0);
 *	registry_start(r, &ask, &hooks);       on_done exactly once, not from inside
 *	registry_free(r);                      after the last on_done; then run the loop once more
 *
 * Protocol: OCI distribution-spec 1.1; Docker's registry has the same.
 */
#ifndef IMAGE_REGISTRY_H
#define IMAGE_REGISTRY_H

#include "image/endpoint.h"
#include "loop/http.h"

struct registry;

struct registry_ask {
	const char *path;   /* below the repository: "manifests/5" */
	const char *method; /* NULL: GET */
	uint64_t max_body;
	const uint64_t *have; /* bytes of it that are there: looked at before each try; or NULL */
};

/*
 * As those of HTTP, but on_done has an error whenever there is no good answer, and on_head comes
 * once for each try: response->offset says where its bytes begin.
 */
#define registry_hooks http_hooks

/* All are kept.  `wait_ms` is before the second try, doubled for each more; 0: a second.  `stall_s`
 * of silence end a try; 0: a minute. */
struct registry *registry_new(struct http *http, uv_loop_t *loop, const struct endpoints *places,
                              unsigned wait_ms, unsigned stall_s);
void registry_start(struct registry *registry, const struct registry_ask *ask,
                    const struct registry_hooks *hooks);

/* Ends all that is asked, and all that will be, with SLUICE_CANCELED. */
void registry_cancel(struct registry *registry);
void registry_free(struct registry *registry);

#endif
