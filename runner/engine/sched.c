#include "engine/sched.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"

#define SCHED_GONE UINT32_MAX

#define SCHED_NOBODY UINT32_MAX

static void heap_push(struct sched_class *c, uint32_t job)
{
	size_t i = c->n_ready++;

	while (i > 0 && c->heap[(i - 1) / 2] > job) {
		c->heap[i] = c->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	c->heap[i] = job;
}

static uint32_t heap_pop(struct sched_class *c)
{
	uint32_t top = c->heap[0];
	uint32_t last = c->heap[--c->n_ready];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= c->n_ready)
			break;
		if (child + 1 < c->n_ready && c->heap[child + 1] < c->heap[child])
			child++;
		if (c->heap[child] >= last)
			break;
		c->heap[i] = c->heap[child];
		i = child;
	}
	if (c->n_ready > 0)
		c->heap[i] = last;
	if (top == c->claimant)
		c->claims = 0;
	return top;
}

static void push_ready(struct sched *s, uint32_t job)
{
	heap_push(&s->classes[s->class_of[job]], job);
}

/* --- making ---------------------------------------------------------------------------------- */

static int compare_demands(const void *a, const void *b, void *arg)
{
	const struct sched_amount *demands = arg;
	const uint32_t *x = a, *y = b;

	for (int kind = SCHED_CPU; kind < SCHED_KINDS; kind++) {
		int64_t p = demands[*x].of[kind], q = demands[*y].of[kind];

		if (p != q)
			return p < q ? -1 : 1;
	}
	return 0;
}

static void add_class(struct sched *s, const struct sched_amount *demand, size_t heap)
{
	struct sched_class *c = &s->classes[s->n_classes++];

	*c = (struct sched_class){ .heap = &s->heaps[heap] };
	if (demand)
		c->demand = *demand;
	c->demand.of[SCHED_PLACES] = 1;
}

/* Sorted by what they ask for, so that equal ones are neighbours; the heaps take their places. */
static void make_classes(struct sched *s, const struct sched_amount *demands)
{
	uint32_t *order = xcalloc(s->n, sizeof *order);

	s->classes = xcalloc(demands ? s->n : 1, sizeof *s->classes);
	for (size_t i = 0; i < s->n; i++)
		order[i] = (uint32_t)i;
	if (demands)
		qsort_r(order, s->n, sizeof *order, compare_demands, (void *)(uintptr_t)demands);
	for (size_t i = 0; i < s->n; i++) {
		bool same = i > 0 && (!demands || compare_demands(&order[i - 1], &order[i],
		                                                  (void *)(uintptr_t)demands) == 0);

		if (!same)
			add_class(s, demands ? &demands[order[i]] : NULL, i);
		s->class_of[order[i]] = (uint32_t)(s->n_classes - 1);
	}
	free(order);
}

/* Counted two places ahead, so that filling leaves user_start where it belongs. */
static void make_users(struct sched *s, const struct spec *spec)
{
	size_t edges = 0;

	s->user_start = xcalloc(s->n + 2, sizeof *s->user_start);
	for (size_t i = 0; i < s->n; i++) {
		const struct spec_job *job = spec->jobs[i];

		edges += job->n_needs;
		s->blockers[i] = (uint32_t)job->n_needs;
		for (size_t k = 0; k < job->n_needs; k++)
			s->user_start[job->needs[k]->index + 2]++;
	}
	for (size_t i = 2; i < s->n + 2; i++)
		s->user_start[i] += s->user_start[i - 1];
	s->user = xcalloc(edges, sizeof *s->user);
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < spec->jobs[i]->n_needs; k++)
			s->user[s->user_start[spec->jobs[i]->needs[k]->index + 1]++] = (uint32_t)i;
}

/* What it takes from others is there only when they have ended. */
static bool takes_from_needs(const struct spec_job *job)
{
	bool any = false;

	for (size_t i = 0; i < job->n_inputs; i++)
		any |= job->inputs[i].source == SPEC_FROM_JOB;
	return any;
}

