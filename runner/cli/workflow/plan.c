#include "cli/workflow/plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

static void print_job(void *arg, const struct run_job *job)
{
	struct run *run = arg;
	const struct spec_job *spec = job->spec;
	const char *digest = run_image_digest(run, spec);

	(void)printf("\n%s  %s@v%u", spec->id, spec->action, spec->version);
	if (digest)
		(void)printf("  %s%s%.19s", spec_job_string(spec, "image"), *digest ? "@" : "",
		             digest);
	(void)putchar('\n');
	if (spec->n_needs > 0) {
		(void)printf("  needs  ");
		for (size_t i = 0; i < spec->n_needs; i++)
			(void)printf("%s%s", i ? ", " : "", spec->needs[i]->id);
		(void)putchar('\n');
	}
	for (size_t i = 0; i < spec->n_inputs; i++) {
		const char *text = run_input_text(run, &spec->inputs[i]);
		AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1024);

		strbuf_addprintable(&sb, text ? text : "not given", 200);
		(void)printf("  reads  /inputs/%s  %s %s\n", spec->inputs[i].name,
		             spec_type_name(spec->inputs[i].type), strbuf_str(&sb));
	}
	for (size_t i = 0; i < spec->n_outputs; i++) {
		const struct spec_output *o = &spec->outputs[i];

		(void)printf("  makes  /outputs/%s  %s", o->name, spec_type_name(o->type));
		if (o->type == SPEC_DATASET)
			(void)printf(" %s%s", o->ref.dataset,
			             run_output_is_new(run, o) ? " (will be created)" : "");
		(void)putchar('\n');
	}
}

void plan_print(struct run *run, const char *workflow)
{
	size_t n = run_n_jobs(run);

	(void)printf("workflow %s: %zu job%s, in the order of their start\n", workflow, n,
	             n == 1 ? "" : "s");
	run_order(run, print_job, run);
}

/* --- for scripts ---------------------------------------------------------------------------- */

struct plan {
	struct run *run;
	cJSON *jobs;
};

static cJSON *json_needs(const struct spec_job *spec)
{
	cJSON *out = json_new_arr();

	for (size_t i = 0; i < spec->n_needs; i++)
		json_push_str(out, spec->needs[i]->id);
	return out;
}

static cJSON *json_inputs(struct run *run, const struct spec_job *spec)
{
	cJSON *out = json_new_arr();

	for (size_t i = 0; i < spec->n_inputs; i++) {
		cJSON *input = json_new_obj();

		json_add_str(input, "name", spec->inputs[i].name);
		json_add_str(input, "type", spec_type_name(spec->inputs[i].type));
		json_add_str(input, "value", run_input_text(run, &spec->inputs[i]));
		json_push(out, input);
	}
	return out;
}

static cJSON *json_outputs(const struct run *run, const struct spec_job *spec)
{
	cJSON *out = json_new_arr();

	for (size_t i = 0; i < spec->n_outputs; i++) {
		const struct spec_output *o = &spec->outputs[i];
		bool is_dataset = o->type == SPEC_DATASET;
		cJSON *output = json_new_obj();

		json_add_str(output, "name", o->name);
		json_add_str(output, "type", spec_type_name(o->type));
		json_add_str(output, "ref", is_dataset ? o->ref.dataset : NULL);
		json_add_bool(output, "isNew", is_dataset && run_output_is_new(run, o));
		json_push(out, output);
	}
	return out;
}

static void add_job(void *arg, const struct run_job *job)
{
	const struct plan *plan = arg;
	const struct spec_job *spec = job->spec;
	const char *digest = run_image_digest(plan->run, spec);
	AUTO_FREE char *uses = xasprintf("%s@v%u", spec->action, spec->version);
	cJSON *out = json_new_obj();

	json_add_str(out, "name", spec->id);
	json_add_str(out, "uses", uses);
	json_add_str(out, "image", digest ? spec_job_string(spec, "image") : NULL);
	json_add_str(out, "imageDigest", digest && *digest ? digest : NULL);
	json_add(out, "needs", json_needs(spec));
	json_add(out, "inputs", json_inputs(plan->run, spec));
	json_add(out, "outputs", json_outputs(plan->run, spec));
	json_push(plan->jobs, out);
}

void plan_add_json(cJSON *to, struct run *run, const char *workflow)
{
	struct plan plan = { .run = run, .jobs = json_new_arr() };

	run_order(run, add_job, &plan);
	json_add_str(to, "workflow", workflow);
	json_add(to, "jobs", plan.jobs);
}
