/* Any bytes are a workflow or diagnostics, each of which can be printed; so with inputs of a run.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_all(const struct spec_diag *diags, size_t n, const char *text, size_t len)
{
	struct spec_text source = { .file = "w.yaml", .text = text, .len = len };

	for (size_t i = 0; i < n; i++) {
		char *shown = spec_diag_format(&source, &diags[i]);

		assert(shown && shown[strlen(shown) - 1] == '\n');
		assert(diags[i].at.line > 0 && diags[i].at.column > 0 && diags[i].width > 0);
		assert(i == 0 || diags[i].at.line >= diags[i - 1].at.line);
		free(shown);
	}
}

/* Every need is of this workflow, and what comes from a job comes from one that is needed. */
static void check_job(const struct spec *spec, const struct spec_job *job)
{
	assert(spec->jobs[job->index] == job && job->action);
	for (size_t i = 0; i < job->n_needs; i++)
		assert(spec->jobs[job->needs[i]->index] == job->needs[i] && job->needs[i] != job);
	for (size_t i = 0; i < job->n_inputs; i++) {
		const struct spec_input *in = &job->inputs[i];
		bool needed = in->source != SPEC_FROM_JOB;

		for (size_t j = 0; j < job->n_needs; j++)
			needed = needed || job->needs[j] == in->job;
		assert(needed && in->name && strlen(in->name) > 0 && !strchr(in->name, '/'));
		assert(in->source != SPEC_FROM_JOB || (in->output && in->output->type == in->type));
		assert(in->source != SPEC_INLINE || (in->given && in->type != SPEC_VOLUME));
	}
	for (size_t i = 0; i < job->n_outputs; i++)
		assert(job->outputs[i].type != SPEC_DATASET || job->outputs[i].ref.dataset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct spec_doc *doc = spec_parse(text, size);
	struct spec_inputs_doc *inputs = spec_parse_inputs(text, size);

	assert(doc && inputs);
	print_all(doc->diags, doc->n_diags, text, size);
	print_all(inputs->diags, inputs->n_diags, text, size);
	assert((doc->spec == NULL) == (doc->n_errors > 0));
	for (size_t i = 0; doc->spec && i < doc->spec->n_jobs; i++)
		check_job(doc->spec, doc->spec->jobs[i]);
	for (size_t i = 0; i < inputs->n_given; i++)
		assert(!inputs->given[i].value != !inputs->given[i].ref);
	spec_doc_free(doc);
	spec_inputs_doc_free(inputs);
	return 0;
}