static void make_soon(struct sched *s, const struct spec *spec, const struct sched_amount *demands)
{
	s->behind = xcalloc(s->n, sizeof *s->behind);
	s->soon.heap = xcalloc(s->n, sizeof *s->soon.heap);
	for (size_t i = 0; i < s->n; i++)
		s->behind[i] = takes_from_needs(spec->jobs[i]) ||
		                               (demands && demands[i].of[SCHED_GPUS] > 0)
		                       ? SCHED_NOBODY
		                       : s->blockers[i];
}

void sched_init(struct sched *s, const struct spec *spec, const struct sched_amount *room,
                const struct sched_amount *demands, enum sched_ahead ahead)
{
	assert(room->of[SCHED_PLACES] > 0 && spec->n_jobs < SCHED_GONE);
	*s = (struct sched){
		.n = spec->n_jobs,
		.n_left = spec->n_jobs,
		.free = *room,
		.ahead = { { .job = SCHED_NOBODY }, { .job = SCHED_NOBODY } },
		.most_ahead = ahead,
	};
	s->blockers = xcalloc(s->n, sizeof *s->blockers);
	s->heaps = xcalloc(s->n, sizeof *s->heaps);
	s->worklist = xcalloc(s->n, sizeof *s->worklist);
	s->class_of = xcalloc(s->n, sizeof *s->class_of);
	make_classes(s, demands);
	make_users(s, spec);
	make_soon(s, spec, demands);
	for (size_t i = 0; i < s->n; i++)
		if (s->blockers[i] == 0)
			push_ready(s, (uint32_t)i);
}

void sched_release(struct sched *s)
{
	free(s->blockers);
	free(s->behind);
	free(s->soon.heap);
	free(s->user_start);
	free(s->user);
	free(s->heaps);
	free(s->worklist);
	free(s->class_of);
	free(s->classes);
	*s = (struct sched){ 0 };
}

/* --- what is free ---------------------------------------------------------------------------- */

static const struct sched_amount *demand_of(const struct sched *s, uint32_t job)
{
	return &s->classes[s->class_of[job]].demand;
}

static void take(struct sched *s, uint32_t job, int64_t sign)
{
	for (int kind = 0; kind < SCHED_KINDS; kind++)
		s->free.of[kind] -= sign * demand_of(s, job)->of[kind];
}

static unsigned lacking(const struct sched *s, const struct sched_amount *demand)
{
	unsigned kinds = 0;

	for (int kind = 0; kind < SCHED_KINDS; kind++)
		if (demand->of[kind] > 0 && demand->of[kind] > s->free.of[kind])
			kinds |= 1U << kind;
	return kinds;
}

static unsigned uses(const struct sched_amount *demand)
{
	unsigned kinds = 0;

	for (int kind = 0; kind < SCHED_KINDS; kind++)
		kinds |= (demand->of[kind] > 0 ? 1U : 0U) << kind;
	return kinds;
}

/* The class whose first job comes next behind job LAST. */
static struct sched_class *next_class(const struct sched *s, int64_t last)
{
	struct sched_class *best = NULL;

	for (size_t i = 0; i < s->n_classes; i++) {
		struct sched_class *c = &s->classes[i];

		if (c->n_ready > 0 && c->heap[0] > last && (!best || c->heap[0] < best->heap[0]))
			best = c;
	}
	return best;
}

/* It runs from now on: what needs only such jobs may be got ready. */
static void start(struct sched *s, uint32_t job)
{
	take(s, job, 1);
	for (uint32_t k = s->user_start[job]; k < s->user_start[job + 1]; k++) {
		uint32_t user = s->user[k];

		if (s->behind[user] != SCHED_NOBODY && --s->behind[user] == 0)
			heap_push(&s->soon, user);
	}
}

/* The place of one that was got ready and has all that it needs, in the order of the file. */
static struct sched_ready *next_ahead(struct sched *s, int64_t last)
{
	struct sched_ready *best = NULL;

	for (int i = 0; i < SCHED_AHEADS; i++) {
		struct sched_ready *a = &s->ahead[i];

		if (a->job != SCHED_NOBODY && s->blockers[a->job] == 0 && a->job > last &&
		    (!best || a->job < best->job))
			best = a;
	}
	return best;
}

