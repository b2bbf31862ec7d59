#include "store/bucket.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "store/bucket_internal.h"

char *bucket_key(const struct bucket *bucket, char kind, const struct digest *digest)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(digest, hex);
	return xasprintf("%s%s/%.2s/%s", bucket->prefix,
	                 kind == OBJECT_MANIFEST ? "manifests" : "objects", hex, hex + 2);
}

bool bucket_parse_key(const struct bucket *bucket, const char *key, struct mark *ret_name)
{
	static const struct {
		const char *begin;
		char kind;
	} folders[] = { { "manifests/", OBJECT_MANIFEST }, { "objects/", 'f' } };
	const char *rest = key + strlen(bucket->prefix);
	char hex[DIGEST_HEX_LEN + 1];

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		size_t len = strlen(folders[i].begin);
		AUTO_FREE char *is = NULL;

		if (strncmp(rest, folders[i].begin, len) != 0 ||
		    strlen(rest + len) != DIGEST_HEX_LEN + 1)
			continue;
		(void)snprintf(hex, sizeof hex, "%.2s%.62s", rest + len,
		               rest + len + strlen("ab/"));
		if (!digest_parse(hex, &ret_name->digest))
			return false;
		ret_name->kind = folders[i].kind;
		is = bucket_key(bucket, ret_name->kind, &ret_name->digest);
		return strcmp(is, key) == 0;
	}
	return false;
}

bool bucket_is_younger(int64_t put_ms, int64_t age_ms)
{
	return put_ms > 0 && clock_wall_ms() - put_ms < age_ms;
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
