#include "cli/images/layers.h"

#include <string.h>

#include "cli/text.h"

enum {
	DIGEST_SHOWN = 12,
	WORD_WIDTH = 11,
	BAR_LEAST = 10,
	BAR_MOST = 40,
	/* What stands beside a bar: two blanks and its ends, the share, and sizes as wide as they
	 * get. */
	BESIDE_BAR = 4 + 7 + 26,
};

static const char *const words[] = {
	[LAYER_WAITS] = "waiting",     [LAYER_COMES] = "downloading", [LAYER_CAME] = "downloaded",
	[LAYER_UNPACKS] = "unpacking", [LAYER_THERE] = "done",
};

/* 0: it is shown first. */
static int rank(const struct layer_shown *layer)
{
	return layer->state == LAYER_THERE ? 2 : layer->state == LAYER_WAITS ? 1 : 0;
}

/* Moves those of this rank to the front of what follows, in their order. */
static size_t take_rank(struct layer_shown *layers, size_t n, size_t taken, int wanted)
{
	for (size_t i = taken; i < n; i++) {
		struct layer_shown layer = layers[i];

		if (rank(&layer) != wanted)
			continue;
		for (size_t k = i; k > taken; k--)
			layers[k] = layers[k - 1];
		layers[taken++] = layer;
	}
	return taken;
}

size_t layers_pick(struct layer_shown *layers, size_t n, size_t most)
{
	size_t taken = 0;

	if (n <= most)
		return n;
	for (int wanted = 0; wanted < 2; wanted++)
		taken = take_rank(layers, n, taken, wanted);
	return taken < most ? taken : most;
}

static bool is_moving(const struct layer_shown *layer)
{
	return layer->state == LAYER_COMES || layer->state == LAYER_UNPACKS;
}

static uint64_t done_of(const struct layer_shown *layer)
{
	return layer->done < layer->size ? layer->done : layer->size;
}

static void add_bar(struct strbuf *sb, const struct layer_shown *layer, size_t width)
{
	size_t full =
		layer->size > 0
			? (size_t)((double)width * (double)done_of(layer) / (double)layer->size)
			: 0;

	strbuf_addstr(sb, "  [");
	for (size_t i = 0; i < width; i++)
		strbuf_addch(sb, i + 1 < full || full == width ? '=' : i + 1 == full ? '>' : ' ');
	strbuf_addch(sb, ']');
}

static void add_bytes(struct strbuf *sb, const struct layer_shown *layer)
{
	char size[TEXT_SIZE_LEN];

	strbuf_addstr(sb, "  ");
	if (is_moving(layer))
		strbuf_addf(sb, "%s of ", text_size(done_of(layer), size));
	strbuf_addstr(sb, text_size(layer->size, size));
}

static void add_if_fits(struct strbuf *sb, const struct strbuf *piece, size_t room)
{
	if (sb->len + piece->len <= room)
		strbuf_add(sb, strbuf_str(piece), piece->len);
}

void layers_add_line(struct strbuf *sb, const struct layer_shown *layer, unsigned columns)
{
	AUTO_STRBUF struct strbuf line = STRBUF_INIT(STRBUF_BIG);
	AUTO_STRBUF struct strbuf share = STRBUF_INIT(STRBUF_BIG);
	AUTO_STRBUF struct strbuf bytes = STRBUF_INIT(STRBUF_BIG);
	const char *hex = strchr(layer->digest, ':') + 1;
	size_t room = columns > 1 ? columns - 1 : 0;

	strbuf_addf(&line, "%.*s  %-*s", DIGEST_SHOWN, hex,
	            layer->state == LAYER_THERE ? 0 : WORD_WIDTH, words[layer->state]);
	if (is_moving(layer) && layer->size > 0)
		strbuf_addf(&share, "  %3.0f %%",
		            100 * (double)done_of(layer) / (double)layer->size);
	if (layer->state != LAYER_THERE)
		add_bytes(&bytes, layer);
	if (is_moving(layer) && room >= line.len + BESIDE_BAR + BAR_LEAST) {
		size_t width = room - line.len - BESIDE_BAR;

		add_bar(&line, layer, width < BAR_MOST ? width : BAR_MOST);
	}
	add_if_fits(&line, &share, room);
	add_if_fits(&line, &bytes, room);
	(void)text_add_fit(sb, strbuf_str(&line), room);
}