/* It takes what it asks for, unless that is another's or not there; returns what it claims. */
static unsigned settle(struct sched *s, struct sched_ready *a, unsigned claimed)
{
	const struct sched_amount *demand = demand_of(s, a->job);
	unsigned lack;

	if (uses(demand) & claimed)
		return a->claims;
	lack = lacking(s, demand);
	a->claims |= lack;
	if (lack == 0) {
		start(s, a->job);
		*a = (struct sched_ready){ .job = SCHED_NOBODY };
	}
	return a->claims;
}

/* One whose first job may start, or NULL; then *RET_LACKING may be got ready, or is NULL.  Goes
 * through the ready jobs in the order of the file, those that were got ready ahead in their places.
 */
static struct sched_class *pick(struct sched *s, struct sched_class **ret_lacking)
{
	unsigned claimed = 0;
	int64_t last = -1;

	*ret_lacking = NULL;
	while (!(claimed & 1U << SCHED_PLACES)) {
		struct sched_class *c = next_class(s, last);
		struct sched_ready *a = next_ahead(s, last);
		unsigned used;

		if (a && (!c || a->job < c->heap[0])) {
			last = a->job;
			claimed |= settle(s, a, claimed);
			continue;
		}
		if (!c)
			break;
		used = uses(&c->demand);
		if (!(used & claimed)) {
			unsigned lack = lacking(s, &c->demand);

			if (lack == 0)
				return c;
			if (c->claims == 0)
				c->claimant = c->heap[0];
			c->claims |= lack;
			if (!*ret_lacking && !(used & 1U << SCHED_GPUS))
				*ret_lacking = c;
		}
		claimed |= c->claims;
		last = c->heap[0];
	}
	return NULL;
}

/* What needs a job that has yet to end runs all the same where an earlier runner saw that end, and
 * the row that said so was lost. */
static bool is_blocked(const struct sched *s, uint32_t job)
{
	return s->blockers[job] != SCHED_GONE && s->blockers[job] != 0;
}

/* What has no need left that runs is in another heap, or was taken from it. */
static uint32_t pop_soon(struct sched *s)
{
	while (s->soon.n_ready > 0) {
		uint32_t job = heap_pop(&s->soon);

		if (is_blocked(s, job))
			return job;
	}
	return SCHED_NOBODY;
}

static uint32_t take_ahead(struct sched *s, struct sched_class *lacking_class)
{
	struct sched_ready *a = &s->ahead[SCHED_LACKING];

	if (s->most_ahead >= SCHED_LACKING && lacking_class && a->job == SCHED_NOBODY) {
		a->claims = lacking_class->claims;
		a->job = heap_pop(lacking_class);
		return a->job;
	}
	a = &s->ahead[SCHED_NEEDING];
	return s->most_ahead >= SCHED_NEEDING && a->job == SCHED_NOBODY ? a->job = pop_soon(s)
	                                                                : SCHED_NOBODY;
}

bool sched_next(struct sched *s, size_t *ret_job)
{
	struct sched_class *lacking_class;
	struct sched_class *c = pick(s, &lacking_class);
	uint32_t job = c ? heap_pop(c) : take_ahead(s, lacking_class);

	if (job == SCHED_NOBODY)
		return false;
	if (c)
		start(s, job);
	s->n_running++;
	*ret_job = job;
	return true;
}

/* False: it was not ahead. */
static bool end_ahead(struct sched *s, size_t job)
{
	for (int i = 0; i < SCHED_AHEADS; i++)
		if (s->ahead[i].job == job) {
			s->ahead[i] = (struct sched_ready){ .job = SCHED_NOBODY };
			return true;
		}
	return false;
}

bool sched_holds(const struct sched *s, size_t job)
{
	return job != s->ahead[SCHED_LACKING].job && job != s->ahead[SCHED_NEEDING].job;
}

bool sched_has_needs(const struct sched *s, size_t job)
{
	return s->blockers[job] == 0;
}

void sched_give_back(struct sched *s, size_t job)
{
	bool was_ahead = end_ahead(s, job);

	assert(was_ahead);
	(void)was_ahead;
	s->n_running--;
	if (s->blockers[job] == 0)
		push_ready(s, (uint32_t)job);
}

