#include "cli/runs/one_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "engine/owner.h"

struct finding {
	struct one_run *run;
	size_t n;
};

static int take_run(void *arg, const struct catalog_run *row)
{
	struct finding *f = arg;

	if (f->n++ > 0)
		return 0;
	memcpy(f->run->uuid, row->uuid, sizeof f->run->uuid);
	f->run->name = xasprintf("%s/%" PRId64, row->workflow, row->number);
	f->run->phase = xstrdup(row->phase);
	f->run->message = row->message ? xstrdup(row->message) : NULL;
	f->run->created_ms = row->created_ms;
	f->run->started_ms = row->started_ms;
	f->run->finished_ms = row->finished_ms;
	return 0;
}

/* The name of the workflow's newest run; NULL: no workflow is called so.  The caller frees it. */
static char *newest_of(struct catalog *catalog, const char *workflow)
{
	struct one_run run = { .name = NULL };
	struct finding f = { .run = &run };
	struct error ignored;
	char *name = NULL;

	if (catalog_each_run(catalog, NULL, workflow, 1, take_run, &f, &ignored) == 0)
		name = take_ptr(&run.name);
	one_run_release(&run);
	return name;
}

int one_run_find(struct catalog *catalog, const char *which, struct one_run *ret_run,
                 struct error *err)
{
	struct one_run run = { .name = NULL };
	struct finding f = { .run = &run };
	int rc = catalog_each_run(catalog, which, NULL, 2, take_run, &f, err);

	if (rc == 0 && f.n == 1) {
		*ret_run = run;
		return 0;
	}
	one_run_release(&run);
	if (rc == SLUICE_INVALID || (rc == 0 && f.n == 0)) {
		AUTO_FREE char *newest = newest_of(catalog, which);

		if (newest)
			return error_set(err, SLUICE_NOT_FOUND,
			                 "'%s' is a workflow, not a run: did you mean its newest "
			                 "run, '%s'?",
			                 which, newest);
	}
	if (rc < 0)
		return rc;
	if (f.n > 1)
		return error_set(err, SLUICE_INVALID,
		                 "several runs begin with '%s': give more of the id", which);
	return error_set(err, SLUICE_NOT_FOUND,
	                 "no run '%s': 'sluice runs list' shows them; a run is named by its id, "
	                 "by 4 or more of its first characters, by WORKFLOW/NUMBER or 'latest'",
	                 which);
}

void one_run_release(struct one_run *run)
{
	free(run->name);
	free(run->phase);
	free(run->message);
	*run = (struct one_run){ .name = NULL };
}

bool one_run_is_unfinished(const struct one_run *run)
{
	return run_phase_is_unfinished(run->phase);
}
