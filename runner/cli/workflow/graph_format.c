#include "cli/workflow/graph_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "cli/text.h"

/* --- what is drawn -------------------------------------------------------------------------- */

size_t graph_add_job(struct graph *g, const char *id, const char *uses)
{
	g->job = xgrow(g->job, g->n, &g->cap, sizeof *g->job);
	g->job[g->n] = (struct graph_job){ .id = xstrdup(id), .uses = uses ? xstrdup(uses) : NULL };
	return g->n++;
}

void graph_add_need(struct graph *g, size_t job, size_t need)
{
	struct graph_places *p = &g->job[job].needs;

	p->place = xgrow(p->place, p->n, &p->cap, sizeof *p->place);
	p->place[p->n++] = need;
}

void graph_add_name(struct graph_names *names, const char *name)
{
	names->name = xgrow(names->name, names->n, &names->cap, sizeof *names->name);
	names->name[names->n++] = xstrdup(name);
}

static void release_names(struct graph_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->name[i]);
	free(names->name);
}

void graph_release(struct graph *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->job[i].id);
		free(g->job[i].uses);
		free(g->job[i].needs.place);
		release_names(&g->job[i].reads);
		release_names(&g->job[i].makes);
	}
	free(g->job);
	free(g->focus);
	*g = (struct graph){ .job = NULL };
}

/* --- tree ----------------------------------------------------------------------------------- */

enum {
	LEVELS_MOST = 32, /* beyond, a job begins again at the margin */
	LEVELS_LEAST = 4,
	LEVEL_COLUMNS = 3,
};

/* How a job hangs on the lines above it. */
enum hang {
	HANG_ROOT,
	HANG_ALONE, /* the only one that goes on below its need */
	HANG_AMONG,
	HANG_LAST,
};

struct lines {
	const char *before[HANG_LAST + 1]; /* the job's name */
	const char *below[HANG_LAST + 1];  /* all that hangs on it */
};

static const struct lines ascii = {
	.before = { "", "v ", "|- ", "`- " },
	.below = { "", "", "|  ", "   " },
};
static const struct lines unicode = {
	.before = { "", "↓ ", "├─ ", "└─ " },
	.below = { "", "", "│  ", "   " },
};

struct frame {
	size_t job;
	enum hang hang;
	size_t prefix, level;
};

/* Which jobs need a job: the list of job i is list[start[i]] up to list[start[i + 1]]. */
struct followers {
	size_t *start;
	size_t *list;
};

struct tree {
	const struct graph *graph;
	const struct lines *lines;
	struct strbuf *out;
	struct strbuf prefix; /* of the job in hand and those above it */
	size_t columns, levels;
	struct followers followers;
	size_t *left; /* of each job: the needs that are not drawn yet */
	size_t *roots;
	size_t n_roots;
	struct frame *stack;
	size_t n_stack;
};

static void followers_init(struct followers *f, const struct graph *g)
{
	size_t total = 0;

	f->start = xcalloc(g->n + 2, sizeof *f->start);
	for (size_t i = 0; i < g->n; i++) {
		total += g->job[i].needs.n;
		for (size_t k = 0; k < g->job[i].needs.n; k++)
			f->start[g->job[i].needs.place[k] + 2]++;
	}
	for (size_t i = 2; i < g->n + 2; i++)
		f->start[i] += f->start[i - 1];
	/* Filling moves each start to its end, which is the start of the next. */
	f->list = xcalloc(total + 1, sizeof *f->list);
	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < g->job[i].needs.n; k++)
			f->list[f->start[g->job[i].needs.place[k] + 1]++] = i;
}

/* A line that is broken between words. */
struct line {
	struct strbuf *out;
	const char *indent;
	size_t indent_columns, column, columns;
};

