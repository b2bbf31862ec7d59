#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/text.h"
#include "cli/workflow/file.h"

/* What is told of one file. */
struct verdict {
	const char *file;
	const struct workflow_file *read; /* NULL: could not be */
	const struct error *error;        /* why not */
};

static bool is_good(const struct verdict *v)
{
	return v->read && v->read->found.n_errors == 0;
}

static void print_verdict(const struct cli *cli, const struct verdict *v, bool all)
{
	size_t n_jobs;

	if (!v->read) {
		(void)cli_fail(v->error);
		return;
	}
	diags_print(cli, &v->read->found, all);
	if (!is_good(v) || cli->quiet)
		return;
	n_jobs = v->read->doc->spec->n_jobs;
	(void)text_put_safe(cli_input_name(v->file), stdout);
	(void)printf(": ok (%zu job%s)\n", n_jobs, n_jobs == 1 ? "" : "s");
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
	json_add_bool(out, "ok", is_good(v));
	for (size_t i = 0; v->read && i < v->read->found.n; i++)
		json_push(diags, diags_json(&v->read->found.list[i]));
	if (!v->read)
		json_push(diags, json_unreadable(v->error));
	json_add(out, "diagnostics", diags);
	return out;
}

static int validate_file(const struct cli *cli, const char *file, bool all, cJSON *files)
{
	struct workflow_file read = WORKFLOW_FILE_INIT;
	struct error err;
	struct verdict v = { .file = file, .error = &err };
	int status;

	if (workflow_file_read(&read, file, &err) == 0)
		v.read = &read;
	if (cli->json)
		json_push(files, json_verdict(&v));
	else
		print_verdict(cli, &v, all);
	status = is_good(&v) ? CLI_OK : CLI_USAGE;
	workflow_file_release(&read);
	return status;
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
	.help = "Says what 'sluice run' would refuse because of the file itself. A FILE of '-' is "
		"standard input. Nothing is run, and neither this machine nor a dataset is looked "
		"at. The exit status is 2 if any file has an error.",
	.min_rest = 1,
	.max_rest = CLI_MANY,
	.complete = { COMPLETE_FILE, COMPLETE_FILE },
	.options = validate_options,
	.run = run_validate,
};
