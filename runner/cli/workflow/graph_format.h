/* A workflow's jobs and what they need, drawn.  Pure: from the model to text. */
#ifndef CLI_GRAPH_FORMAT_H
#define CLI_GRAPH_FORMAT_H

#include "base/json.h"
#include "base/strbuf.h"
#include "spec/spec.h"

struct graph_style {
	bool utf8;        /* lines in Unicode's drawing characters, else in ASCII */
	unsigned columns; /* wrap there; 0: never */
};

/*
 * Each job on a line of its own, once, below all that it needs: a job stands under the last of its
 * needs, and the others say "then JOB (below)".  What follows alone goes on at the same depth, so
 * that a long chain stays narrow.
 */
void graph_add_tree(struct strbuf *sb, const struct spec *spec, const struct graph_style *style);

/* For graphviz; jobs are boxes, datasets cylinders. */
void graph_add_dot(struct strbuf *sb, const struct spec *spec);

/* For Mermaid, which many web pages of repositories show. */
void graph_add_mermaid(struct strbuf *sb, const struct spec *spec);

/* {"inputs": [...], "jobs": [{"name", "uses", "needs", "inputs", "outputs"}]} */
cJSON *graph_json(const struct spec *spec);

#endif
