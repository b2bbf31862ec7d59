#include "cli/workflow/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* What the language knows and cannot be run; of the workflow, then of its jobs.  How much. */
static size_t find_refused(const struct spec *spec, struct action_refusal *refused)
{
	size_t n = 0;

	if (spec->timeout > 0)
		refused[n++] = (struct action_refusal){
			.at = spec->timeout_at,
			.message = "'timeout' of a workflow is not supported yet",
			.hint = "remove it, or run under timeout(1): it stops sluice cleanly",
		};
	for (size_t i = 0; i < spec->n_jobs; i++)
		n += !action_can_run(spec->jobs[i], &refused[n]);
	return n;
}

static int by_place(const void *a, const void *b)
{
	const struct spec_mark *x = &((const struct spec_diag *)a)->at;
	const struct spec_mark *y = &((const struct spec_diag *)b)->at;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (x->column > y->column) - (x->column < y->column);
}

static void refuse(struct workflow_file *f)
{
	const struct spec_doc *doc = f->doc;
	size_t n;

	f->refused = xcalloc(doc->spec->n_jobs + 1, sizeof *f->refused);
	n = find_refused(doc->spec, f->refused);
	if (n == 0)
		return;
	f->list = xcalloc(doc->n_diags + n, sizeof *f->list);
	for (size_t i = 0; i < doc->n_diags; i++)
		f->list[i] = doc->diags[i];
	for (size_t i = 0; i < n; i++)
		f->list[doc->n_diags + i] = (struct spec_diag){
			.severity = SPEC_ERROR,
			.at = f->refused[i].at,
			.width = 1,
			.message = f->refused[i].message,
			.hint = f->refused[i].hint,
		};
	qsort(f->list, doc->n_diags + n, sizeof *f->list, by_place);
	f->found.list = f->list;
	f->found.n = doc->n_diags + n;
	f->found.n_errors = n;
}

int workflow_file_read(struct workflow_file *f, const char *name, struct error *err)
{
	int rc = cli_read_input(name, &f->text, err);

	if (rc < 0)
		return rc;
	f->doc = spec_parse(strbuf_str(&f->text), f->text.len);
	if (!f->doc)
		return error_sys(err, ENOMEM, "cannot check '%s'", cli_input_name(name));
	f->found = DIAGS_OF(name, &f->text, f->doc, true);
	if (f->doc->spec)
		refuse(f);
	return 0;
}

void workflow_file_release(struct workflow_file *f)
{
	free(f->list);
	free(f->refused);
	spec_doc_free(f->doc);
	strbuf_release(&f->text);
}
