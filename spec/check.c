#include <stdio.h>
#include <string.h>

#include "spec/action.h"
#include "spec/read.h"

enum {
	ANCESTOR_STEPS = 256, /* edges looked at per reference, so that all of them stay linear */
	CYCLE_NAMES = 8,      /* spelled out in a message */
	FEW_OUTPUTS = 8,      /* up to here no table is made */
	REFERENCE_MAX = 2 * NAME_MAX_BYTES + 16,
};

/* Working memory for all jobs; a mark is stale if it is not of this round. */
struct check {
	struct reader *r;
	uint32_t *needed_by; /* by job: the round in which it was seen as a need */
	uint32_t *visited;
	uint32_t round, visit;
};

static const struct spec_job **needs_of(const struct job_draft *draft)
{
	/* The draft's own array, which the model shows as constant. */
	return (const struct spec_job **)(uintptr_t)draft->job->needs;
}

static struct job_draft *find_job(struct reader *r, const char *name)
{
	const uint32_t *index = table_find(&r->job_names, name);

	return index ? &r->jobs[*index] : NULL;
}

static const char *near_job(struct reader *r, const char *name)
{
	struct near near;

	if (!diags_has_room(r->diags))
		return NULL;
	near_init(&near, name);
	for (size_t i = 0; i < r->spec->n_jobs; i++)
		diag_near_offer(r->diags, &near, r->jobs[i].job->id);
	return diag_near(r->diags, &near);
}

static bool begin_needs(struct check *c, struct job_draft *draft)
{
	if (draft->n_pending == 0)
		return true;
	draft->job->needs = arena_array(c->r->model, draft->n_pending, sizeof(*draft->job->needs));
	return draft->job->needs != NULL;
}

static void add_need(struct check *c, struct job_draft *draft, const struct spec_job *need)
{
	needs_of(draft)[draft->job->n_needs++] = need;
	c->needed_by[need->index] = c->round;
}

static void resolve_needs(struct check *c, struct job_draft *draft)
{
	struct reader *r = c->r;

	c->round++;
	if (!begin_needs(c, draft))
		return;
	for (size_t i = 0; i < draft->n_pending; i++) {
		const struct pending *p = &r->pendings.list[draft->first_pending + i];
		const struct job_draft *need = p->input ? NULL : find_job(r, p->text);

		if (p->input)
			continue;
		if (!need)
			diag_error(r->diags, p->at, near_job(r, p->text), "there is no job '%s'",
			           diag_show(r->diags, p->text));
		else if (c->needed_by[need->job->index] == c->round)
			diag_warning(r->diags, p->at, NULL, "'%s' is listed twice",
			             diag_show(r->diags, p->text));
		else
			add_need(c, draft, need->job);
	}
}

/* Is TARGET reached from DRAFT's written needs?  Gives up early: then a warning too many is said.
 */
static bool is_ancestor(struct check *c, const struct job_draft *draft,
                        const struct spec_job *target)
{
	const struct spec_job *queue[ANCESTOR_STEPS + 1];
	size_t n = 0, steps = 0;

	c->visit++;
	queue[n++] = draft->job;
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < queue[i]->n_needs; j++) {
			const struct spec_job *need = queue[i]->needs[j];

			if (need == target)
				return true;
			if (++steps > ANCESTOR_STEPS)
				return false;
			if (c->visited[need->index] != c->visit)
				queue[n++] = need;
			c->visited[need->index] = c->visit;
		}
	}
	return false;
}

static const struct spec_output *find_output(struct reader *r, struct job_draft *draft,
                                             const char *name)
{
	const struct spec_job *job = draft->job;
	const uint32_t *index = NULL;

	for (size_t i = 0; job->n_outputs <= FEW_OUTPUTS && i < job->n_outputs; i++)
		if (strcmp(job->outputs[i].name, name) == 0)
			return &job->outputs[i];
	if (job->n_outputs <= FEW_OUTPUTS)
		return NULL;
	if (!draft->outputs.arena) {
		table_init(&draft->outputs, r->scratch);
		for (size_t i = 0; i < job->n_outputs; i++)
			if (!table_put(&draft->outputs, job->outputs[i].name, (uint32_t)i))
				return NULL;
	}
	index = table_find(&draft->outputs, name);
	return index ? &job->outputs[*index] : NULL;
}

