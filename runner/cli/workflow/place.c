#include "cli/workflow/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/userns.h"
#include "base/xalloc.h"
#include "cli/executor.h"
#include "cli/workflow/machine.h"
#include "cli/workflow/registries.h"
#include "executor/network.h"

static int choose_pull(struct session *s, enum images_pull_when *ret_when)
{
	static const char *const names[] = {
		[PULL_MISSING] = "missing", [PULL_ALWAYS] = "always", [PULL_NEVER] = "never"
	};
	const char *told = s->left ? "never" : args_get(s->args, "pull"); /* resumed: it was had */
	const struct config *config;

	if (cli_config(s->cli, &config, &s->err) < 0)
		return session_fail(s);
	if (!told)
		told = config->image_pull ? config->image_pull : "missing";
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(told, names[i]) == 0) {
			*ret_when = (enum images_pull_when)i;
			return 0;
		}
	return session_fail_with(s, SLUICE_INVALID,
	                         "--pull takes missing, always or never, not '%s'", told);
}

static int find_registries(struct session *s)
{
	const struct config *config;
	const struct registries_told told = {
		.spec = s->options.spec,
		.secrets = &s->secrets,
		.notice = view_notice,
		.arg = s->view,
	};

	if (cli_config(s->cli, &config, &s->err) < 0 ||
	    registries_for(&told, &config->registries, &s->registries, &s->err) < 0)
		return session_fail(s);
	return 0;
}

/* Of the workflow file; NULL: it has none, or it is here. */
static char *dir_of(const char *file)
{
	const char *slash = file ? strrchr(file, '/') : NULL;

	return slash ? xasprintf("%.*s", (int)(slash - file), file) : NULL;
}

int place_open_executor(struct session *s)
{
	struct executor_options how = { .registries = &s->registries };
	const struct config *config;

	how.dir = s->dir = dir_of(s->file);
	if (cli_config(s->cli, &config, &s->err) < 0)
		return session_fail(s);
	how.host_image = config->image_host;
	if (choose_pull(s, &how.pull) < 0 || find_registries(s) < 0)
		return s->err.class;
	if (args_has(s->args, "runtime"))
		s->options.runtime = args_get(s->args, "runtime");
	how.runtime = s->options.runtime;
	if (cli_open_executor(s->cli, &s->loop, s->options.executor, &how, &s->executor, &s->err) <
	            0 ||
	    machine_look(s->cli, s->executor, &s->options, &s->err) < 0)
		return session_fail(s);
	s->options.executor = s->executor->name;
	return 0;
}

void place_notice_users(struct session *s)
{
	if (userns_kind() == USERNS_ONE && !s->executor->is_elsewhere)
		view_notice(s->view, "all users of a container are root, who is you outside: you "
		                     "have no subordinate ids ('sluice doctor' says how to get "
		                     "some)");
}

int place_choose_network(struct session *s)
{
	AUTO_FREE char *text = NULL;

	s->options.network = NETWORK_PRIVATE;
	if (s->network)
		(void)request_network_find(s->network, &s->options.network); /* it is a name */
	if (s->options.network != NETWORK_PRIVATE || s->executor->has_network ||
	    network_check(s->options.home, &s->err) == 0)
		return 0;
	if (s->network)
		return session_fail(s);
	s->options.network = NETWORK_HOST;
	text = xasprintf("jobs see this machine's network, since they can have none of their own: "
	                 "%s",
	                 s->err.msg);
	view_notice(s->view, text);
	return 0;
}
