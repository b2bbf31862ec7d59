/* A pull from the inside.  Callers outside see image.h only. */
#ifndef IMAGE_PULL_H
#define IMAGE_PULL_H

#include <pthread.h>
#include <uv.h>

#include "image/image.h"
#include "image/layout.h"
#include "image/partial.h"
#include "image/reference.h"

enum blob_state {
	BLOB_NONE,  /* not begun */
	BLOB_WAITS, /* another pull has it */
	BLOB_COMES,
	BLOB_OVER,
};

struct pull_blob {
	struct pull *pull;
	const struct oci_descriptor *want;
	struct partial partial;
	enum blob_state state;
	struct layer_progress *shown; /* or NULL */
	unsigned n_corrupt;
};

/* Blobs that are whole, from the thread that has fetched them to those that unpack. */
struct arrivals {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct pull_blob **blob;
	size_t n, n_taken;
	bool ended, failed;
};

void arrivals_init(struct arrivals *a, size_t most);
void arrivals_add(struct arrivals *a, struct pull_blob *blob);
/* No more will come; `failed`: those who wait shall give up. */
void arrivals_end(struct arrivals *a, bool failed);
/* As in struct layout_arrivals. */
int arrivals_next(void *arg, const char **ret_blob, int *ret_fd, struct error *err);
void arrivals_release(struct arrivals *a); /* also one that is all zero */

struct pull {
	struct images *im;
	const struct reference *ref;
	const char *shown; /* the reference, for people */
	const char *local; /* digest of what the name stands for in the home, or NULL */
	const struct images_pull_how *how;
	uv_loop_t loop;
	uv_timer_t watch; /* looks for a stop, and after blobs that others fetch */
	uv_timer_t next;  /* starts blobs, outside of what has ended the last one */
	struct registry *registry;
	struct oci_descriptor top, chosen;
	struct oci_manifest manifest;
	struct pull_blob *blobs; /* each once */
	size_t n_blobs, n_started, n_running;
	struct error err; /* the first */

	struct arrivals arrivals;
	uv_async_t loaded; /* the other thread has ended: */
	int load_rc;
	struct error load_err;
};

/* --- pull_blobs.c ----------------------------------------------------------------------------- */

enum { PULL_AT_ONCE = 3 }; /* blobs; unpacking begins with the first that is whole */

/* Each blob of the manifest, once. */
void pull_list_blobs(struct pull *p);
/* p->next: starts as many as may come at once; the last ends the loop. */
void pull_on_next(uv_timer_t *timer);
void pull_on_watch(uv_timer_t *timer); /* p->watch */
/* The first failure is the pull's: nothing more comes, and who waits gives up. */
void pull_fail(struct pull *p, const struct error *err);

/* --- pull.c ----------------------------------------------------------------------------------- */

enum { PULL_UNCHANGED = 1 };

/*
 * Pulls what REF stands for, whatever is there.  `local`: the digest that it stands for in the
 * home, or NULL; PULL_UNCHANGED if it still does and only a tag was asked for.
 */
int layout_pull(struct images *im, const struct reference *ref, const char *local,
                const struct images_pull_how *how, char ret_digest[OCI_DIGEST_SIZE],
                struct error *err) MUST_USE;

#endif
