#include "cli/workflow/registries.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"

static bool is_named(const struct spec *spec, const char *name)
{
	for (size_t i = 0; name && i < spec->n_registries; i++)
		if (strcmp(spec->registries[i], name) == 0)
			return true;
	return false;
}

static char *dup_or_null(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

/* `is_needed`: a secret that was not given is an error. */
static int copy_place(const struct registries_told *told, const struct config_place *from,
                      bool is_needed, struct config_place *to, struct error *err)
{
	const char *secret = from->password ? spec_secret_name(from->password) : NULL;
	const char *password = secret ? map_find(told->secrets, secret) : from->password;

	*to = (struct config_place){
		.location = dup_or_null(from->location),
		.ca = dup_or_null(from->ca),
		.insecure = from->insecure,
	};
	if (password) {
		to->user = xstrdup(from->user);
		to->password = xstrdup(password);
	} else if (secret && is_needed) {
		return error_set(err, SLUICE_INVALID,
		                 "secret '%s', the password of a container registry, is not given: "
		                 "use --secret NAME=VALUE, --secret-env NAME or --env-file FILE",
		                 secret);
	}
	return 0;
}

static int copy_registry(const struct registries_told *told, const struct config_registry *from,
                         struct config_registry *to, struct error *err)
{
	bool is_needed = is_named(told->spec, from->name);
	int rc;

	*to = (struct config_registry){
		.prefix = xstrdup(from->prefix),
		.name = dup_or_null(from->name),
		.blocked = from->blocked,
		.mirrors = xcalloc(from->n_mirrors + 1, sizeof *to->mirrors),
	};
	rc = copy_place(told, &from->place, is_needed, &to->place, err);
	for (; rc == 0 && to->n_mirrors < from->n_mirrors; to->n_mirrors++)
		rc = copy_place(told, &from->mirrors[to->n_mirrors], is_needed,
		                &to->mirrors[to->n_mirrors], err);
	return rc;
}

static void notice_unknown(const struct registries_told *told,
                           const struct config_registries *config)
{
	for (size_t i = 0; i < told->spec->n_registries; i++) {
		const char *name = told->spec->registries[i];
		AUTO_FREE char *text = NULL;
		bool known = false;

		for (size_t k = 0; k < config->n; k++)
			known |= config->at[k].name && strcmp(config->at[k].name, name) == 0;
		if (known)
			continue;
		text = xasprintf("the configuration has no registry of the name '%s', which the "
		                 "workflow's container-registries give: images come with what "
		                 "'docker login' keeps",
		                 name);
		told->notice(told->arg, text);
	}
}

int registries_for(const struct registries_told *told, const struct config_registries *config,
                   struct config_registries *ret_registries, struct error *err)
{
	int rc = 0;

	*ret_registries = (struct config_registries){
		.at = xcalloc(config->n + 1, sizeof *ret_registries->at),
	};
	while (rc == 0 && ret_registries->n < config->n) {
		size_t i = ret_registries->n++;

		rc = copy_registry(told, &config->at[i], &ret_registries->at[i], err);
	}
	if (rc == 0)
		notice_unknown(told, config);
	return rc;
}
