#include "cli/workflow/diags.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/text.h"

enum { SHOWN_MAX = 20 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void print_count(const char *before, size_t n, const char *what)
{
	if (n > 0)
		(void)fprintf(stderr, "%s %zu more %s%s", before, n, what, n == 1 ? "" : "s");
}

static void print_rest(const char *file, bool is_workflow, size_t errors, size_t warnings)
{
	if (errors + warnings == 0)
		return;
	(void)fputs(file, stderr);
	print_count(":", errors, "error");
	print_count(errors > 0 ? " and" : ":", warnings, "warning");
	(void)fputs(is_workflow ? "; 'sluice validate --all' shows them\n" : "\n", stderr);
}

void diags_print(const struct cli *cli, const struct diags_shown *d, bool all)
{
	AUTO_STRBUF struct strbuf file = STRBUF_INIT(STRBUF_BIG);
	struct spec_text text = { .text = strbuf_str(d->text), .len = d->text->len };
	size_t most = all ? SIZE_MAX : SHOWN_MAX;
	size_t errors = least(d->n_errors, most);
	size_t warnings = cli->quiet ? 0 : least(d->n_warnings, most - errors);
	size_t *left[] = { [SPEC_ERROR] = &errors, [SPEC_WARNING] = &warnings };
	size_t n_errors = errors, n_warnings = warnings;

	text_add_safe(&file, cli_input_name(d->file), strlen(cli_input_name(d->file)));
	text.file = strbuf_str(&file);
	(void)fflush(stdout);
	for (size_t i = 0; i < d->n; i++) {
		AUTO_FREE char *shown = NULL;

		if (*left[d->list[i].severity] == 0)
			continue;
		--*left[d->list[i].severity];
		shown = spec_diag_format(&text, &d->list[i]);
		(void)fputs(shown ? shown : "sluice: out of memory\n", stderr);
	}
	if (!all)
		print_rest(text.file, d->is_workflow, d->n_errors - n_errors,
		           cli->quiet ? 0 : d->n_warnings - n_warnings);
}

/* Null for what is said of the file as a whole. */
static cJSON *place(uint32_t number)
{
	return number > 0 ? cJSON_CreateNumber(number) : cJSON_CreateNull();
}

cJSON *diags_json(const struct spec_diag *diag)
{
	cJSON *out = json_new_obj();

	json_add_str(out, "severity", diag->severity == SPEC_ERROR ? "error" : "warning");
	json_add(out, "line", place(diag->at.line));
	json_add(out, "column", place(diag->at.column));
	json_add_str(out, "message", diag->message);
	json_add_str(out, "hint", diag->hint);
	return out;
}
