/*
 * Where the daemon of Docker, or Podman's service, is spoken to.  The first of these counts:
 *
 *	the configuration's docker.host
 *	$DOCKER_HOST: unix:///run/docker.sock, tcp://HOST:PORT
 *	the context that $DOCKER_CONTEXT or `docker context use` has chosen (~/.docker/contexts)
 *	the sockets of Docker and of Podman where they usually are
 *
 * tcp:// is spoken by TLS if the configuration or the context has certificates, or
 * $DOCKER_TLS_VERIFY is set: then ca.pem, cert.pem and key.pem lie in $DOCKER_CERT_PATH, else in
 * ~/.docker.  Blocking; any thread.
 */
#ifndef EXECUTOR_DOCKER_HOST_H
#define EXECUTOR_DOCKER_HOST_H

#include <stdbool.h>

#include "base/error.h"

/* What the configuration says; each may be NULL. */
struct docker_settings {
	const char *host;
	const char *tls_ca, *tls_cert, *tls_key; /* PEM files */
	enum docker_transfer {
		TRANSFER_AUTO, /* copies, if it is spoken to by TCP */
		TRANSFER_MOUNTS,
		TRANSFER_COPIES,
	} transfer; /* how files come to it */
};

struct docker_host {
	char *name;   /* as people know it: "unix:///run/docker.sock" */
	char *url;    /* what all paths are below */
	char *socket; /* a path, or NULL */
	char *ca, *cert, *key;
	bool any_cert;
};

/* SLUICE_INVALID: that is no such place; SLUICE_MISSING: nothing names one. */
int docker_host_find(const struct docker_settings *settings, struct docker_host *ret_host,
                     struct error *err) MUST_USE;

/* The same from a text such as $DOCKER_HOST holds. */
int docker_host_parse(const char *text, bool tls, struct docker_host *ret_host,
                      struct error *err) MUST_USE;
void docker_host_release(struct docker_host *host);

#endif
