/* sluice graph: what a workflow's jobs need, without looking at this machine. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/text.h"
#include "cli/workflow/diags.h"
#include "cli/workflow/graph_format.h"

enum { TEXT_MAX = 64 << 20 }; /* spec's own limit */

static void put_tree(const struct cli *cli, const struct spec *spec)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);
	struct graph_style style = { .utf8 = text_is_utf8(), .columns = cli->columns };

	graph_add_tree(&sb, spec, &style);
	(void)fputs(strbuf_str(&sb), stdout);
}

static void put_dot(const struct cli *cli, const struct spec *spec)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	(void)cli;
	graph_add_dot(&sb, spec);
	(void)fputs(strbuf_str(&sb), stdout);
}

static void put_mermaid(const struct cli *cli, const struct spec *spec)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	(void)cli;
	graph_add_mermaid(&sb, spec);
	(void)fputs(strbuf_str(&sb), stdout);
}

static void put_json(const struct cli *cli, const struct spec *spec)
{
	(void)cli;
	cli_print_json(graph_json(spec));
}

static const struct format {
	const char *name;
	void (*put)(const struct cli *cli, const struct spec *spec);
} formats[] = {
	{ "tree", put_tree },
	{ "dot", put_dot },
	{ "mermaid", put_mermaid },
	{ "json", put_json },
};

static const struct format *find_format(const char *name)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

static int run_graph(struct cli *cli, const struct cli_args *args)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MAX);
	const char *file = args_rest(args, 0);
	const char *name = args_get(args, "format");
	const struct format *format = find_format(name ? name : cli->json ? "json" : "tree");
	struct spec_doc *doc;
	struct error err;
	int status = CLI_USAGE;

	if (!format)
		return cli_usage(args, "--format takes tree, dot, mermaid or json, not '%s'", name);
	if (cli_read_input(file, &text, &err) < 0)
		return cli_fail(&err);
	doc = spec_parse(strbuf_str(&text), text.len);
	if (!doc) {
		(void)error_sys(&err, ENOMEM, "cannot check '%s'", cli_input_name(file));
		return cli_fail(&err);
	}
	diags_print(cli, &DIAGS_OF(file, &text, doc, true), false);
	if (doc->spec) {
		format->put(cli, doc->spec);
		status = CLI_OK;
	}
	spec_doc_free(doc);
	return status;
}

static const struct cli_option graph_options[] = {
	{ .name = "format",
	  .value = "tree|dot|mermaid|json",
	  .help = "A drawing for people (the default), for graphviz, for web pages, or for "
	          "scripts." },
	{ .name = "json", .help = "The same as --format json." },
	{ .name = NULL },
};

const struct cli_command cmd_graph = {
	.words = "graph",
	.arguments = "FILE",
	.summary = "Draw a workflow: its jobs by what they need, and their datasets.",
	.help = "Every job stands once, below all that it needs: under the last of its needs, and "
		"the others say 'then JOB (below)'. A FILE of '-' is standard input. Nothing is "
		"run and no dataset is looked at.\n"
		"\n"
		"  sluice graph workflow.yaml\n"
		"  sluice graph workflow.yaml --format dot | dot -Tsvg > workflow.svg",
	.min_rest = 1,
	.max_rest = 1,
	.complete = { COMPLETE_FILE },
	.options = graph_options,
	.run = run_graph,
};
