/* Drawings of workflows: every job once, below its needs; odd names come out whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/workflow/graph_spec.h"

#define SCRIPT "uses: script@v1, with: {image: i, script: x}"

static const char diamond[] =
	"inputs: {corpus: {type: dataset}}\n"
	"jobs:\n"
	"  top: {" SCRIPT ", inputs: {c: workflow.inputs.corpus},\n"
	"        outputs: {o: {type: dataset, with: {ref: clean}}, s: {type: string}}}\n"
	"  left: {" SCRIPT ", inputs: {c: top.outputs.o},\n"
	"         outputs: {o: {type: dataset, with: {ref: l}}}}\n"
	"  right: {" SCRIPT ", needs: [top]}\n"
	"  bottom: {" SCRIPT ", needs: [left, right, top], inputs:\n"
	"           {l: left.outputs.o, r: {type: dataset, with: {ref: 'team/raw:v1'}}}}\n"
	"  alone: {" SCRIPT "}\n";

static struct spec_doc *parsed(const char *yaml)
{
	struct spec_doc *doc = spec_parse(yaml, strlen(yaml));

	assert_non_null(doc);
	for (size_t i = 0; i < doc->n_diags; i++)
		if (doc->diags[i].severity == SPEC_ERROR)
			fail_msg("%s", doc->diags[i].message);
	return doc;
}

static char *drawn(const char *yaml, graph_draw_fn *draw, const struct graph_style *style)
{
	struct strbuf sb = STRBUF_INIT(1 << 20);
	struct spec_doc *doc = parsed(yaml);
	struct graph graph = graph_of_spec(doc->spec);

	draw(&sb, &graph, style);
	assert_false(sb.failed);
	graph_release(&graph);
	spec_doc_free(doc);
	return strbuf_detach(&sb);
}

static void check(const char *yaml, graph_draw_fn *draw, const struct graph_style *style,
                  const char *want)
{
	char *got = drawn(yaml, draw, style);

	assert_string_equal(got, want);
	free(got);
}

static void test_tree(void **state)
{
	(void)state;
	check(diamond, graph_add_tree, &(struct graph_style){ .utf8 = true },
	      "top  reads workflow.inputs.corpus  makes clean  then bottom (below)\n"
	      "├─ left  reads clean  makes l  then bottom (below)\n"
	      "└─ right\n"
	      "   ↓ bottom  reads l, team/raw:v1\n"
	      "alone\n");
	check(diamond, graph_add_tree, &(struct graph_style){ .utf8 = false },
	      "top  reads workflow.inputs.corpus  makes clean  then bottom (below)\n"
	      "|- left  reads clean  makes l  then bottom (below)\n"
	      "`- right\n"
	      "   v bottom  reads l, team/raw:v1\n"
	      "alone\n");
}

static void test_tree_is_wrapped(void **state)
{
	(void)state;
	check(diamond, graph_add_tree, &(struct graph_style){ .utf8 = true, .columns = 28 },
	      "top  reads workflow.inputs.corpus\n"
	      "│    makes clean\n"
	      "│    then bottom (below)\n"
	      "├─ left  reads clean\n"
	      "│       makes l  then bottom\n"
	      "│       (below)\n"
	      "└─ right\n"
	      "   ↓ bottom  reads l,\n"
	      "        team/raw:v1\n"
	      "alone\n");
}

/* 2^20 paths lead through 20 diamonds in a row. */
static void test_each_job_once(void **state)
{
	struct strbuf yaml = STRBUF_INIT(1 << 20);
	const struct graph_style style = { .utf8 = true };
	size_t lines = 0;
	char *text;

	(void)state;
	strbuf_addstr(&yaml, "jobs:\n  t0: {" SCRIPT "}\n");
	for (int i = 0; i < 20; i++) {
		strbuf_addf(&yaml, "  l%d: {" SCRIPT ", needs: [t%d]}\n", i, i);
		strbuf_addf(&yaml, "  r%d: {" SCRIPT ", needs: [t%d]}\n", i, i);
		strbuf_addf(&yaml, "  t%d: {" SCRIPT ", needs: [l%d, r%d]}\n", i + 1, i, i);
	}
	text = drawn(strbuf_str(&yaml), graph_add_tree, &style);
	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 61);
	free(text);
	strbuf_release(&yaml);
}