/* --- what ended ------------------------------------------------------------------------------ */

/* Those that were got ready ahead find their turn by themselves. */
static void free_users(struct sched *s, size_t job)
{
	for (uint32_t k = s->user_start[job]; k < s->user_start[job + 1]; k++) {
		uint32_t user = s->user[k];

		if (is_blocked(s, user) && --s->blockers[user] == 0 && sched_holds(s, user))
			push_ready(s, user);
	}
}

static void take_users_along(struct sched *s, size_t job, sched_skip_fn *on_skip, void *arg)
{
	size_t todo = 0;

	s->worklist[todo++] = (uint32_t)job;
	while (todo > 0) {
		uint32_t at = s->worklist[--todo];

		for (uint32_t k = s->user_start[at]; k < s->user_start[at + 1]; k++) {
			uint32_t user = s->user[k];

			if (!is_blocked(s, user))
				continue;
			on_skip(arg, user);
			if (!sched_holds(s, user))
				continue; /* what needs it goes when it ends */
			s->blockers[user] = SCHED_GONE;
			s->n_left--;
			s->worklist[todo++] = user;
		}
	}
}

static void count_needs(struct sched *s, const struct spec_job *job, const enum sched_was *was)
{
	uint32_t *blockers = &s->blockers[job->index];
	uint32_t *behind = &s->behind[job->index];

	*blockers = 0;
	*behind = *behind == SCHED_NOBODY ? SCHED_NOBODY : 0;
	for (size_t i = 0; i < job->n_needs; i++) {
		enum sched_was need = was[job->needs[i]->index];

		*blockers += need != SCHED_SUCCEEDED;
		*behind += *behind != SCHED_NOBODY && need == SCHED_WAITING;
	}
	if (*blockers == 0)
		push_ready(s, (uint32_t)job->index);
	else if (*behind == 0)
		heap_push(&s->soon, (uint32_t)job->index);
}

void sched_restore(struct sched *s, const struct spec *spec, const enum sched_was *was,
                   sched_skip_fn *on_skip, void *arg)
{
	for (size_t i = 0; i < s->n_classes; i++)
		s->classes[i].n_ready = 0;
	for (size_t i = 0; i < s->n; i++) {
		bool ended = was[i] == SCHED_SUCCEEDED || was[i] == SCHED_OTHERWISE;

		s->n_left -= ended;
		s->n_running += was[i] == SCHED_RUNNING;
		take(s, (uint32_t)i, was[i] == SCHED_RUNNING);
		s->blockers[i] = ended ? SCHED_GONE : 0;
		if (was[i] == SCHED_WAITING)
			count_needs(s, spec->jobs[i], was);
	}
	for (size_t i = 0; i < s->n; i++)
		if (was[i] == SCHED_OTHERWISE)
			take_users_along(s, i, on_skip, arg);
}

void sched_done(struct sched *s, size_t job, bool ok, sched_skip_fn *on_skip, void *arg)
{
	bool was_ahead = end_ahead(s, job);

	assert(s->n_running > 0 && (was_ahead || s->blockers[job] == 0));
	s->n_running--;
	s->n_left--;
	s->blockers[job] = SCHED_GONE;
	if (!was_ahead)
		take(s, (uint32_t)job, -1);
	if (ok)
		free_users(s, job);
	else
		take_users_along(s, job, on_skip, arg);
}

static void drop(struct sched *s, uint32_t job, sched_skip_fn *on_skip, void *arg)
{
	s->blockers[job] = SCHED_GONE;
	s->n_left--;
	on_skip(arg, job);
}

/* What waits in a heap has no blockers left, as what runs has: the heaps tell them apart.  What was
 * got ready ahead may have some, and is to end by itself. */
void sched_stop(struct sched *s, sched_skip_fn *on_skip, void *arg)
{
	for (size_t i = 0; i < s->n_classes; i++)
		while (s->classes[i].n_ready > 0)
			drop(s, heap_pop(&s->classes[i]), on_skip, arg);
	for (size_t i = 0; i < s->n; i++)
		if (is_blocked(s, (uint32_t)i) && sched_holds(s, i))
			drop(s, (uint32_t)i, on_skip, arg);
}
