/*
 * The part `registries:` of the configuration: where images come from, in the shape of containers'
 * registries.conf(5).  The first entry that covers the most of an image's name counts.
 *
 *	registries:
 *	- prefix: docker.io            or a part of the repository: quay.io/team
 *	  location: hub.example.com    where it really lies; else the prefix
 *	  insecure: true               HTTP is good enough, and so is any certificate
 *	  ca: /etc/ssl/team.pem        who vouches for it
 *	  blocked: true                nothing is pulled from there
 *	  name: team-hub               by which a workflow's container-registries knows it
 *	  user: robot                  else what `docker login` or `podman login` has kept
 *	  password: secret:hub         or the password itself
 *	  mirrors:                     asked first, in this order
 *	  - location: mirror.example.com:5000/hub
 *	    insecure: true             ... and ca, user, password
 */
#ifndef BASE_CONFIG_REGISTRIES_H
#define BASE_CONFIG_REGISTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "base/error.h"

/* What is not given is NULL. */
struct config_place {
	char *location, *ca, *user, *password;
	bool insecure;
};

struct config_registry {
	char *prefix, *name;
	struct config_place place;
	bool blocked;
	struct config_place *mirrors;
	size_t n_mirrors, cap_mirrors;
};

struct config_registries {
	struct config_registry *at;
	size_t n, cap;
};

/* Reads on from behind the start of the list; `path` is for messages. */
int config_registries_read(yaml_parser_t *parser, const char *path,
                           struct config_registries *registries, struct error *err) MUST_USE;
void config_registries_release(struct config_registries *registries);

#endif