/* Where the lines would leave no room for names, a job begins again at the margin. */
static void test_levels_end(void **state)
{
	(void)state;
	check("jobs:\n"
	      "  a: {" SCRIPT "}\n"
	      "  a1: {" SCRIPT ", needs: [a]}\n"
	      "  b: {" SCRIPT ", needs: [a]}\n"
	      "  b1: {" SCRIPT ", needs: [b]}\n"
	      "  c: {" SCRIPT ", needs: [b]}\n"
	      "  c1: {" SCRIPT ", needs: [c]}\n"
	      "  d: {" SCRIPT ", needs: [c]}\n"
	      "  d1: {" SCRIPT ", needs: [d]}\n"
	      "  e: {" SCRIPT ", needs: [d]}\n",
	      graph_add_tree, &(struct graph_style){ .utf8 = false, .columns = 24 },
	      "a\n"
	      "|- a1\n"
	      "`- b\n"
	      "   |- b1\n"
	      "   `- c\n"
	      "      |- c1\n"
	      "      `- d  then d1, e\n"
	      "              (below)\n"
	      "d1\n"
	      "e\n");
}

static void test_dot(void **state)
{
	(void)state;
	check(diamond, graph_add_dot, NULL,
	      "digraph workflow {\n"
	      "\tnode [shape=box];\n"
	      "\tj0 [label=\"top\\nscript@v1\"];\n"
	      "\tj1 [label=\"left\\nscript@v1\"];\n"
	      "\tj2 [label=\"right\\nscript@v1\"];\n"
	      "\tj3 [label=\"bottom\\nscript@v1\"];\n"
	      "\tj4 [label=\"alone\\nscript@v1\"];\n"
	      "\td0 [shape=cylinder, label=\"workflow.inputs.corpus\"];\n"
	      "\td0 -> j0 [style=dashed];\n"
	      "\td1 [shape=cylinder, label=\"clean\"];\n"
	      "\tj0 -> d1 [style=dashed];\n"
	      "\tj0 -> j1;\n"
	      "\td1 -> j1 [style=dashed];\n"
	      "\td2 [shape=cylinder, label=\"l\"];\n"
	      "\tj1 -> d2 [style=dashed];\n"
	      "\tj0 -> j2;\n"
	      "\tj1 -> j3;\n"
	      "\tj2 -> j3;\n"
	      "\tj0 -> j3;\n"
	      "\td2 -> j3 [style=dashed];\n"
	      "\td3 [shape=cylinder, label=\"team/raw:v1\"];\n"
	      "\td3 -> j3 [style=dashed];\n"
	      "}\n");
}

#define ODD "jobs:\n  'a \"b\" <c>\\#`&ü': {" SCRIPT "}\n"

static void test_odd_names(void **state)
{
	(void)state;
	check(ODD, graph_add_dot, NULL,
	      "digraph workflow {\n"
	      "\tnode [shape=box];\n"
	      "\tj0 [label=\"a \\\"b\\\" <c>\\\\#`&ü\\nscript@v1\"];\n"
	      "}\n");
	check(ODD, graph_add_mermaid, NULL,
	      "flowchart TD\n"
	      "\tj0[\"a #quot;b#quot; #lt;c#gt;#92;#35;#96;#amp;ü<br/>script@v1\"]\n");
}

