#include "image/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/env.h"
#include "base/io.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/userns.h"
#include "base/wipe.h"
#include "base/xalloc.h"
#include "image/credential_helper.h"

enum { FILE_MAX_BYTES = 1 << 20, AUTH_MAX_BYTES = 64 * 1024 };

void credentials_release(struct credentials *credentials)
{
	wipe_free(credentials->user);
	wipe_free(credentials->password);
	wipe_free(credentials->identity);
	*credentials = (struct credentials){ .user = NULL };
}

static bool is_known(const struct credentials *c)
{
	return c->password || c->identity;
}

/* --- which entry ------------------------------------------------------------------------------ */

/* Docker's keys may be URLs, "https://index.docker.io/v1/"; Podman's may name a part of the
 * repository, "quay.io/team". */
static char *key_normal(const char *key)
{
	const char *colon = strstr(key, "://");
	const char *host = colon ? colon + 3 : key;
	size_t len = strcspn(host, "/");
	const char *path = host + len;
	bool is_url = colon || strcmp(path, "/v1/") == 0 || strcmp(path, "/v2/") == 0 ||
	              strcmp(path, "/") == 0;

	if ((len == 15 && strncmp(host, "index.docker.io", len) == 0) ||
	    (len == 20 && strncmp(host, "registry-1.docker.io", len) == 0)) {
		host = "docker.io";
		len = 9;
	}
	return xasprintf("%.*s%s", (int)len, host, is_url ? "" : path);
}

/* How many bytes of "registry/repository" the key covers: whole components only; 0: none. */
static size_t key_covers(const char *key, const char *wanted)
{
	AUTO_FREE char *normal = key_normal(key);
	size_t len = strlen(normal);

	if (len == 0 || strncmp(wanted, normal, len) != 0)
		return 0;
	return wanted[len] == '/' || wanted[len] == '\0' ? len : 0;
}

/* The member that covers the most, or NULL. */
static const cJSON *find_entry(const cJSON *list, const char *wanted)
{
	const cJSON *best = NULL, *entry;
	size_t most = 0;

	cJSON_ArrayForEach(entry, list)
	{
		size_t n = key_covers(entry->string, wanted);

		if (n > most) {
			best = entry;
			most = n;
		}
	}
	return best;
}

/* --- what it says ----------------------------------------------------------------------------- */

/* base64 of "user:password" */
static int take_auth(const char *auth, const char *path, struct credentials *c, struct error *err)
{
	size_t len = strlen(auth);
	AUTO_FREE char *text = len <= AUTH_MAX_BYTES ? xcalloc(1, len + 4) : NULL;
	int n = text ? EVP_DecodeBlock((unsigned char *)text, (const unsigned char *)auth, (int)len)
	             : -1;
	const char *colon = n > 0 ? strchr(text, ':') : NULL;

	if (!colon)
		return error_set(err, SLUICE_INVALID,
		                 "'%s': an 'auth' is not the base64 of USER:PASSWORD; log in again",
		                 path);
	c->user = xstrndup(text, (size_t)(colon - text));
	c->password = xstrdup(colon + 1);
	explicit_bzero(text, len);
	return 0;
}

static int take_entry(const cJSON *entry, const char *path, struct credentials *c,
                      struct error *err)
{
	const char *auth = json_str(entry, "auth");
	const char *user = json_str(entry, "username");
	const char *password = json_str(entry, "password");
	const char *identity = json_str(entry, "identitytoken");
	int rc = 0;

	if (user && password) {
		c->user = xstrdup(user);
		c->password = xstrdup(password);
	} else if (auth && *auth) {
		rc = take_auth(auth, path, c, err);
	}
	if (rc == 0 && identity && *identity)
		c->identity = xstrdup(identity);
	return rc;
}

static int from_document(const cJSON *doc, const char *path, const char *wanted,
                         struct credentials *c, struct error *err)
{
	AUTO_FREE char *registry = xstrndup(wanted, strcspn(wanted, "/"));
	const cJSON *helper = find_entry(json_obj(doc, "credHelpers"), registry);
	const char *name = helper ? cJSON_GetStringValue(helper) : NULL;
	int rc = 0;

	if (name)
		return credential_helper_get(name, registry, c, err);
	rc = take_entry(find_entry(json_obj(doc, "auths"), wanted), path, c, err);
	name = json_str(doc, "credsStore");
	if (rc == 0 && !is_known(c) && name && *name)
		rc = credential_helper_get(name, registry, c, err);
	return rc;
}

int credentials_from_file(const char *text, const char *path, const char *registry,
                          const char *repository, struct credentials *ret_credentials,
                          struct error *err)
{
	AUTO_CREDENTIALS struct credentials c = { 0 };
	AUTO_FREE char *wanted = xasprintf("%s/%s", registry, repository);
	AUTO_FREE char *what = xasprintf("'%s'", path);
	AUTO_JSON cJSON *doc = NULL;
	int rc = json_parse(text, strlen(text), what, &doc, err);

	if (rc == 0)
		rc = from_document(doc, path, wanted, &c, err);
	if (rc != 0)
		return error_wrap(err, "cannot look up who to be to registry '%s'", registry);
	*ret_credentials = c;
	c = (struct credentials){ 0 };
	return 0;
}

/* --- where they lie --------------------------------------------------------------------------- */

/* DIR/REST, or HOME/OTHERWISE/REST; NULL if neither is known. */
static char *below(const char *dir, const char *otherwise, const char *rest)
{
	const char *home = env_get("HOME");

	if (dir)
		return xasprintf("%s/%s", dir, rest);
	return home ? xasprintf("%s/%s/%s", home, otherwise, rest) : NULL;
}

enum { PLACES = 3 };

/* Podman's two and Docker's one; NULL: this user has no such place. */
static char *place(int i)
{
	const char *runtime = env_get("XDG_RUNTIME_DIR");

	if (i == 1)
		return below(env_get("XDG_CONFIG_HOME"), ".config", "containers/auth.json");
	if (i == 2)
		return below(env_get("DOCKER_CONFIG"), ".docker", "config.json");
	if (!runtime)
		return userns_is_root() ? xstrdup("/run/containers/0/auth.json") : NULL;
	return xasprintf("%s/containers/auth.json", runtime);
}

static int try_file(const char *path, bool is_needed, const char *registry, const char *repository,
                    struct credentials *c, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX_BYTES);
	int rc = io_read_file(AT_FDCWD, path, &text);

	if (rc < 0 && !is_needed && (rc == -ENOENT || rc == -ENOTDIR || rc == -EACCES))
		return 0;
	if (rc < 0)
		return error_sys(err, rc, "cannot read '%s'", path);
	rc = credentials_from_file(strbuf_str(&text), path, registry, repository, c, err);
	if (text.buf)
		explicit_bzero(text.buf, text.len);
	return rc;
}

int credentials_find(const char *registry, const char *repository,
                     struct credentials *ret_credentials, struct error *err)
{
	const char *only = env_get("REGISTRY_AUTH_FILE");
	int rc = 0;

	*ret_credentials = (struct credentials){ 0 };
	if (only)
		return try_file(only, true, registry, repository, ret_credentials, err);
	for (int i = 0; i < PLACES && rc == 0 && !is_known(ret_credentials); i++) {
		AUTO_FREE char *path = place(i);

		if (path)
			rc = try_file(path, false, registry, repository, ret_credentials, err);
	}
	return rc;
}
