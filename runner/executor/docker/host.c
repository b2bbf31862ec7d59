#include "executor/docker/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/env.h"
#include "base/io.h"
#include "base/json.h"
#include "base/xalloc.h"

enum { DOCUMENT_MAX = 1 << 20 };

/* $DOCKER_CONFIG, else ~/.docker; NULL: there is no such place. */
static char *config_dir(void)
{
	const char *dir = env_get("DOCKER_CONFIG");
	const char *home = env_get("HOME");

	if (dir)
		return xstrdup(dir);
	return home ? xasprintf("%s/.docker", home) : NULL;
}

static const char *after(const char *text, const char *scheme)
{
	size_t len = strlen(scheme);

	return strncmp(text, scheme, len) == 0 ? text + len : NULL;
}

int docker_host_parse(const char *text, bool tls, struct docker_host *ret_host, struct error *err)
{
	const char *path = after(text, "unix://");
	const char *place = after(text, "tcp://");

	*ret_host = (struct docker_host){ .name = NULL };
	if (path && path[0] == '/') {
		ret_host->socket = xstrdup(path);
		ret_host->url = xstrdup("http://docker");
	} else if (place && place[0] && !strchr(place, '/')) {
		ret_host->url = xasprintf("%s://%s", tls ? "https" : "http", place);
	} else {
		return error_set(err, SLUICE_INVALID,
		                 "'%.200s' is no place to reach Docker at: it must be "
		                 "unix:///PATH or tcp://HOST:PORT",
		                 text);
	}
	ret_host->name = xstrdup(text);
	return 0;
}

static int read_document(const char *path, cJSON **ret_doc, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(DOCUMENT_MAX);
	int rc = io_read_file(AT_FDCWD, path, &text);

	if (rc == -ENOENT || rc == -ENOTDIR)
		return error_set(err, SLUICE_NOT_FOUND, "there is no '%s'", path);
	if (rc < 0)
		return error_sys(err, rc, "cannot read '%s'", path);
	return json_parse(strbuf_str(&text), text.len, path, ret_doc, err);
}

/* The name of the chosen context, or NULL for none or the default; the caller frees it. */
static int current_context(const char *dir, char **ret_name, struct error *err)
{
	const char *told = env_get("DOCKER_CONTEXT");
	AUTO_FREE char *path = xasprintf("%s/config.json", dir);
	AUTO_JSON cJSON *doc = NULL;
	const char *name = told;
	int rc = told ? 0 : read_document(path, &doc, err);

	if (rc < 0 && rc != SLUICE_NOT_FOUND)
		return rc;
	if (!told && rc == 0)
		name = json_str(doc, "currentContext");
	*ret_name = name && name[0] && strcmp(name, "default") != 0 ? xstrdup(name) : NULL;
	return 0;
}

static char *file_if_there(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);

	if (access(path, R_OK) != 0) {
		free(path);
		return NULL;
	}
	return path;
}

static void take_certificates(struct docker_host *host, const char *dir)
{
	host->ca = file_if_there(dir, "ca.pem");
	host->cert = file_if_there(dir, "cert.pem");
	host->key = file_if_there(dir, "key.pem");
}

/* A context's directory is named by the digest of its name. */
static int from_context(const char *dir, const char *name, struct docker_host *ret_host,
                        struct error *err)
{
	struct digest digest = digest_of(name, strlen(name));
	char hex[DIGEST_HEX_LEN + 1];
	AUTO_FREE char *meta =
		xasprintf("%s/contexts/meta/%s/meta.json", dir, digest_hex(&digest, hex));
	AUTO_FREE char *tls = xasprintf("%s/contexts/tls/%s/docker", dir, hex);
	AUTO_JSON cJSON *doc = NULL;
	const cJSON *endpoint;
	const char *host;
	bool any_cert;
	int rc = read_document(meta, &doc, err);

	if (rc < 0)
		return error_wrap(err, "the docker context '%.100s'", name);
	endpoint = json_obj(json_obj(doc, "Endpoints"), "docker");
	host = json_str(endpoint, "Host");
	any_cert = json_bool(endpoint, "SkipTLSVerify", false);
	if (!host)
		return error_set(err, SLUICE_INVALID, "the docker context '%.100s' has no host",
		                 name);
	rc = docker_host_parse(host, any_cert || access(tls, F_OK) == 0, ret_host, err);
	if (rc < 0)
		return error_wrap(err, "the docker context '%.100s'", name);
	take_certificates(ret_host, tls);
	ret_host->any_cert = any_cert;
	return 0;
}

static int from_variable(const char *text, struct docker_host *ret_host, struct error *err)
{
	const char *certs = env_get("DOCKER_CERT_PATH");
	bool tls = env_get("DOCKER_TLS_VERIFY") != NULL;
	AUTO_FREE char *dir = certs ? xstrdup(certs) : config_dir();
	int rc = docker_host_parse(text, tls, ret_host, err);

	if (rc < 0)
		return error_wrap(err, "$DOCKER_HOST");
	if (tls && dir)
		take_certificates(ret_host, dir);
	return 0;
}

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static int from_settings(const struct docker_settings *s, struct docker_host *ret_host,
                         struct error *err)
{
	int rc = docker_host_parse(s->host, s->tls_ca || s->tls_cert, ret_host, err);

	if (rc < 0)
		return error_wrap(err, "the configuration's docker.host");
	ret_host->ca = copy(s->tls_ca);
	ret_host->cert = copy(s->tls_cert);
	ret_host->key = copy(s->tls_key);
	return 0;
}

static int from_usual_places(struct docker_host *ret_host, struct error *err)
{
	const char *runtime = env_get("XDG_RUNTIME_DIR");
	AUTO_FREE char *own = xasprintf("%s/podman/podman.sock", runtime ? runtime : "");
	const char *const usual[] = { "/var/run/docker.sock", own, "/run/podman/podman.sock" };

	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
		AUTO_FREE char *text = xasprintf("unix://%s", usual[i]);

		if (access(usual[i], W_OK) == 0)
			return docker_host_parse(text, false, ret_host, err);
	}
	return error_set(err, SLUICE_MISSING,
	                 "there is no socket of Docker or Podman that this user may use: start "
	                 "the daemon (or 'podman system service'), or set DOCKER_HOST");
}

int docker_host_find(const struct docker_settings *settings, struct docker_host *ret_host,
                     struct error *err)
{
	const char *text = env_get("DOCKER_HOST");
	AUTO_FREE char *dir = config_dir();
	AUTO_FREE char *context = NULL;
	int rc = 0;

	*ret_host = (struct docker_host){ .name = NULL };
	if (settings->host)
		return from_settings(settings, ret_host, err);
	if (text)
		return from_variable(text, ret_host, err);
	if (dir)
		rc = current_context(dir, &context, err);
	if (rc < 0)
		return rc;
	return context ? from_context(dir, context, ret_host, err)
	               : from_usual_places(ret_host, err);
}

void docker_host_release(struct docker_host *host)
{
	free(host->name);
	free(host->url);
	free(host->socket);
	free(host->ca);
	free(host->cert);
	free(host->key);
	*host = (struct docker_host){ .name = NULL };
}
