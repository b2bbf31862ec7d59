/* sluice graph: what a workflow's jobs need, without looking at this machine. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/text.h"
#include "cli/workflow/diags.h"
#include "cli/workflow/graph_spec.h"

enum { TEXT_MAX = 64 << 20 }; /* spec's own limit */

static void put_graph(const struct cli *cli, const struct spec *spec, graph_draw_fn *draw)
{
	AUTO_GRAPH struct graph graph = graph_of_spec(spec);

	graph_print(cli, &graph, draw);
}

static int run_graph(struct cli *cli, const struct cli_args *args)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MAX);
	const char *file = args_rest(args, 0);
	const char *name = args_get(args, "format");
	bool json = name ? strcmp(name, "json") == 0 : cli->json;
	graph_draw_fn *draw = graph_find_format(name ? name : "tree");
	struct spec_doc *doc;
	struct error err;
	int status = CLI_USAGE;

	if (!json && !draw)
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
		if (json)
			cli_print_json(graph_json(doc->spec));
		else
			put_graph(cli, doc->spec, draw);
		status = CLI_OK;
	}
	spec_doc_free(doc);
	return status;
}

static const struct cli_option graph_options[] = {
	GRAPH_OPTIONS,
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
