/*
 * A workflow file as `sluice validate` and `sluice run` see it: with all that is wrong with it, as
 * far as the file alone can tell.
 *
 *	struct workflow_file f = WORKFLOW_FILE_INIT;
 *	if (workflow_file_read(&f, "w.yaml", &err) == 0)
 *		... diags_print(cli, &f.found, false); f.doc->spec can run where !f.found.n_errors
 *	workflow_file_release(&f);
 */
#ifndef CLI_WORKFLOW_FILE_H
#define CLI_WORKFLOW_FILE_H

#include "action/action.h"
#include "cli/workflow/diags.h"

struct workflow_file {
	struct strbuf text;
	struct spec_doc *doc;
	struct diags_shown found; /* in order of place: what the parser says, and what is refused */
	struct spec_diag *list;
	struct action_refusal *refused;
};

/* spec/ has a limit of 64 MiB, and says so better. */
#define WORKFLOW_FILE_INIT ((struct workflow_file){ .text = STRBUF_INIT((64 << 20) + 1) })

/* `name` as the user gave it, "-" for standard input; borrowed by `found`.  An error means that it
 * could not be read. */
int workflow_file_read(struct workflow_file *f, const char *name, struct error *err) MUST_USE;
void workflow_file_release(struct workflow_file *f);

#endif