static void line_add(struct line *l, size_t gap, const char *word, size_t len)
{
	AUTO_STRBUF struct strbuf safe = STRBUF_INIT(STRBUF_BIG);
	size_t width;

	text_add_safe(&safe, word, len);
	width = text_width(strbuf_str(&safe));
	if (l->columns > 0 && l->column > l->indent_columns &&
	    l->column + gap + width > l->columns) {
		strbuf_addf(l->out, "\n%s", l->indent);
		l->column = l->indent_columns;
		gap = 0;
	}
	strbuf_addf(l->out, "%*s%s", (int)gap, "", strbuf_str(&safe));
	l->column += gap + width;
}

/* The next of a list that WHAT leads. */
static void line_add_item(struct line *l, const char *what, size_t i, const char *item)
{
	AUTO_FREE char *first = i == 0 ? xasprintf("%s %s", what, item) : NULL;

	if (first) {
		line_add(l, 2, first, strlen(first));
		return;
	}
	strbuf_addch(l->out, ',');
	l->column++;
	line_add(l, 1, item, strlen(item));
}

static void line_add_list(struct line *l, const char *what, const struct graph_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		line_add_item(l, what, i, names->name[i]);
}

/* Pushes the followers that hang on this job, the first on top; the others stay in the list of
 * followers, at its front, and *ret_n_later says how many. */
static void push_followers(struct tree *t, const struct frame *f, size_t *ret_n_later)
{
	size_t from = t->followers.start[f->job];
	size_t to = t->followers.start[f->job + 1];
	size_t n_ready = 0;
	size_t later = from;
	size_t level;

	for (size_t i = from; i < to; i++)
		n_ready += --t->left[t->followers.list[i]] == 0;
	level = f->level + (n_ready > 1);
	for (size_t i = from; i < to; i++) {
		size_t next = t->followers.list[i];
		bool ready = t->left[next] == 0;

		if (ready && level < t->levels) {
			t->stack[t->n_stack++] =
				(struct frame){ next, n_ready > 1 ? HANG_AMONG : HANG_ALONE,
				                t->prefix.len, level };
			continue;
		}
		if (ready)
			t->roots[t->n_roots++] = next;
		t->followers.list[later++] = next;
	}
	*ret_n_later = later - from;
}

static void turn_around(struct frame *frames, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct frame f = frames[i];

		frames[i] = frames[n - 1 - i];
		frames[n - 1 - i] = f;
	}
	if (n > 1)
		frames[0].hang = HANG_LAST;
}

static void draw_job(struct tree *t, const struct frame *f)
{
	AUTO_STRBUF struct strbuf indent = STRBUF_INIT(STRBUF_BIG);
	const char *before = t->lines->before[f->hang];
	const struct graph_job *job = &t->graph->job[f->job];
	const size_t *later = t->followers.list + t->followers.start[f->job];
	struct line l = { .out = t->out, .columns = t->columns };
	size_t base = t->n_stack;
	size_t n_later;

	strbuf_addf(t->out, "%.*s%s", (int)f->prefix, strbuf_str(&t->prefix), before);
	t->prefix.len = f->prefix;
	strbuf_addstr(&t->prefix, t->lines->below[f->hang]);
	push_followers(t, f, &n_later);
	turn_around(t->stack + base, t->n_stack - base);
	strbuf_addf(&indent, "%s%s  ", strbuf_str(&t->prefix),
	            t->n_stack - base > 1 ? t->lines->below[HANG_AMONG] : "   ");
	l.indent = strbuf_str(&indent);
	l.indent_columns = text_width(l.indent);
	l.column = text_width(strbuf_str(&t->prefix)) + (f->hang == HANG_ALONE ? 2 : 0);
	line_add(&l, 0, job->id, strlen(job->id));
	line_add_list(&l, "reads", &job->reads);
	line_add_list(&l, "makes", &job->makes);
	for (size_t i = 0; i < n_later; i++)
		line_add_item(&l, "then", i, t->graph->job[later[i]].id);
	if (n_later > 0)
		line_add(&l, 1, "(below)", strlen("(below)"));
	strbuf_addch(t->out, '\n');
}

