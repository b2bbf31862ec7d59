/* What spec/ says of a workflow or of the inputs of a run, for people and for scripts. */
#ifndef CLI_DIAGS_H
#define CLI_DIAGS_H

#include "base/json.h"
#include "cli/cli.h"
#include "spec/spec.h"

/* Of one file, as the parser found them. */
struct diags_shown {
	const char *file; /* as the user named it */
	const struct strbuf *text;
	const struct spec_diag *list;
	size_t n, n_errors, n_warnings;
	bool is_workflow; /* which `sluice validate` can show */
};

#define DIAGS_OF(file_, text_, doc, is_workflow_)                                               \
	((struct diags_shown){ (file_), (text_), (doc)->diags, (doc)->n_diags, (doc)->n_errors, \
	                       (doc)->n_warnings, (is_workflow_) })

/*
 * Prints them on standard error, the first few unless `all`: in order of place, but errors have
 * their place before warnings; then how many there are besides.  No warnings with --quiet.
 */
void diags_print(const struct cli *cli, const struct diags_shown *d, bool all);

/* {"severity", "line", "column", "message", "hint"}; no place is null. */
cJSON *diags_json(const struct spec_diag *diag);

#endif
