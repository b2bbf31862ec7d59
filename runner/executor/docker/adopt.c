/* What another runner has left: going on with it, and removing it. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "executor/attempt.h"
#include "executor/bundle.h"
#include "executor/cgroup.h"
#include "executor/docker/files.h"
#include "executor/docker/found.h"
#include "executor/docker/life.h"

int docker_attempt_sweep(const struct docker_place *place, const char *dir, struct error *err)
{
	struct docker_found found;
	int rc;

	while ((rc = docker_find(&place->host, dir, &found, err)) == 0) {
		AUTO_FREE char *path = xasprintf("/containers/%s?force=1&v=1", found.container);
		AUTO_FREE char *cgroup = xasprintf(CGROUP_PARENT "/%s", found.id);

		rc = docker_do(&place->host,
		               &(struct docker_ask){ .method = "DELETE", .path = path }, NULL, err);
		if (place->has_cgroups)
			(void)cgroup_remove(cgroup);
		docker_found_release(&found);
		if (rc < 0 && rc != SLUICE_NOT_FOUND)
			break;
	}
	if (rc == SLUICE_NOT_FOUND)
		rc = docker_files_remove(dir, err);
	return rc < 0 ? error_wrap(err, "cannot clean up after the attempt in '%s'", dir) : 0;
}

static int follow(struct attempt *a, const struct docker_found *found, struct error *err)
{
	const char *const *masked = (const char *const *)found->masked;
	int rc = docker_output_open(&a->output, a->dir, masked, err);

	if (rc < 0)
		return docker_give_up(a, rc);
	a->container = xstrdup(found->container);
	a->fetch = xstrdup(found->fetch);
	a->is_limited = true; /* it may be */
	a->grace_ms = found->grace_ms;
	a->stop_signal = found->stop_signal;
	a->may_go = true;
	docker_read_log(a);
	docker_run(a);
	return 0;
}

/* Its end is told from the loop. */
static void follow_ended(struct attempt *a, const struct attempt_result *result)
{
	a->result = *result;
	a->state = DOCKER_GONE;
	docker_wake(a, 0);
}

int docker_attempt_adopt(const struct docker_place *place, const char *dir,
                         const struct attempt_hooks *hooks, struct attempt **ret_attempt,
                         struct error *err)
{
	struct attempt_result result;
	struct docker_found found = { .container = NULL };
	int rc;

	if (attempt_read_result(dir, &result, err) == 0) {
		rc = docker_attempt_sweep(place, dir, err);
		if (rc == 0) {
			*ret_attempt = docker_attempt_new(place, dir, "", hooks);
			follow_ended(*ret_attempt, &result);
		}
		return rc;
	}
	rc = docker_find(&place->host, dir, &found, err);
	if (rc < 0 && rc != SLUICE_NOT_FOUND)
		return rc;
	if (rc == SLUICE_NOT_FOUND || !found.has_begun) {
		docker_found_release(&found);
		rc = docker_attempt_sweep(place, dir, err);
		return rc < 0 ? rc
		              : error_set(err, SLUICE_NOT_FOUND, "nothing was started in '%s'",
		                          dir);
	}
	*ret_attempt = docker_attempt_new(place, dir, found.id, hooks);
	(*ret_attempt)->result.started_ms = found.started_ms;
	rc = follow(*ret_attempt, &found, err);
	docker_found_release(&found);
	return rc;
}