static size_t levels_for(unsigned columns)
{
	size_t levels = columns / 2 / LEVEL_COLUMNS;

	if (columns == 0 || levels > LEVELS_MOST)
		return LEVELS_MOST;
	return levels < LEVELS_LEAST ? LEVELS_LEAST : levels;
}

void graph_add_tree(struct strbuf *sb, const struct graph *g, const struct graph_style *style)
{
	struct tree t = {
		.graph = g,
		.lines = style->utf8 ? &unicode : &ascii,
		.out = sb,
		.prefix = STRBUF_INIT(STRBUF_BIG),
		.columns = style->columns,
		.levels = levels_for(style->columns),
		.left = xcalloc(g->n + 1, sizeof *t.left),
		.roots = xcalloc(g->n + 1, sizeof *t.roots),
		.stack = xcalloc(g->n + 1, sizeof *t.stack),
	};

	followers_init(&t.followers, g);
	for (size_t i = 0; i < g->n; i++) {
		t.left[i] = g->job[i].needs.n;
		if (t.left[i] == 0)
			t.roots[t.n_roots++] = i;
	}
	for (size_t i = 0; i < t.n_roots; i++) {
		t.stack[t.n_stack++] = (struct frame){ t.roots[i], HANG_ROOT, 0, 0 };
		while (t.n_stack > 0) {
			struct frame f = t.stack[--t.n_stack];

			draw_job(&t, &f);
		}
	}
	strbuf_release(&t.prefix);
	free(t.followers.start);
	free(t.followers.list);
	free(t.left);
	free(t.roots);
	free(t.stack);
}

/* --- dot and mermaid ------------------------------------------------------------------------ */

struct escape {
	char c;
	const char *as;
};

/* How nodes and edges are written: jobs are j0, j1, ..., datasets d0, d1, ... */
struct notation {
	const char *head[2]; /* around the title, or the first alone */
	const char *foot;
	const char *job[2], *dataset[2], *focus[2]; /* around a label */
	const char *new_line;                       /* in a label */
	const char *need, *need_end;                /* arrows */
	const char *data, *data_end;
	const struct escape *escapes; /* ended by one of NUL */
};

static const struct escape dot_escapes[] = {
	{ '"', "\\\"" },
	{ '\\', "\\\\" },
	{ '\0', NULL },
};

static const struct notation dot = {
	.head = { "digraph ", " {\n\tnode [shape=box];\n" },
	.foot = "}\n",
	.job = { " [label=\"", "\"];" },
	.dataset = { " [shape=cylinder, label=\"", "\"];" },
	.focus = { " [shape=cylinder, style=bold, label=\"", "\"];" },
	.new_line = "\\n",
	.need = "->",
	.need_end = ";",
	.data = "->",
	.data_end = " [style=dashed];",
	.escapes = dot_escapes,
};

/* Mermaid's own form of entities; a label is HTML, and Markdown between backquotes. */
static const struct escape mermaid_escapes[] = {
	{ '"', "#quot;" }, { '#', "#35;" }, { '&', "#amp;" }, { '<', "#lt;" },
	{ '>', "#gt;" },   { '`', "#96;" }, { '\\', "#92;" }, { '\0', NULL },
};

static const struct notation mermaid = {
	.head = { "flowchart TD\n", NULL },
	.foot = "",
	.job = { "[\"", "\"]" },
	.dataset = { "[(\"", "\")]" },
	.focus = { "[(\"", "\")]" },
	.new_line = "<br/>",
	.need = "-->",
	.need_end = "",
	.data = "-.->",
	.data_end = "",
	.escapes = mermaid_escapes,
};

struct drawing {
	struct strbuf *out;
	const struct notation *how;
	struct map datasets; /* text -> size_t, which is its number */
	size_t n_datasets;
};

