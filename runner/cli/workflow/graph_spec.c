#include "cli/workflow/graph_spec.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/xalloc.h"

/* The dataset that an input reads, or NULL where the file does not tell. */
static const char *ref_of(const struct spec_input *input)
{
	if (input->type != SPEC_DATASET)
		return NULL;
	if (input->source == SPEC_FROM_JOB)
		return input->output->ref.text;
	if (input->source == SPEC_FROM_WORKFLOW)
		input = input->input;
	return input->given ? input->ref.text : NULL;
}

/* What is shown for it. */
static void add_input_dataset(struct strbuf *sb, const struct spec_input *input)
{
	const char *ref = ref_of(input);

	if (ref)
		strbuf_addstr(sb, ref);
	else if (input->source == SPEC_FROM_WORKFLOW)
		strbuf_addf(sb, "workflow.inputs.%s", input->input->name);
	else
		strbuf_addstr(sb, input->name);
}

static void add_uses(struct strbuf *sb, const struct spec_job *job)
{
	strbuf_addf(sb, "%s@v%u", job->action, job->version);
}

/* --- graph ---------------------------------------------------------------------------------- */

static void add_datasets(struct graph_job *to, const struct spec_job *job)
{
	for (size_t i = 0; i < job->n_inputs; i++) {
		AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

		if (job->inputs[i].type != SPEC_DATASET)
			continue;
		add_input_dataset(&sb, &job->inputs[i]);
		graph_add_name(&to->reads, strbuf_str(&sb));
	}
	for (size_t i = 0; i < job->n_outputs; i++)
		if (job->outputs[i].type == SPEC_DATASET)
			graph_add_name(&to->makes, job->outputs[i].ref.text);
}

struct graph graph_of_spec(const struct spec *spec)
{
	struct graph g = { .title = "workflow" };

	for (size_t i = 0; i < spec->n_jobs; i++) {
		const struct spec_job *job = spec->jobs[i];
		AUTO_STRBUF struct strbuf uses = STRBUF_INIT(STRBUF_BIG);
		size_t at;

		add_uses(&uses, job);
		at = graph_add_job(&g, job->id, strbuf_str(&uses));
		add_datasets(&g.job[at], job);
		for (size_t k = 0; k < job->n_needs; k++)
			graph_add_need(&g, at, job->needs[k]->index);
	}
	return g;
}

/* --- JSON ----------------------------------------------------------------------------------- */

static cJSON *json_input(const struct spec_input *input)
{
	cJSON *out = json_new_obj();
	AUTO_FREE char *from = NULL;

	if (input->source == SPEC_FROM_JOB)
		from = xasprintf("%s.outputs.%s", input->job->id, input->output->name);
	else if (input->source == SPEC_FROM_WORKFLOW)
		from = xasprintf("workflow.inputs.%s", input->input->name);
	json_add_str(out, "name", input->name);
	json_add_str(out, "type", spec_type_name(input->type));
	json_add_str(out, "from", from);
	json_add_str(out, "ref", ref_of(input));
	return out;
}

static cJSON *json_inputs(const struct spec_input *inputs, size_t n)
{
	cJSON *out = json_new_arr();

	for (size_t i = 0; i < n; i++)
		json_push(out, json_input(&inputs[i]));
	return out;
}

static cJSON *json_outputs(const struct spec_job *job)
{
	cJSON *out = json_new_arr();

	for (size_t i = 0; i < job->n_outputs; i++) {
		const struct spec_output *o = &job->outputs[i];
		cJSON *output = json_new_obj();

		json_add_str(output, "name", o->name);
		json_add_str(output, "type", spec_type_name(o->type));
		json_add_str(output, "ref", o->type == SPEC_DATASET ? o->ref.text : NULL);
		json_push(out, output);
	}
	return out;
}

static cJSON *json_job(const struct spec_job *job)
{
	AUTO_STRBUF struct strbuf uses = STRBUF_INIT(STRBUF_BIG);
	cJSON *out = json_new_obj();
	cJSON *needs = json_new_arr();

	add_uses(&uses, job);
	for (size_t i = 0; i < job->n_needs; i++)
		json_push_str(needs, job->needs[i]->id);
	json_add_str(out, "name", job->id);
	json_add_str(out, "uses", strbuf_str(&uses));
	json_add(out, "needs", needs);
	json_add(out, "inputs", json_inputs(job->inputs, job->n_inputs));
	json_add(out, "outputs", json_outputs(job));
	return out;
}

cJSON *graph_json(const struct spec *spec)
{
	cJSON *out = json_new_obj();
	cJSON *jobs = json_new_arr();

	for (size_t i = 0; i < spec->n_jobs; i++)
		json_push(jobs, json_job(spec->jobs[i]));
	json_add(out, "inputs", json_inputs(spec->inputs, spec->n_inputs));
	json_add(out, "jobs", jobs);
	return out;
}
