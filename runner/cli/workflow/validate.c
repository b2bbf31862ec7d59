#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/text.h"
#include "cli/workflow/diags.h"
#include "spec/spec.h"

enum { TEXT_MAX = 64 << 20 }; /* spec's own limit */

/* What is told of one file. */
struct verdict {
	const char *file;
	const struct spec_doc *doc; /* NULL: could not be read */
	const struct strbuf *text;
	const struct error *error; /* why not */
};

static void print_verdict(const struct cli *cli, const struct verdict *v, bool all)
{
	if (!v->doc) {
		(void)cli_fail(v->error);
		return;
	}
	diags_print(cli, &DIAGS_OF(v->file, v->text, v->doc, true), all);
	if (v->doc->n_errors > 0 || cli->quiet)
		return;
	(void)text_put_safe(cli_input_name(v->file), stdout);
	(void)printf(": ok (%zu job%s)\n", v->doc->spec->n_jobs,
	             v->doc->spec->n_jobs == 1 ? "" : "s");
}

static cJSON *json_unreadable(const struct error *error)
{
	const struct spec_diag diag = {
		.severity = SPEC_ERROR,
		.message = error->msg,
	};

	return diags_json(&diag);
}

static cJSON *json_verdict(const struct verdict *v)
{
	cJSON *out = json_new_obj();
	cJSON *diags = json_new_arr();

	json_add_str(out, "file", v->file);
	json_add_bool(out, "ok", v->doc && v->doc->n_errors == 0);
	for (size_t i = 0; v->doc && i < v->doc->n_diags; i++)
		json_push(diags, diags_json(&v->doc->diags[i]));
	if (!v->doc)
		json_push(diags, json_unreadable(v->error));
	json_add(out, "diagnostics", diags);
	return out;
}

static int validate_file(const struct cli *cli, const char *file, bool all, cJSON *files)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MAX);
	struct error err;
	struct verdict v = { .file = file, .text = &text, .error = &err };
	struct spec_doc *doc = NULL;
	int rc = cli_read_input(file, &text, &err);

	if (rc == 0) {
		doc = spec_parse(strbuf_str(&text), text.len);
		v.doc = doc;
		if (!doc)
			(void)error_sys(&err, ENOMEM, "cannot check '%s'", cli_input_name(file));
	}
	if (cli->json)
		json_push(files, json_verdict(&v));
	else
		print_verdict(cli, &v, all);
	rc = doc && doc->n_errors == 0 ? CLI_OK : CLI_USAGE;
	spec_doc_free(doc);
	return rc;
}

static int run_validate(struct cli *cli, const struct cli_args *args)
{
	cJSON *files = json_new_arr();
	int status = CLI_OK;

	for (size_t i = 0; i < args_n_rest(args); i++)
		if (validate_file(cli, args_rest(args, i), args_has(args, "all"), files) != CLI_OK)
			status = CLI_USAGE;
	if (cli->json) {
		cJSON *doc = json_new_obj();

		json_add(doc, "files", files);
		cli_print_json(doc);
		return status;
	}
	cJSON_Delete(files);
	return status;
}

static const struct cli_option validate_options[] = {
	{ .name = "all", .help = "Show everything that is wrong, not only the first 20 things." },
	{ .name = "json",
	  .help = "Print one JSON document: {\"files\": [{\"file\", \"ok\", \"diagnostics\": "
	          "[{\"severity\", \"line\", \"column\", \"message\", \"hint\"}]}]}." },
	{ .name = NULL },
};

const struct cli_command cmd_validate = {
	.words = "validate",
	.arguments = "FILE...",
	.summary = "Check workflow files, and say what is wrong with them.",
	.help = "A FILE of '-' is standard input. Nothing is run and no dataset is looked at. The "
		"exit status is 2 if any file has an error.",
	.min_rest = 1,
	.max_rest = CLI_MANY,
	.complete = { COMPLETE_FILE, COMPLETE_FILE },
	.options = validate_options,
	.run = run_validate,
};