static void test_mermaid(void **state)
{
	(void)state;
	check("jobs:\n"
	      "  a: {" SCRIPT ", outputs: {o: {type: dataset, with: {ref: d}}}}\n"
	      "  b: {" SCRIPT ", inputs: {i: a.outputs.o}}\n",
	      graph_add_mermaid, NULL,
	      "flowchart TD\n"
	      "\tj0[\"a<br/>script@v1\"]\n"
	      "\tj1[\"b<br/>script@v1\"]\n"
	      "\td0[(\"d\")]\n"
	      "\tj0 -.-> d0\n"
	      "\tj0 --> j1\n"
	      "\td0 -.-> j1\n");
}

static void test_json(void **state)
{
	struct spec_doc *doc = parsed(
		"inputs: {w: {type: dataset, with: {ref: raw}}}\n"
		"jobs:\n"
		"  a: {" SCRIPT ", inputs: {i: workflow.inputs.w}, outputs: {v: {type: volume}}}\n"
		"  b: {" SCRIPT ", inputs: {j: a.outputs.v}}\n");
	cJSON *json = graph_json(doc->spec);
	char *text = json_print(json);

	(void)state;
	assert_string_equal(
		text,
		"{\"inputs\":[{\"name\":\"w\",\"type\":\"dataset\",\"from\":null,\"ref\":\"raw\"}],"
		"\"jobs\":[{\"name\":\"a\",\"uses\":\"script@v1\",\"needs\":[],\"inputs\":"
		"[{\"name\":\"i\",\"type\":\"dataset\",\"from\":\"workflow.inputs.w\","
		"\"ref\":\"raw\"}],\"outputs\":[{\"name\":\"v\",\"type\":\"volume\",\"ref\":null}]},"
		"{\"name\":\"b\",\"uses\":\"script@v1\",\"needs\":[\"a\"],\"inputs\":"
		"[{\"name\":\"j\",\"type\":\"volume\",\"from\":\"a.outputs.v\",\"ref\":null}],"
		"\"outputs\":[]}]}");
	free(text);
	cJSON_Delete(json);
	spec_doc_free(doc);
}

/* Not of a workflow: no second line, and the dataset that it is about, though nobody reads it. */
static void test_focus(void **state)
{
	struct graph g = { .title = "lineage", .focus = strdup("a\"b") };
	struct strbuf sb = STRBUF_INIT(1 << 20);
	size_t job;

	(void)state;
	graph_add_dot(&sb, &g, NULL);
	job = graph_add_job(&g, "etl/3/clean", NULL);
	graph_add_name(&g.job[job].reads, "raw");
	graph_add_name(&g.job[job].makes, "a\"b");
	graph_add_dot(&sb, &g, NULL);
	assert_string_equal(strbuf_str(&sb),
	                    "digraph lineage {\n\tnode [shape=box];\n"
	                    "\td0 [shape=cylinder, style=bold, label=\"a\\\"b\"];\n}\n"
	                    "digraph lineage {\n\tnode [shape=box];\n"
	                    "\td0 [shape=cylinder, style=bold, label=\"a\\\"b\"];\n"
	                    "\tj0 [label=\"etl/3/clean\"];\n"
	                    "\td1 [shape=cylinder, label=\"raw\"];\n"
	                    "\td1 -> j0 [style=dashed];\n"
	                    "\tj0 -> d0 [style=dashed];\n}\n");
	strbuf_release(&sb);
	graph_release(&g);
}

static void test_formats(void **state)
{
	(void)state;
	assert_ptr_equal(graph_find_format("tree"), graph_add_tree);
	assert_ptr_equal(graph_find_format("mermaid"), graph_add_mermaid);
	assert_null(graph_find_format("json"));
	assert_null(graph_find_format(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),          cmocka_unit_test(test_tree_is_wrapped),
		cmocka_unit_test(test_each_job_once), cmocka_unit_test(test_levels_end),
		cmocka_unit_test(test_dot),           cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_mermaid),       cmocka_unit_test(test_json),
		cmocka_unit_test(test_focus),         cmocka_unit_test(test_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
