/*
 * Where an image is to be had: the mirrors that the configuration names, then the registry itself.
 * Pure.
 */
#ifndef IMAGE_ENDPOINT_H
#define IMAGE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/config_registries.h"
#include "image/reference.h"

/* What is configured is borrowed from the configuration. */
struct endpoint {
	char *registry;   /* by the name that people and credential files know it: "docker.io" */
	char *host;       /* "registry-1.docker.io", "localhost:5000" */
	char *repository; /* its name there: "library/bash" */
	const char *ca;   /* or NULL */
	const char *user, *password; /* or NULL: what `docker login` has kept */
	bool may_be_plain;           /* HTTP is good enough where there is no HTTPS */
	bool any_cert;               /* whoever vouches for it */
};

struct endpoints {
	struct endpoint *at;
	size_t n;
};

/* At least one; SLUICE_INVALID if the registry is blocked. */
int endpoints_find(const struct reference *ref, const struct config_registries *registries,
                   struct endpoints *ret_endpoints, struct error *err) MUST_USE;
void endpoints_release(struct endpoints *endpoints);

#define AUTO_ENDPOINTS __attribute__((cleanup(endpoints_release)))

#endif
