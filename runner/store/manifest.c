#include "store/manifest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "store/internal.h"

static const char no_sense[] = "is not a line of a manifest";

/* --- paths --------------------------------------------------------------------------------- */

const char *manifest_check_path(const char *path)
{
	size_t depth = 0;

	if (strnlen(path, MANIFEST_PATH_MAX + 1) > MANIFEST_PATH_MAX)
		return "is longer than 4095 bytes";
	for (;;) {
		size_t len = strcspn(path, "/");

		if (len == 0)
			return "has an empty component";
		if (path[0] == '.' && (len == 1 || (len == 2 && path[1] == '.')))
			return "has a component '.' or '..'";
		if (len > MANIFEST_NAME_MAX)
			return "has a component of more than 255 bytes";
		if (++depth > MANIFEST_DEPTH_MAX)
			return "has more than 256 components";
		if (!path[len])
			return NULL;
		path += len + 1;
	}
}

bool manifest_is_cut(struct digest_ctx *ctx, const char *path)
{
	struct digest d;

	digest_update(ctx, path, strlen(path));
	d = digest_final(ctx);
	return d.b[0] == 0 && (d.b[1] & 0xc0) == 0;
}

/*
 * NULL, or why this checked path cannot come next.
 *
 * All entries that a path begins with come before it, and whatever lies between begins with them
 * too: so the prefixes of the last path are all that need be remembered.
 */
static const char *order_next(struct manifest_order *order, const char *path)
{
	size_t len = strlen(path);
	size_t common = 0;

	if (strcmp(order->path, path) >= 0)
		return "is not in the order of the paths' bytes";
	for (; common < order->len && path[common] == order->path[common]; common++)
		if (path[common] == '/' && order->entry[common])
			return "lies below an entry that is no directory, or an empty one";
	if (path[common] == '/' && order->entry[common])
		return "lies below an entry that is no directory, or an empty one";
	memset(order->entry + common + 1, 0, order->len - common);
	order->entry[len] = true;
	memcpy(order->path, path, len + 1);
	order->len = len;
	return NULL;
}

/* --- formatting ---------------------------------------------------------------------------- */

static bool is_plain(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '%';
}

static void add_escaped(struct strbuf *text, const char *s)
{
	static const char digits[] = "0123456789ABCDEF";

	while (*s) {
		const char *from = s;

		while (is_plain((unsigned char)*s))
			s++;
		strbuf_add(text, from, (size_t)(s - from));
		for (; *s && !is_plain((unsigned char)*s); s++) {
			unsigned char c = (unsigned char)*s;
			char escape[3] = { '%', digits[c >> 4], digits[c & 15] };

			strbuf_add(text, escape, sizeof escape);
		}
	}
}

void manifest_add_entry(struct strbuf *text, const struct store_entry *entry)
{
	char hex[DIGEST_HEX_LEN + 1];

	strbuf_addch(text, entry->kind);
	strbuf_addch(text, ' ');
	if (entry->kind == 'l') {
		add_escaped(text, entry->target);
		strbuf_addch(text, ' ');
	} else if (entry->kind != 'd') {
		strbuf_addf(text, "%" PRIu64 " %s ", entry->size, digest_hex(&entry->digest, hex));
	}
	add_escaped(text, entry->path);
	strbuf_addch(text, '\n');
}

void manifest_add_part(struct strbuf *text, const struct manifest_part *part)
{
	char hex[DIGEST_HEX_LEN + 1];

	strbuf_addf(text, "s %" PRIu64 " %" PRIu64 " %s ", part->files, part->bytes,
	            digest_hex(&part->digest, hex));
	add_escaped(text, part->first);
	strbuf_addch(text, '\n');
}

/* --- parsing ------------------------------------------------------------------------------- */

/* One line, without its end; what is taken moves `p` on.  Names go to `names`. */
struct line {
	const char *p;
	const char *end;
	char *names;
};