static void add_escaped(struct strbuf *sb, const char *text, const struct escape *escapes)
{
	AUTO_STRBUF struct strbuf safe = STRBUF_INIT(STRBUF_BIG);

	text_add_safe(&safe, text, strlen(text));
	for (const char *at = strbuf_str(&safe); *at; at++) {
		const struct escape *e = escapes;

		while (e->c && e->c != *at)
			e++;
		if (e->c)
			strbuf_addstr(sb, e->as);
		else
			strbuf_addch(sb, *at);
	}
}

static void draw_node(struct drawing *d, const struct graph_job *job, size_t number)
{
	strbuf_addf(d->out, "\tj%zu%s", number, d->how->job[0]);
	add_escaped(d->out, job->id, d->how->escapes);
	if (job->uses)
		strbuf_addf(d->out, "%s%s", d->how->new_line, job->uses);
	strbuf_addf(d->out, "%s\n", d->how->job[1]);
}

/* Its number; it is drawn when it is met first. */
static size_t draw_dataset(struct drawing *d, const char *text, const char *const around[2])
{
	size_t *known = map_find(&d->datasets, text);

	if (known)
		return *known;
	known = xmalloc(sizeof *known);
	*known = d->n_datasets++;
	(void)map_set(&d->datasets, text, known);
	strbuf_addf(d->out, "\td%zu%s", *known, around[0]);
	add_escaped(d->out, text, d->how->escapes);
	strbuf_addf(d->out, "%s\n", around[1]);
	return *known;
}

static void draw_edges(struct drawing *d, const struct graph_job *job, size_t number)
{
	const struct notation *how = d->how;

	for (size_t i = 0; i < job->needs.n; i++)
		strbuf_addf(d->out, "\tj%zu %s j%zu%s\n", job->needs.place[i], how->need, number,
		            how->need_end);
	for (size_t i = 0; i < job->reads.n; i++) {
		size_t dataset = draw_dataset(d, job->reads.name[i], how->dataset);

		strbuf_addf(d->out, "\td%zu %s j%zu%s\n", dataset, how->data, number,
		            how->data_end);
	}
	for (size_t i = 0; i < job->makes.n; i++) {
		size_t dataset = draw_dataset(d, job->makes.name[i], how->dataset);

		strbuf_addf(d->out, "\tj%zu %s d%zu%s\n", number, how->data, dataset,
		            how->data_end);
	}
}

static void draw_all(struct strbuf *sb, const struct graph *g, const struct notation *how)
{
	struct drawing d = { .out = sb, .how = how };

	strbuf_addstr(sb, how->head[0]);
	if (how->head[1])
		strbuf_addf(sb, "%s%s", g->title, how->head[1]);
	if (g->focus)
		(void)draw_dataset(&d, g->focus, how->focus);
	for (size_t i = 0; i < g->n; i++)
		draw_node(&d, &g->job[i], i);
	for (size_t i = 0; i < g->n; i++)
		draw_edges(&d, &g->job[i], i);
	strbuf_addstr(sb, how->foot);
	map_release(&d.datasets, free);
}

void graph_add_dot(struct strbuf *sb, const struct graph *g, const struct graph_style *style)
{
	(void)style;
	draw_all(sb, g, &dot);
}

void graph_add_mermaid(struct strbuf *sb, const struct graph *g, const struct graph_style *style)
{
	(void)style;
	draw_all(sb, g, &mermaid);
}

graph_draw_fn *graph_find_format(const char *name)
{
	static const struct {
		const char *name;
		graph_draw_fn *draw;
	} formats[] = {
		{ "tree", graph_add_tree },
		{ "dot", graph_add_dot },
		{ "mermaid", graph_add_mermaid },
	};

	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
		if (strcmp(formats[i].name, name) == 0)
			return formats[i].draw;
	return NULL;
}

void graph_print(const struct cli *cli, const struct graph *g, graph_draw_fn *draw)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);
	const struct graph_style style = { .utf8 = text_is_utf8(), .columns = cli->columns };

	draw(&sb, g, &style);
	(void)fputs(strbuf_str(&sb), stdout);
}
