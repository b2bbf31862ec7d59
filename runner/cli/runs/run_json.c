#include "cli/runs/run_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "engine/run.h"

static void add_time(cJSON *to, const char *name, int64_t ms)
{
	char text[CLOCK_TEXT_SIZE];

	if (ms > 0)
		json_add_str(to, name, clock_format(ms, text));
}

static void add_message(cJSON *to, const char *message)
{
	if (message)
		json_add_str(to, "message", message);
}

void run_json_add_status(cJSON *to, const struct catalog_run *run)
{
	json_add_str(to, "phase", run->phase);
	add_message(to, run->message);
	add_time(to, "started", run->started_ms);
	add_time(to, "finished", run->finished_ms);
}

cJSON *run_json_summary(const struct catalog_run *run)
{
	cJSON *out = json_new_obj();
	cJSON *status = json_new_obj();

	json_add_int(out, "id", run->number);
	json_add_str(out, "uuid", run->uuid);
	json_add_str(out, "workflow", run->workflow);
	add_time(out, "dtCreated", run->created_ms);
	run_json_add_status(status, run);
	json_add(out, "status", status);
	return out;
}

static cJSON *usage_json(const struct catalog_usage *usage)
{
	cJSON *out = json_new_obj();

	json_add_int(out, "cpuMs", usage->cpu_ms);
	json_add_int(out, "peakBytes", usage->peak_bytes);
	json_add_int(out, "readBytes", usage->read_bytes);
	json_add_int(out, "writtenBytes", usage->written_bytes);
	return out;
}

void run_json_add_job(cJSON *to, const struct catalog_job *job, const char *home)
{
	enum job_state state = job_state_find(job->state);

	json_add_str(to, "phase", job_state_phase(state));
	json_add_str(to, "state", job->state);
	json_add_int(to, "attempt", job->attempt);
	add_message(to, job->message);
	if (job->exit_code >= 0)
		json_add_int(to, "exitCode", job->exit_code);
	if (job->signal > 0)
		json_add_int(to, "signal", job->signal);
	add_time(to, "started", job->started_ms);
	add_time(to, "finished", job->finished_ms);
	if (job->finished_ms > 0)
		json_add(to, "usage", usage_json(&job->usage));
	if (job->attempt > 0 && state != JOB_PREPARING) {
		AUTO_FREE char *log = xasprintf("%s/runs/%s/jobs/%s/%d/log", home, job->run,
		                                job->name, job->attempt);

		json_add_str(to, "log", log);
	}
}

cJSON *run_json_dataset(const char *name, const char *dataset, const char *version, bool committed)
{
	AUTO_FREE char *id = xasprintf("%s:%s", name ? name : dataset, version);
	AUTO_FREE char *ref = xasprintf("%s:%s", dataset, version);
	cJSON *out = json_new_obj();

	json_add_str(out, "id", id);
	json_add_str(out, "ref", ref);
	json_add_bool(out, "isCommitted", committed);
	return out;
}

/* --- the document --------------------------------------------------------------------------- */

struct jobs {
	const char *home;
	cJSON *all;
	struct map by_name; /* the same objects */
};

static int add_job(void *arg, const struct catalog_job *row)
{
	struct jobs *jobs = arg;
	cJSON *job = json_new_obj();

	run_json_add_job(job, row, jobs->home);
	json_add(job, "inputs", json_new_obj());
	json_add(job, "outputs", json_new_obj());
	json_add(jobs->all, row->name, job);
	(void)map_set(&jobs->by_name, row->name, job);
	return 0;
}

static int add_link(void *arg, const struct catalog_link *row)
{
	const struct jobs *jobs = arg;
	const cJSON *job = map_find(&jobs->by_name, row->job);
	cJSON *link;

	if (!job)
		return 0;
	link = json_new_obj();
	json_add(link, "dataset",
	         run_json_dataset(row->dataset_name, row->dataset, row->version, row->committed));
	json_add(cJSON_GetObjectItemCaseSensitive(job, row->is_output ? "outputs" : "inputs"),
	         row->name, link);
	return 0;
}

/* What the history keeps was read once, so it can be read again; else it is given as text. */
static cJSON *spec_of(const struct catalog_run *run)
{
	AUTO_FREE char *text = run->spec ? spec_json(run->spec, strlen(run->spec)) : NULL;
	struct error unused;
	cJSON *spec = NULL;

	if (text && json_parse(text, strlen(text), "spec", &spec, &unused) == 0)
		return spec;
	return run->spec ? cJSON_CreateString(run->spec) : cJSON_CreateNull();
}

int run_json_document(struct catalog *catalog, const char *home, const struct catalog_run *run,
                      cJSON **ret_doc, struct error *err)
{
	struct jobs jobs = { .home = home, .all = json_new_obj() };
	int rc = catalog_each_job(catalog, run->uuid, add_job, &jobs, err);

	if (rc == 0)
		rc = catalog_each_link(catalog, run->uuid, add_link, &jobs, err);
	if (rc == 0) {
		*ret_doc = run_json_summary(run);
		json_add(*ret_doc, "spec", spec_of(run));
		json_add(cJSON_GetObjectItemCaseSensitive(*ret_doc, "status"), "jobs",
		         take_ptr(&jobs.all));
	}
	cJSON_Delete(jobs.all);
	map_release(&jobs.by_name, NULL);
	return rc;
}
