/* Jobs, what they need, and the datasets that they read and make, drawn. */
#ifndef CLI_GRAPH_FORMAT_H
#define CLI_GRAPH_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "cli/cli.h"

struct graph_names {
	char **name;
	size_t n, cap;
};

struct graph_places {
	size_t *place; /* in `job` of struct graph */
	size_t n, cap;
};

struct graph_job {
	char *id;
	char *uses; /* a second line of its box; or NULL */
	struct graph_places needs;
	struct graph_names reads, makes;
};

/* Without a cycle. */
struct graph {
	const char *title; /* a word for what kind of graph it is */
	struct graph_job *job;
	size_t n, cap;
	char *focus; /* the dataset that it is all about, boldly and in any case; or NULL */
};

size_t graph_add_job(struct graph *g, const char *id, const char *uses);
void graph_add_need(struct graph *g, size_t job, size_t need);
void graph_add_name(struct graph_names *names, const char *name);
void graph_release(struct graph *g);
#define AUTO_GRAPH __attribute__((cleanup(graph_release)))

struct graph_style {
	bool utf8;        /* lines in Unicode's drawing characters, else in ASCII */
	unsigned columns; /* wrap there; 0: never */
};

typedef void graph_draw_fn(struct strbuf *sb, const struct graph *g,
                           const struct graph_style *style);

/*
 * Each job on a line of its own, once, below all that it needs: a job stands under the last of its
 * needs, and the others say "then JOB (below)".  What follows alone goes on at the same depth, so
 * that a long chain stays narrow.
 */
graph_draw_fn graph_add_tree;

/* For graphviz; jobs are boxes, datasets cylinders. */
graph_draw_fn graph_add_dot;

/* For Mermaid, which many web pages of repositories show. */
graph_draw_fn graph_add_mermaid;

/* --format, and --json, of a command that draws. */
#define GRAPH_OPTIONS                                                                        \
	{ .name = "format",                                                                  \
	  .value = "tree|dot|mermaid|json",                                                  \
	  .help = "A drawing for people (the default), for graphviz, for web pages, or for " \
		  "scripts." },                                                              \
	{                                                                                    \
		.name = "json", .help = "The same as --format json."                         \
	}

/* "tree", "dot" or "mermaid"; NULL for other names. */
graph_draw_fn *graph_find_format(const char *name);

/* On standard output, as the terminal there likes it. */
void graph_print(const struct cli *cli, const struct graph *g, graph_draw_fn *draw);

#endif
