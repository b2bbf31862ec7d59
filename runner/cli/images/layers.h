/*
 * A pull as a block of lines: one for each layer, and below them one for all.  Pure.
 *
 * Where there is no room for all, the layers that something is done for come first, then those that
 * wait; those that are there are in the last line's count.
 */
#ifndef CLI_IMAGES_LAYERS_H
#define CLI_IMAGES_LAYERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "image/layer_progress.h"

/* One layer as it is in this moment. */
struct layer_shown {
	const char *digest;
	enum layer_state state;
	uint64_t done, size; /* bytes; `done` of what the state does */
};

/* In the order of the image; those that it returns, at most `most`, are the first. */
size_t layers_pick(struct layer_shown *layers, size_t n, size_t most);

/* Adds what stands in fewer than `columns`. */
void layers_add_line(struct strbuf *sb, const struct layer_shown *layer, unsigned columns);

#endif
