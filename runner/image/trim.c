/* Unpacked layers are a cache of their blobs: what has not been used for longest goes first. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/usage.h"
#include "base/xalloc.h"
#include "image/image.h"
#include "image/layout.h"

struct unpacked {
	char name[DIGEST_HEX_LEN + 1];
	struct timespec used;
	uint64_t bytes;
};

struct unpacked_list {
	struct unpacked *layer;
	size_t n, cap;
};

static int by_use(const void *a, const void *b)
{
	const struct timespec *x = &((const struct unpacked *)a)->used;
	const struct timespec *y = &((const struct unpacked *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static int add_layer(struct images *im, struct unpacked_list *list, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/layers/%s", im->home, name);
	struct unpacked layer = { .bytes = 0 };
	struct usage usage = { 0 };
	struct digest d;
	struct stat st;
	int rc;

	if (strlen(name) != DIGEST_HEX_LEN || !digest_parse(name, &d))
		return 0;
	if (lstat(path, &st) != 0) /* a sweep has it */
		return errno == ENOENT ? 0 : -errno;
	rc = usage_add(path, &usage);
	if (rc < 0)
		return rc;
	memcpy(layer.name, name, sizeof layer.name);
	layer.used = st.st_atim;
	layer.bytes = usage.bytes;
	list->layer = xgrow(list->layer, list->n, &list->cap, sizeof *list->layer);
	list->layer[list->n++] = layer;
	return 0;
}

static int list_layers(struct images *im, struct unpacked_list *list)
{
	AUTO_DIR DIR *dir = io_open_dir(im->layers_fd, ".");
	const struct dirent *e;
	int rc = 0;

	if (!dir)
		return -errno;
	while (rc == 0 && (e = readdir(dir)) != NULL)
		rc = add_layer(im, list, e->d_name);
	if (rc == 0 && list->n > 0)
		qsort(list->layer, list->n, sizeof *list->layer, by_use);
	return rc;
}

static uint64_t bytes_of(const struct unpacked_list *list)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < list->n; i++)
		bytes += list->layer[i].bytes;
	return bytes;
}

static int trim(struct images *im, const struct unpacked_list *list,
                const struct images_trim_how *how, struct images_trimmed *result)
{
	uint64_t left = bytes_of(list);

	for (size_t i = 0; i < list->n && left > how->limit; i++) {
		int rc = how->dry_run ? 0 : layout_remove_layer(im, list->layer[i].name);

		if (rc < 0)
			return rc;
		result->layers++;
		result->bytes += list->layer[i].bytes;
		left -= list->layer[i].bytes;
	}
	return 0;
}

/* 1: they are, 0: not, and *ret_lock keeps it so. */
static int are_used(struct images *im, const struct images_trim_how *how, int *ret_lock,
                    struct error *err)
{
	*ret_lock = lock_take(im->layers_fd, LAYOUT_LOCK, LOCK_EXCLUSIVE, false);
	if (*ret_lock == -EWOULDBLOCK)
		return 1;
	if (*ret_lock < 0)
		return error_sys(err, *ret_lock, "cannot lock '%s/layers'", im->home);
	return how->is_used(how->arg, err);
}

int images_trim(struct images *im, const struct images_trim_how *how,
                struct images_trimmed *ret_result, struct error *err)
{
	struct images_trimmed result = { 0 };
	struct unpacked_list list = { 0 };
	AUTO_FD int blobs = -1;
	AUTO_FD int lock = -1;
	int rc = layout_lock(im, LOCK_EXCLUSIVE, &blobs, err);
	int used = rc < 0 ? rc : are_used(im, how, &lock, err);

	if (used < 0)
		return used;
	rc = list_layers(im, &list);
	result.in_use = rc == 0 && used && bytes_of(&list) > how->limit;
	if (rc == 0 && !used)
		rc = trim(im, &list, how, &result);
	free(list.layer);
	*ret_result = result;
	return rc < 0 ? error_sys(err, rc, "cannot remove layers from '%s/layers'", im->home) : 0;
}
