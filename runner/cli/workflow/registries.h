/* The configured registries as one workflow sees them: with the secrets that it was given. */
#ifndef CLI_WORKFLOW_REGISTRIES_H
#define CLI_WORKFLOW_REGISTRIES_H

#include "base/config_registries.h"
#include "base/map.h"
#include "spec/spec.h"

struct registries_told {
	const struct spec *spec;   /* its container-registries */
	const struct map *secrets; /* name -> char * */
	void (*notice)(void *arg, const char *text);
	void *arg;
};

/*
 * A copy of `config` in which each `password: secret:NAME` is the secret's value.  A registry that
 * the workflow names must have its secret: SLUICE_INVALID.  Of another one the login is left out,
 * and `docker login` counts.  What the configuration does not know by name is noticed.
 */
int registries_for(const struct registries_told *told, const struct config_registries *config,
                   struct config_registries *ret_registries, struct error *err) MUST_USE;

#endif