static bool take_kind(struct line *line, const char *kinds, char *ret_kind)
{
	if (line->end - line->p < 2 || !line->p[0] || !strchr(kinds, line->p[0]) ||
	    line->p[1] != ' ')
		return false;
	*ret_kind = line->p[0];
	line->p += 2;
	return true;
}

/* A number and the space behind it. */
static bool take_number(struct line *line, uint64_t *ret_value)
{
	const char *start = line->p;
	uint64_t v = 0;

	for (; line->p < line->end && *line->p >= '0' && *line->p <= '9'; line->p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*line->p - '0'), &v))
			return false;
	if (line->p == start || (*start == '0' && line->p - start > 1))
		return false;
	*ret_value = v;
	return line->p < line->end && *line->p++ == ' ';
}

/* A digest and the space behind it. */
static bool take_digest(struct line *line, struct digest *ret_digest)
{
	if (line->end - line->p <= DIGEST_HEX_LEN || !digest_parse(line->p, ret_digest) ||
	    line->p[DIGEST_HEX_LEN] != ' ')
		return false;
	line->p += DIGEST_HEX_LEN + 1;
	return true;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that %XX stands for, if it may not be written plainly; 0 otherwise. */
static unsigned char unescape(const char *p, const char *end)
{
	int high = end - p > 2 ? nibble(p[1]) : -1;
	int low = high < 0 ? -1 : nibble(p[2]);
	unsigned char c = low < 0 ? 0 : (unsigned char)(high << 4 | low);

	return is_plain(c) ? 0 : c;
}

/* A name up to a space or the end of the line. */
static bool take_name(struct line *line, const char **ret_name)
{
	char *to = line->names;

	for (; line->p < line->end && *line->p != ' '; line->p++) {
		if (is_plain((unsigned char)*line->p)) {
			*to++ = *line->p;
			continue;
		}
		*to = *line->p == '%' ? (char)unescape(line->p, line->end) : '\0';
		if (*to++ == '\0')
			return false;
		line->p += 2;
	}
	if (to == line->names || to - line->names > MANIFEST_PATH_MAX)
		return false;
	*to = '\0';
	*ret_name = line->names;
	line->names = to + 1;
	return true;
}

/* The path ends the line. */
static const char *take_path(struct line *line, const char **ret_path)
{
	if (!take_name(line, ret_path) || line->p != line->end)
		return no_sense;
	return manifest_check_path(*ret_path);
}

static const char *parse_entry(struct line *line, struct store_entry *e)
{
	if (!take_kind(line, "fxcCld", &e->kind))
		return no_sense;
	if (e->kind == 'l' &&
	    (!take_name(line, &e->target) || line->p == line->end || *line->p++ != ' '))
		return no_sense;
	if (is_file(e)) {
		if (!take_number(line, &e->size) || !take_digest(line, &e->digest))
			return no_sense;
		if (is_large(e) != (e->size > CHUNK_SIZE))
			return "has a size that does not fit its kind";
		if (is_large(e) && chunks_count(e->size) == 0)
			return "is too large";
	}
	return take_path(line, &e->path);
}

static bool add_up(uint64_t files, uint64_t bytes, uint64_t *files_sum, uint64_t *bytes_sum)
{
	return !__builtin_add_overflow(*files_sum, files, files_sum) &&
	       !__builtin_add_overflow(*bytes_sum, bytes, bytes_sum);
}

/* Takes the next line off the text; false if it has no end. */
static bool next_line(const char **text, const char *end, struct line *line)
{
	const char *newline = memchr(*text, '\n', (size_t)(end - *text));

	if (!newline)
		return false;
	line->p = *text;
	line->end = newline;
	*text = newline + 1;
	return true;
}

static int refuse(struct error *err, size_t line, const char *why)
{
	return error_set(err, SLUICE_CORRUPT, "line %zu %s", line, why);
}

static const char *add_line(struct manifest_segment *seg, struct line *line,
                            struct manifest_order *order, struct digest_ctx *ctx)
{
	struct store_entry e = { 0 };
	const char *why = seg->cut ? "follows the end of the segment" : parse_entry(line, &e);

	if (!why)
		why = order_next(order, e.path);
	if (!why && !add_up(e.kind != 'd', e.size, &seg->files, &seg->bytes))
		why = "makes the sum of sizes too large";
	if (why)
		return why;
	seg->entry[seg->n++] = e;
	seg->cut = manifest_is_cut(ctx, e.path);
	return NULL;
}

int manifest_parse_segment(const char *text, size_t len, struct manifest_order *order,
                           struct manifest_segment *ret_segment, struct error *err)
{
	struct manifest_segment seg = { .names = xmalloc(len + 1) };
	struct line line = { .names = seg.names }; /* names are never longer than their lines */
	const char *end = text + len;
	struct digest_ctx ctx;
	const char *why = len == 0 ? "is missing" : NULL;
	size_t cap = 0;

	digest_init(&ctx);
	while (!why && text < end) {
		seg.entry = xgrow(seg.entry, seg.n, &cap, sizeof *seg.entry);
		why = next_line(&text, end, &line) ? add_line(&seg, &line, order, &ctx)
		                                   : "has no end";
	}
	digest_release(&ctx);
	if (why) {
		(void)refuse(err, seg.n + 1, why);
		manifest_segment_release(&seg);
		return SLUICE_CORRUPT;
	}
	*ret_segment = seg;
	return 0;
}

void manifest_segment_release(struct manifest_segment *segment)
{
	free(segment->entry);
	free(segment->names);
	*segment = (struct manifest_segment){ 0 };
}

static const char *parse_part(struct manifest_root *root, struct line *line)
{
	struct manifest_part part;
	char kind;
	const char *why;

	if (!take_kind(line, "s", &kind) || !take_number(line, &part.files) ||
	    !take_number(line, &part.bytes) || !take_digest(line, &part.digest))
		return no_sense;
	why = take_path(line, &part.first);
	if (!why && root->n > 0 && strcmp(root->part[root->n - 1].first, part.first) >= 0)
		why = "is not in the order of the paths' bytes";
	if (!why && !add_up(part.files, part.bytes, &root->files, &root->bytes))
		why = "makes the sum of sizes too large";
	if (!why)
		root->part[root->n++] = part;
	return why;
}

int manifest_parse_root(const char *text, size_t len, struct manifest_root *ret_root,
                        struct error *err)
{
	const size_t header = sizeof MANIFEST_HEADER - 1;
	struct manifest_root root = { 0 };
	struct line line;
	const char *end = text + len;
	const char *why = NULL;
	size_t cap = 0;

	if (len < header || memcmp(text, MANIFEST_HEADER, header) != 0)
		return refuse(err, 1, "is not 'sluice-manifest 1'");
	root.names = xmalloc(len + 1);
	line.names = root.names;
	text += header;
	while (!why && text < end) {
		root.part = xgrow(root.part, root.n, &cap, sizeof *root.part);
		why = next_line(&text, end, &line) ? parse_part(&root, &line) : "has no end";
	}
	if (why) {
		(void)refuse(err, root.n + 2, why);
		manifest_root_release(&root);
		return SLUICE_CORRUPT;
	}
	*ret_root = root;
	return 0;
}

void manifest_root_release(struct manifest_root *root)
{
	free(root->part);
	free(root->names);
	*root = (struct manifest_root){ 0 };
}

const char *manifest_check_part(const struct manifest_root *root, size_t i,
                                const struct manifest_segment *segment)
{
	const struct manifest_part *part = &root->part[i];

	if (strcmp(part->first, segment->entry[0].path) != 0)
		return "does not begin with the path that the root names";
	if (part->files != segment->files || part->bytes != segment->bytes)
		return "does not hold the files that the root counts";
	if (!segment->cut && i + 1 < root->n)
		return "ends where the list is not cut";
	return NULL;
}