/* Both names may hold ".outputs." themselves: the split that names a job is meant. */
static struct job_draft *split(struct reader *r, const char *text, const char **ret_output)
{
	static const char middle[] = ".outputs.";
	const char *at = strstr(text, middle);

	*ret_output = at ? at + strlen(middle) : NULL;
	for (; at; at = strstr(at + 1, middle)) {
		const char *id = arena_text(r->scratch, text, (size_t)(at - text));
		struct job_draft *job = id ? find_job(r, id) : NULL;

		if (job) {
			*ret_output = at + strlen(middle);
			return job;
		}
	}
	return NULL;
}

static void resolve_workflow_input(struct reader *r, const struct pending *p, const char *name)
{
	const uint32_t *index = table_find(&r->input_names, name);
	struct near near;

	if (index) {
		p->input->source = SPEC_FROM_WORKFLOW;
		p->input->input = &r->spec->inputs[*index];
		p->input->type = p->input->input->type;
		p->input->optional = p->input->input->optional;
		return;
	}
	near_init(&near, name);
	for (size_t i = 0; i < r->spec->n_inputs; i++)
		diag_near_offer(r->diags, &near, r->spec->inputs[i].name);
	diag_error(r->diags, p->at, diag_near(r->diags, &near), "the workflow has no input '%s'",
	           diag_show(r->diags, name));
}

/* The text is no reference at all: guess what it was to be. */
static void say_no_reference(struct reader *r, const struct pending *p)
{
	const char *hint = "write JOB.outputs.NAME or workflow.inputs.NAME";
	const char *shown = diag_show(r->diags, p->text);

	if (!strchr(p->text, '.'))
		hint = diag_text(r->diags,
		                 "for a dataset write {type: dataset, with: {ref: %s}}, for a "
		                 "string {type: string, with: {value: \"%s\"}}",
		                 shown, shown);
	diag_error(r->diags, p->at, hint, "'%s' is no reference to an input or output", shown);
}

static void say_no_job(struct reader *r, const struct pending *p, const char *output)
{
	size_t len = (size_t)(output - p->text) - strlen(".outputs.");
	const char *name = arena_text(r->scratch, p->text, len);

	if (name)
		diag_error(r->diags, p->at, near_job(r, name), "there is no job '%s'",
		           diag_show(r->diags, name));
}

