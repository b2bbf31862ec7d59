#include "image/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"

/* Whole components only: "quay.io/team" does not cover "quay.io/teams/x". */
static bool covers(const char *prefix, const char *name)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && (name[len] == '/' || name[len] == '\0');
}

/* The entry that covers the most of the name, or NULL. */
static const struct config_registry *find_entry(const struct config_registries *list,
                                                const char *name)
{
	const struct config_registry *best = NULL;

	for (size_t i = 0; list && i < list->n; i++) {
		const struct config_registry *r = &list->at[i];

		if (covers(r->prefix, name) && (!best || strlen(r->prefix) > strlen(best->prefix)))
			best = r;
	}
	return best;
}

/* As Docker has it: what does not leave the machine needs no encryption. */
static bool is_loopback(const char *host)
{
	size_t len = strcspn(host, ":");

	return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
	       (len == 9 && strncmp(host, "localhost", len) == 0);
}

/* NAME is "registry/repository", with the entry's prefix replaced by where it really lies. */
static struct endpoint endpoint_of(const char *name, const struct config_place *place)
{
	size_t len = strcspn(name, "/");
	struct endpoint e = {
		.registry = xstrndup(name, len),
		.repository = xstrdup(name + len + (name[len] == '/')),
		.ca = place->ca,
		.user = place->user,
		.password = place->password,
		.any_cert = place->insecure,
	};

	e.host =
		xstrdup(strcmp(e.registry, "docker.io") == 0 ? "registry-1.docker.io" : e.registry);
	e.may_be_plain = place->insecure || is_loopback(e.host);
	return e;
}

static void add(struct endpoints *list, const char *name, const char *prefix,
                const struct config_place *place)
{
	AUTO_FREE char *there = place->location
	                                ? xasprintf("%s%s", place->location, name + strlen(prefix))
	                                : xstrdup(name);

	list->at[list->n++] = endpoint_of(there, place);
}

int endpoints_find(const struct reference *ref, const struct config_registries *registries,
                   struct endpoints *ret_endpoints, struct error *err)
{
	static const struct config_registry none = { .prefix = NULL };
	AUTO_FREE char *name = xasprintf("%s/%s", ref->registry, ref->repository);
	const struct config_registry *r = find_entry(registries, name);

	if (r && r->blocked)
		return error_set(err, SLUICE_INVALID,
		                 "the configuration blocks '%s': nothing is pulled from there",
		                 r->prefix);
	if (!r)
		r = &none;
	*ret_endpoints = (struct endpoints){
		.at = xcalloc(r->n_mirrors + 1, sizeof *ret_endpoints->at),
	};
	for (size_t i = 0; i < r->n_mirrors; i++)
		add(ret_endpoints, name, r->prefix, &r->mirrors[i]);
	add(ret_endpoints, name, r->prefix ? r->prefix : "", &r->place);
	return 0;
}

void endpoints_release(struct endpoints *endpoints)
{
	for (size_t i = 0; i < endpoints->n; i++) {
		free(endpoints->at[i].registry);
		free(endpoints->at[i].host);
		free(endpoints->at[i].repository);
	}
	free(endpoints->at);
	*endpoints = (struct endpoints){ .n = 0 };
}
