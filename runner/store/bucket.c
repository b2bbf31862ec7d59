#include "store/bucket.h"

#include "base/xalloc.h"
#include "store/bucket_internal.h"

char *bucket_key(const struct bucket *bucket, char kind, const struct digest *digest)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(digest, hex);
	return xasprintf("%s%s/%.2s/%s", bucket->prefix,
	                 kind == OBJECT_MANIFEST ? "manifests" : "objects", hex, hex + 2);
}

void bucket_line_init(struct bucket_line *line, const struct bucket *bucket)
{
	*line = (struct bucket_line){ .bucket = bucket, .lock = PTHREAD_MUTEX_INITIALIZER };
}

void bucket_line_release(struct bucket_line *line)
{
	while (line->n > 0)
		asker_free(line->idle[--line->n]);
}

int bucket_line_take(struct bucket_line *line, struct asker **ret_by, struct error *err)
{
	struct asker *by = NULL;

	(void)pthread_mutex_lock(&line->lock);
	if (line->n > 0)
		by = line->idle[--line->n];
	(void)pthread_mutex_unlock(&line->lock);
	*ret_by = by;
	return by ? 0 : asker_new(ret_by, err);
}

void bucket_line_give(struct bucket_line *line, struct asker *by)
{
	if (!by)
		return;
	(void)pthread_mutex_lock(&line->lock);
	if (line->n < BUCKET_AT_ONCE) {
		line->idle[line->n++] = by;
		by = NULL;
	}
	(void)pthread_mutex_unlock(&line->lock);
	asker_free(by);
}