static void say_no_output(struct reader *r, const struct pending *p, const struct spec_job *job,
                          const char *name)
{
	struct near near;

	near_init(&near, name);
	for (size_t i = 0; i < job->n_outputs; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there are n_outputs */
		diag_near_offer(r->diags, &near, job->outputs[i].name);
	diag_error(r->diags, p->at, diag_near(r->diags, &near), "the job '%s' has no output '%s'",
	           diag_show(r->diags, job->id), diag_show(r->diags, name));
}

static void imply_need(struct check *c, struct job_draft *draft, const struct pending *p,
                       const struct spec_job *need)
{
	const char *shown = NULL;

	if (c->needed_by[need->index] == c->round)
		return;
	shown = diag_show(c->r->diags, need->id);
	if (!is_ancestor(c, draft, need))
		diag_warning(c->r->diags, p->at, diag_text(c->r->diags, "add '%s' to needs", shown),
		             "'%s' is used here and not listed in needs; it is added", shown);
	add_need(c, draft, need);
}

static void resolve_input(struct check *c, struct job_draft *draft, const struct pending *p)
{
	static const char prefix[] = "workflow.inputs.";
	struct reader *r = c->r;
	const char *name = NULL;
	struct job_draft *job = NULL;

	if (strncmp(p->text, prefix, strlen(prefix)) == 0) {
		resolve_workflow_input(r, p, p->text + strlen(prefix));
		return;
	}
	if (strnlen(p->text, REFERENCE_MAX + 1) <= REFERENCE_MAX)
		job = split(r, p->text, &name);
	if (!name) {
		say_no_reference(r, p);
		return;
	}
	if (!job) {
		say_no_job(r, p, name);
		return;
	}
	imply_need(c, draft, p, job->job);
	p->input->source = SPEC_FROM_JOB;
	p->input->job = job->job;
	p->input->output = find_output(r, job, name);
	if (p->input->output)
		p->input->type = p->input->output->type;
	else
		say_no_output(r, p, job->job, name);
}

static void resolve_inputs(struct check *c, struct job_draft *draft)
{
	size_t errors = c->r->diags->n_errors;

	if (c->r->model->fault)
		return;
	c->round++;
	for (size_t i = 0; i < draft->job->n_needs; i++)
		c->needed_by[draft->job->needs[i]->index] = c->round;
	for (size_t i = 0; i < draft->n_pending; i++) {
		const struct pending *p = &c->r->pendings.list[draft->first_pending + i];

		if (p->input)
			resolve_input(c, draft, p);
	}
	draft->is_broken = draft->is_broken || errors != c->r->diags->n_errors;
}

/* One step of the walk: a job and the need of it that is looked at next. */
struct step {
	uint32_t job, next;
};

/* Where DRAFT says that it needs NEED. */
static struct place need_place(struct reader *r, const struct job_draft *draft,
                               const struct spec_job *need)
{
	for (size_t i = 0; i < draft->n_pending && diags_has_room(r->diags); i++) {
		const struct pending *p = &r->pendings.list[draft->first_pending + i];

		if (p->input ? p->input->job == need : strcmp(p->text, need->id) == 0)
			return p->at;
	}
	return node_place(draft->key);
}

static size_t find_step(const struct step *steps, size_t n, uint32_t job)
{
	while (n > 0 && steps[n - 1].job != job)
		n--;
	return n - 1;
}

/* The last of the N steps needs JOB, which is one of them. */
static void say_cycle(struct reader *r, const struct step *steps, size_t n, uint32_t job)
{
	const struct job_draft *last = &r->jobs[steps[n - 1].job];
	const char *name = r->jobs[job].job->id;
	const char *path = "";

	if (diags_has_room(r->diags)) { /* else nobody reads it, and the search is not free */
		size_t from = find_step(steps, n, job);

		steps += from;
		n -= from;
	}
	for (size_t i = 0; i < n && i < CYCLE_NAMES; i++)
		path = diag_text(r->diags, "%s%s -> ", path,
		                 diag_show(r->diags, r->jobs[steps[i].job].job->id));
	if (n > CYCLE_NAMES)
		path = diag_text(r->diags, "%s(%zu more) -> ", path, n - CYCLE_NAMES);
	diag_error(r->diags, need_place(r, last, r->jobs[job].job),
	           "take one of these needs out: none of these jobs could ever begin",
	           "jobs need each other in a circle: %s%s", path, diag_show(r->diags, name));
}

enum colour { WHITE, GREY, BLACK };

/* Depth first from START; a need that is on the way already closes a circle. */
static void walk(struct reader *r, uint8_t *colours, struct step *steps, uint32_t start)
{
	size_t n = 0;

	steps[n++] = (struct step){ start, 0 };
	colours[start] = GREY;
	while (n > 0) {
		struct step *top = &steps[n - 1];
		const struct spec_job *job = r->jobs[top->job].job;
		uint32_t need = 0;

		if (top->next == job->n_needs) {
			colours[top->job] = BLACK;
			n--;
			continue;
		}
		need = (uint32_t)job->needs[top->next++]->index;
		if (colours[need] == GREY) {
			say_cycle(r, steps, n, need);
		} else if (colours[need] == WHITE) {
			colours[need] = GREY;
			steps[n++] = (struct step){ need, 0 };
		}
	}
}

static void check_cycles(struct reader *r)
{
	size_t n = r->spec->n_jobs;
	uint8_t *colours = arena_array(r->scratch, n, sizeof(*colours));
	struct step *steps = arena_array(r->scratch, n, sizeof(*steps));

	if (!colours || !steps || r->model->fault)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (colours[i] == WHITE)
			walk(r, colours, steps, i);
}

void check_workflow(struct reader *r)
{
	size_t n = r->spec->n_jobs;
	struct check c = { .r = r };

	c.needed_by = arena_array(r->scratch, n, sizeof(*c.needed_by));
	c.visited = arena_array(r->scratch, n, sizeof(*c.visited));
	if (!c.needed_by || !c.visited || !r->jobs)
		return;
	for (size_t i = 0; i < n; i++)
		resolve_needs(&c, &r->jobs[i]);
	for (size_t i = 0; i < n; i++)
		resolve_inputs(&c, &r->jobs[i]);
	check_cycles(r);
	check_namespaces(r);
	for (size_t i = 0; i < n; i++)
		action_check(r, &r->jobs[i]);
}
