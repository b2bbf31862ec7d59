#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "image/pull.h"

void arrivals_init(struct arrivals *a, size_t most)
{
	(void)pthread_mutex_init(&a->mutex, NULL);
	(void)pthread_cond_init(&a->changed, NULL);
	a->blob = xcalloc(most + 1, sizeof *a->blob);
}

void arrivals_add(struct arrivals *a, struct pull_blob *blob)
{
	(void)pthread_mutex_lock(&a->mutex);
	a->blob[a->n++] = blob;
	(void)pthread_cond_broadcast(&a->changed);
	(void)pthread_mutex_unlock(&a->mutex);
}

void arrivals_end(struct arrivals *a, bool failed)
{
	if (!a->blob)
		return;
	(void)pthread_mutex_lock(&a->mutex);
	a->ended = true;
	a->failed |= failed;
	(void)pthread_cond_broadcast(&a->changed);
	(void)pthread_mutex_unlock(&a->mutex);
}

/* A descriptor of its own: that of the partial stands at its end. */
static int open_again(const struct pull_blob *b)
{
	const struct partial *p = &b->partial;
	char path[32];
	int fd;

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", p->fd);
	fd = p->fd >= 0 ? open(path, O_RDONLY | O_CLOEXEC)
	                : openat(p->im->blobs_fd, p->hex, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int arrivals_next(void *arg, const char **ret_blob, int *ret_fd, struct error *err)
{
	struct arrivals *a = arg;
	struct pull_blob *b = NULL;

	(void)pthread_mutex_lock(&a->mutex);
	while (a->n_taken == a->n && !a->ended)
		(void)pthread_cond_wait(&a->changed, &a->mutex);
	if (a->n_taken < a->n && !a->failed)
		b = a->blob[a->n_taken++];
	(void)pthread_mutex_unlock(&a->mutex);
	if (!b)
		return error_set(err, SLUICE_CANCELED, "no more layers come");
	*ret_blob = b->want->digest;
	*ret_fd = open_again(b);
	return *ret_fd < 0 ? error_sys(err, *ret_fd, "cannot open blob %s", b->want->digest) : 0;
}

void arrivals_release(struct arrivals *a)
{
	if (!a->blob)
		return;
	free(a->blob);
	(void)pthread_cond_destroy(&a->changed);
	(void)pthread_mutex_destroy(&a->mutex);
}
