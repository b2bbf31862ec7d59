/* What a person says of a storage provider: each setting is checked before it is taken. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "base/xalloc.h"
#include "dataset/internal.h"
#include "dataset/provider.h"

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
enum { BUCKET_LEAST = 3, BUCKET_MOST = 255 };

static bool has_only(const char *text, const char *allowed)
{
	return text[0] && text[strspn(text, allowed)] == '\0';
}

/* For what goes into headers and records as it is. */
static bool is_one_word(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c == '\x7f')
			return false;
	return text[0] && strlen(text) < TEXT_MAX;
}

static void put(char **to, const char *value /* or NULL */)
{
	char *copy = value ? xstrdup(value) : NULL;

	wipe_free(*to);
	*to = copy;
}

static int set_name(struct provider *p, const char *name, struct error *err)
{
	if (id_is_provider(name))
		return error_set(
			err, SLUICE_INVALID,
			"a storage provider cannot be named '%s': that is the form of an id", name);
	if (!id_is_name(name))
		return error_set(
			err, SLUICE_INVALID,
			"'%.200s' cannot name a storage provider; use up to %d letters, "
			"digits, '.', '_', '-' and blanks inside, not beginning with '.' or '-'",
			name, (int)NAME_MAX_LEN);
	text_copy(p->name, sizeof p->name, name);
	return 0;
}

static int set_bucket(struct provider *p, const char *bucket, struct error *err)
{
	size_t len = strlen(bucket);

	if (!has_only(bucket, LETTERS_AND_DIGITS "._-") || len < BUCKET_LEAST ||
	    len > BUCKET_MOST || strspn(bucket, "._-") > 0)
		return error_set(
			err, SLUICE_INVALID,
			"'%.200s' is no name of a bucket: that is %d to %d letters, digits, "
			"'.', '_' and '-', beginning with a letter or digit",
			bucket, (int)BUCKET_LEAST, (int)BUCKET_MOST);
	put(&p->bucket, bucket);
	return 0;
}

static int set_prefix(struct provider *p, const char *prefix, struct error *err)
{
	AUTO_FREE char *clean = strlen(prefix) < TEXT_MAX ? path_clean(prefix) : NULL;
	AUTO_FREE char *begin = NULL;

	if (!clean || (clean[0] && !has_only(clean, LETTERS_AND_DIGITS "/._- ")))
		return error_set(
			err, SLUICE_INVALID,
			"'%.200s' cannot be a prefix: that is a path in the bucket, of letters, "
			"digits, '.', '_', '-', blanks and '/', without '..'",
			prefix);
	begin = xasprintf("%s%s", clean, clean[0] ? "/" : "");
	put(&p->prefix, begin);
	return 0;
}

static const char *after_scheme(const char *url)
{
	static const char *const schemes[] = { "https://", "http://" };

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
			return url + strlen(schemes[i]);
	return NULL;
}

/* Without a user and a password, for it is shown. */
static int set_endpoint(struct provider *p, const char *endpoint, struct error *err)
{
	const char *host = after_scheme(endpoint);
	AUTO_FREE char *bare = NULL;
	size_t len = strlen(endpoint);

	if (!endpoint[0]) {
		put(&p->endpoint, NULL);
		return 0;
	}
	if (len >= TEXT_MAX || !host || host[0] == '/' || host[0] == ':' ||
	    !has_only(host, LETTERS_AND_DIGITS "-._~:/[]"))
		return error_set(err, SLUICE_INVALID,
		                 "the endpoint is no address of a server; it reads "
		                 "https://HOST or http://HOST:PORT, without the bucket");
	while (endpoint[len - 1] == '/')
		len--;
	bare = xstrndup(endpoint, len);
	put(&p->endpoint, bare);
	return 0;
}

static int set_region(struct provider *p, const char *region, struct error *err)
{
	if (region[0] && (!has_only(region, LETTERS_AND_DIGITS "-_") || strlen(region) >= TEXT_MAX))
		return error_set(err, SLUICE_INVALID,
		                 "'%.200s' is no region; one reads like us-east-1", region);
	put(&p->region, region[0] ? region : PROVIDER_REGION);
	return 0;
}

static int set_key_id(struct provider *p, const char *key_id, struct error *err)
{
	if (!is_one_word(key_id) || strpbrk(key_id, "/,"))
		return error_set(err, SLUICE_INVALID,
		                 "the access key is one word, without '/' and ','");
	put(&p->key_id, key_id);
	return 0;
}

static int set_secret(struct provider *p, const char *secret, struct error *err)
{
	if (!is_one_word(secret))
		return error_set(err, SLUICE_INVALID,
		                 "the secret access key is one word, without blanks");
	put(&p->secret, secret);
	return 0;
}

int provider_configure(struct provider *p, const struct provider_config *config, struct error *err)
{
	const struct {
		const char *value;
		int (*set)(struct provider *p, const char *value, struct error *err);
	} members[] = {
		{ config->name, set_name },
		{ config->bucket, set_bucket },
		{ config->prefix ? config->prefix
		  : p->prefix    ? NULL
		                 : "",
		  set_prefix },
		{ config->endpoint, set_endpoint },
		{ config->region ? config->region
		  : p->region    ? NULL
		                 : "",
		  set_region },
		{ config->key_id, set_key_id },
		{ config->secret, set_secret },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof members / sizeof *members; i++)
		if (members[i].value)
			rc = members[i].set(p, members[i].value, err);
	return rc;
}

int provider_check_whole(const struct provider *p, struct error *err)
{
	if (p->name[0] && p->bucket && p->key_id && p->secret)
		return 0;
	return error_set(err, SLUICE_INVALID,
	                 "a storage provider needs a name, a bucket, an access key and a secret "
	                 "access key");
}

void provider_bucket(const struct provider *p, struct s3_bucket *ret_bucket)
{
	*ret_bucket = (struct s3_bucket){
		.name = p->bucket,
		.endpoint = p->endpoint,
		.region = p->region,
		.key_id = p->key_id,
		.secret = p->secret,
	};
}
