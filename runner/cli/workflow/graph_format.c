#include "cli/workflow/graph_format.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "cli/text.h"

/* The dataset that an input reads, or NULL where the file does not tell. */
static const char *ref_of(const struct spec_input *input)
{
	if (input->type != SPEC_DATASET)
		return NULL;
	if (input->source == SPEC_FROM_JOB)
		return input->output->ref.text;
	if (input->source == SPEC_FROM_WORKFLOW)
		input = input->input;
	return input->given ? input->ref.text : NULL;
}

/* What is shown for it. */
static void add_input_dataset(struct strbuf *sb, const struct spec_input *input)
{
	const char *ref = ref_of(input);

	if (ref)
		strbuf_addstr(sb, ref);
	else if (input->source == SPEC_FROM_WORKFLOW)
		strbuf_addf(sb, "workflow.inputs.%s", input->input->name);
	else
		strbuf_addstr(sb, input->name);
}

static void add_uses(struct strbuf *sb, const struct spec_job *job)
{
	strbuf_addf(sb, "%s@v%u", job->action, job->version);
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
	const struct spec_job *job;
	enum hang hang;
	size_t prefix, level;
};

/* Which jobs need a job: the list of job i is list[start[i]] up to list[start[i + 1]]. */
struct followers {
	size_t *start;
	const struct spec_job **list;
};

struct tree {
	const struct lines *lines;
	struct strbuf *out;
	struct strbuf prefix; /* of the job in hand and those above it */
	size_t columns, levels;
	struct followers followers;
	size_t *left; /* of each job: the needs that are not drawn yet */
	const struct spec_job **roots;
	size_t n_roots;
	struct frame *stack;
	size_t n_stack;
};

static void followers_init(struct followers *f, const struct spec *spec)
{
	size_t total = 0;

	f->start = xcalloc(spec->n_jobs + 2, sizeof *f->start);
	for (size_t i = 0; i < spec->n_jobs; i++) {
		total += spec->jobs[i]->n_needs;
		for (size_t k = 0; k < spec->jobs[i]->n_needs; k++)
			f->start[spec->jobs[i]->needs[k]->index + 2]++;
	}
	for (size_t i = 2; i < spec->n_jobs + 2; i++)
		f->start[i] += f->start[i - 1];
	/* Filling moves each start to its end, which is the start of the next. */
	f->list = xcalloc(total + 1, sizeof *f->list);
	for (size_t i = 0; i < spec->n_jobs; i++)
		for (size_t k = 0; k < spec->jobs[i]->n_needs; k++)
			f->list[f->start[spec->jobs[i]->needs[k]->index + 1]++] = spec->jobs[i];
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

static void line_add_datasets(struct line *l, const struct spec_job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < job->n_inputs; i++) {
		AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

		if (job->inputs[i].type != SPEC_DATASET)
			continue;
		add_input_dataset(&sb, &job->inputs[i]);
		line_add_item(l, "reads", n++, strbuf_str(&sb));
	}
	n = 0;
	for (size_t i = 0; i < job->n_outputs; i++)
		if (job->outputs[i].type == SPEC_DATASET)
			line_add_item(l, "makes", n++, job->outputs[i].ref.text);
}

/* Pushes the followers that hang on this job, the first on top; the others stay in the list of
 * followers, at its front, and *ret_n_later says how many. */
