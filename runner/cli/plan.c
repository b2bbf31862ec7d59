/* The plan that --dry-run shows. */
#include <stdio.h>

#include "cli/view.h"

static void plan_job(void *arg, const struct run_job *job)
{
	struct run *run = arg;
	const struct spec_job *spec = job->spec;
	const char *digest = run_image_digest(run, spec);

	(void)printf("\n%s  %s@v%u", spec->id, spec->action, spec->version);
	if (digest)
		(void)printf("  %s@%.19s", spec_job_string(spec, "image"), digest);
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
			(void)printf(" %s%s", o->ref.text,
			             run_output_is_new(run, o) ? " (will be created)" : "");
		(void)putchar('\n');
	}
}

void view_plan(struct run *run, const char *workflow)
{
	size_t n = run_n_jobs(run);

	(void)printf("workflow %s: %zu job%s, in the order of their start\n", workflow, n,
	             n == 1 ? "" : "s");
	run_order(run, plan_job, run);
}
