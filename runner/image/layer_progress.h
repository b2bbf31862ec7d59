/*
 * How far each layer of a pull is: images_pull() tells, and another thread looks.  Where one is
 * asked for, NULL says that nobody looks.
 */
#ifndef IMAGE_LAYER_PROGRESS_H
#define IMAGE_LAYER_PROGRESS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/progress.h"

enum layer_state {
	LAYER_WAITS, /* for those before it, or for another pull that fetches it */
	LAYER_COMES,
	LAYER_CAME, /* it waits to be unpacked */
	LAYER_UNPACKS,
	LAYER_THERE,
};

struct layer_progress {
	char digest[72]; /* of the blob */
	uint64_t size;
	atomic_int state;
	struct progress came, unpacked; /* bytes of the blob */
};

struct layers_progress {
	/* Made by the pull as soon as they are known; freed by who has asked for it, after the
	 * pull.
	 */
	struct layer_progress *layer;
	atomic_size_t n; /* 0: not known yet */
};

/* It has come so far at least: one that is unpacked already still comes to whoever wants the blob.
 */
static inline void layer_is(struct layer_progress *layer, enum layer_state state)
{
	int was = layer ? atomic_load(&layer->state) : LAYER_THERE;

	while (was < (int)state && !atomic_compare_exchange_weak(&layer->state, &was, (int)state))
		;
}

static inline struct layer_progress *layers_find(struct layers_progress *layers, const char *digest)
{
	size_t n = layers ? atomic_load(&layers->n) : 0;

	for (size_t i = 0; i < n; i++)
		if (strcmp(layers->layer[i].digest, digest) == 0)
			return &layers->layer[i];
	return NULL;
}

#endif