static void push_followers(struct tree *t, const struct frame *f, size_t *ret_n_later)
{
	size_t from = t->followers.start[f->job->index];
	size_t to = t->followers.start[f->job->index + 1];
	size_t n_ready = 0;
	size_t later = from;
	size_t level;

	for (size_t i = from; i < to; i++)
		n_ready += --t->left[t->followers.list[i]->index] == 0;
	level = f->level + (n_ready > 1);
	for (size_t i = from; i < to; i++) {
		const struct spec_job *next = t->followers.list[i];
		bool ready = t->left[next->index] == 0;

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
	const struct spec_job *const *later = &t->followers.list[t->followers.start[f->job->index]];
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
	line_add(&l, 0, f->job->id, strlen(f->job->id));
	line_add_datasets(&l, f->job);
	for (size_t i = 0; i < n_later; i++)
		line_add_item(&l, "then", i, later[i]->id);
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

void graph_add_tree(struct strbuf *sb, const struct spec *spec, const struct graph_style *style)
{
	struct tree t = {
		.lines = style->utf8 ? &unicode : &ascii,
		.out = sb,
		.prefix = STRBUF_INIT(STRBUF_BIG),
		.columns = style->columns,
		.levels = levels_for(style->columns),
		.left = xcalloc(spec->n_jobs + 1, sizeof *t.left),
		.roots = xcalloc(spec->n_jobs + 1, sizeof *t.roots),
		.stack = xcalloc(spec->n_jobs + 1, sizeof *t.stack),
	};

	followers_init(&t.followers, spec);
	for (size_t i = 0; i < spec->n_jobs; i++) {
		t.left[i] = spec->jobs[i]->n_needs;
		if (t.left[i] == 0)
			t.roots[t.n_roots++] = spec->jobs[i];
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
	free((void *)(uintptr_t)t.followers.list);
	free(t.left);
	free((void *)(uintptr_t)t.roots);
	free(t.stack);
}

/* --- dot and mermaid ------------------------------------------------------------------------ */

struct escape {
	char c;
	const char *as;
};

/* How nodes and edges are written: jobs are j0, j1, ..., datasets d0, d1, ... */
struct notation {
	const char *head, *foot;
	const char *job[2], *dataset[2]; /* around a label */
	const char *new_line;            /* in a label */
	const char *need, *need_end;     /* arrows */
	const char *data, *data_end;
	const struct escape *escapes; /* ended by one of NUL */
};

static const struct escape dot_escapes[] = {
	{ '"', "\\\"" },
	{ '\\', "\\\\" },
	{ '\0', NULL },
};

static const struct notation dot = {
	.head = "digraph workflow {\n\tnode [shape=box];\n",
	.foot = "}\n",
	.job = { " [label=\"", "\"];" },
	.dataset = { " [shape=cylinder, label=\"", "\"];" },
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
	.head = "flowchart TD\n",
	.foot = "",
	.job = { "[\"", "\"]" },
	.dataset = { "[(\"", "\")]" },
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

static void draw_node(struct drawing *d, const struct spec_job *job)
{
	AUTO_STRBUF struct strbuf uses = STRBUF_INIT(STRBUF_BIG);

	add_uses(&uses, job);
	strbuf_addf(d->out, "\tj%zu%s", job->index, d->how->job[0]);
	add_escaped(d->out, job->id, d->how->escapes);
	strbuf_addf(d->out, "%s%s%s\n", d->how->new_line, strbuf_str(&uses), d->how->job[1]);
}

/* Its number; it is drawn when it is met first. */
static size_t draw_dataset(struct drawing *d, const char *text)
{
	size_t *known = map_find(&d->datasets, text);

	if (known)
		return *known;
	known = xmalloc(sizeof *known);
	*known = d->n_datasets++;
	(void)map_set(&d->datasets, text, known);
	strbuf_addf(d->out, "\td%zu%s", *known, d->how->dataset[0]);
	add_escaped(d->out, text, d->how->escapes);
	strbuf_addf(d->out, "%s\n", d->how->dataset[1]);
	return *known;
}

static void draw_edges(struct drawing *d, const struct spec_job *job)
{
	const struct notation *how = d->how;

	for (size_t i = 0; i < job->n_needs; i++)
		strbuf_addf(d->out, "\tj%zu %s j%zu%s\n", job->needs[i]->index, how->need,
		            job->index, how->need_end);
	for (size_t i = 0; i < job->n_inputs; i++) {
		AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
		size_t dataset;

		if (job->inputs[i].type != SPEC_DATASET)
			continue;
		add_input_dataset(&text, &job->inputs[i]);
		dataset = draw_dataset(d, strbuf_str(&text));
		strbuf_addf(d->out, "\td%zu %s j%zu%s\n", dataset, how->data, job->index,
		            how->data_end);
	}
	for (size_t i = 0; i < job->n_outputs; i++) {
		size_t dataset;

		if (job->outputs[i].type != SPEC_DATASET)
			continue;
		dataset = draw_dataset(d, job->outputs[i].ref.text);
		strbuf_addf(d->out, "\tj%zu %s d%zu%s\n", job->index, how->data, dataset,
		            how->data_end);
	}
}

static void draw(struct strbuf *sb, const struct spec *spec, const struct notation *how)
{
	struct drawing d = { .out = sb, .how = how };

	strbuf_addstr(sb, how->head);
	for (size_t i = 0; i < spec->n_jobs; i++)
		draw_node(&d, spec->jobs[i]);
	for (size_t i = 0; i < spec->n_jobs; i++)
		draw_edges(&d, spec->jobs[i]);
	strbuf_addstr(sb, how->foot);
	map_release(&d.datasets, free);
}

void graph_add_dot(struct strbuf *sb, const struct spec *spec)
{
	draw(sb, spec, &dot);
}

void graph_add_mermaid(struct strbuf *sb, const struct spec *spec)
{
	draw(sb, spec, &mermaid);
}

/* --- JSON ----------------------------------------------------------------------------------- */

static cJSON *json_input(const struct spec_input *input)
{
	cJSON *out = json_new_obj();
	AUTO_FREE char *from = NULL;

	if (input->source == SPEC_FROM_JOB)
		from = xasprintf("%s.outputs.%s", input->job->id, input->output->name);
	else if (input->source == SPEC_FROM_WORKFLOW)
		from = xasprintf("workflow.inputs.%s", input->input->name);
	json_add_str(out, "name", input->name);
	json_add_str(out, "type", spec_type_name(input->type));
	json_add_str(out, "from", from);
	json_add_str(out, "ref", ref_of(input));
	return out;
}

static cJSON *json_inputs(const struct spec_input *inputs, size_t n)
{
	cJSON *out = json_new_arr();

	for (size_t i = 0; i < n; i++)
		json_push(out, json_input(&inputs[i]));
	return out;
}

static cJSON *json_outputs(const struct spec_job *job)
{
	cJSON *out = json_new_arr();

	for (size_t i = 0; i < job->n_outputs; i++) {
		const struct spec_output *o = &job->outputs[i];
		cJSON *output = json_new_obj();

		json_add_str(output, "name", o->name);
		json_add_str(output, "type", spec_type_name(o->type));
		json_add_str(output, "ref", o->type == SPEC_DATASET ? o->ref.text : NULL);
		json_push(out, output);
	}
	return out;
}

static cJSON *json_job(const struct spec_job *job)
{
	AUTO_STRBUF struct strbuf uses = STRBUF_INIT(STRBUF_BIG);
	cJSON *out = json_new_obj();
	cJSON *needs = json_new_arr();

	add_uses(&uses, job);
	for (size_t i = 0; i < job->n_needs; i++)
		json_push_str(needs, job->needs[i]->id);
	json_add_str(out, "name", job->id);
	json_add_str(out, "uses", strbuf_str(&uses));
	json_add(out, "needs", needs);
	json_add(out, "inputs", json_inputs(job->inputs, job->n_inputs));
	json_add(out, "outputs", json_outputs(job));
	return out;
}

cJSON *graph_json(const struct spec *spec)
{
	cJSON *out = json_new_obj();
	cJSON *jobs = json_new_arr();

	for (size_t i = 0; i < spec->n_jobs; i++)
		json_push(jobs, json_job(spec->jobs[i]));
	json_add(out, "inputs", json_inputs(spec->inputs, spec->n_inputs));
	json_add(out, "jobs", jobs);
	return out;
}
