/* The scheduler against a model that rescans everything each time: 1,000 random graphs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "engine/sched.h"

enum { MAX_JOBS = 40 };

enum model_state { WAITING, RUNNING, OK, FAILED, SKIPPED };

struct graph {
	struct spec spec;
	struct spec_job job[MAX_JOBS];
	const struct spec_job *jobs[MAX_JOBS];
	const struct spec_job *needs[MAX_JOBS][MAX_JOBS];
	enum model_state state[MAX_JOBS];
	bool ahead[MAX_JOBS];     /* got ready, and WAITING for its turn */
	bool withdrawn[MAX_JOBS]; /* ... which will not come */
	size_t skipped;
};

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525U + 1013904223U;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

/* Needs may name jobs that stand later in the file: a random order makes it free of cycles. */
static void make_graph(struct graph *g)
{
	size_t order[MAX_JOBS] = { 0 };

	memset(g, 0, sizeof *g);
	g->spec.n_jobs = 1 + draw(MAX_JOBS);
	g->spec.jobs = g->jobs;
	for (size_t i = 0; i < g->spec.n_jobs; i++) {
		size_t k = draw((uint32_t)i + 1);

		order[i] = order[k];
		order[k] = i;
		g->jobs[i] = &g->job[i];
		g->job[i].index = i;
		g->job[i].needs = g->needs[i];
	}
	for (size_t i = 1; i < g->spec.n_jobs; i++)
		for (size_t k = 0; k < i; k++)
			if (draw(6) == 0) {
				struct spec_job *job = &g->job[order[i]];

				g->needs[order[i]][job->n_needs++] = &g->job[order[k]];
			}
}

static bool is_ready(const struct graph *g, size_t i)
{
	if (g->state[i] != WAITING)
		return false;
	for (size_t k = 0; k < g->job[i].n_needs; k++)
		if (g->state[g->job[i].needs[k]->index] != OK)
			return false;
	return true;
}

static bool is_doomed(const struct graph *g, size_t i)
{
	if (g->state[i] != WAITING || g->withdrawn[i])
		return false;
	for (size_t k = 0; k < g->job[i].n_needs; k++) {
		enum model_state s = g->state[g->job[i].needs[k]->index];

		if (s == FAILED || s == SKIPPED)
			return true;
	}
	return false;
}

static void on_skip(void *arg, size_t job)
{
	struct graph *g = arg;

	assert_int_equal(g->state[job], WAITING);
	if (g->ahead[job]) {
		g->withdrawn[job] = true;
		return;
	}
	g->state[job] = SKIPPED;
	g->skipped++;
}

/* After a failure exactly the jobs that the model calls doomed are gone. */
static void check_nothing_is_doomed(const struct graph *g)
{
	for (size_t i = 0; i < g->spec.n_jobs; i++)
		assert_false(is_doomed(g, i));
}

static size_t first_ready(const struct graph *g)
{
	for (size_t i = 0; i < g->spec.n_jobs; i++)
		if (is_ready(g, i))
			return i;
	return SIZE_MAX;
}

/* Its needs have all started, and not all of them have ended. */
static bool is_soon(const struct graph *g, size_t i)
{
	size_t n_run = 0;

	for (size_t k = 0; k < g->job[i].n_needs; k++) {
		enum model_state s = g->state[g->job[i].needs[k]->index];

		if (s != RUNNING && s != OK)
			return false;
		n_run += s == RUNNING;
	}
	return g->state[i] == WAITING && n_run > 0;
}

static void note_ahead(struct graph *g, enum sched_ahead most, size_t job)
{
	assert_false(g->ahead[job]);
	assert_true(is_ready(g, job) ? most >= SCHED_LACKING
	                             : most >= SCHED_NEEDING && is_soon(g, job));
	g->ahead[job] = true;
}

/* One that was got ready and may start now, or SIZE_MAX. */
static size_t next_held(struct graph *g, const struct sched *s)
{
	for (size_t i = 0; i < g->spec.n_jobs; i++)
		if (g->ahead[i] && sched_holds(s, i)) {
			g->ahead[i] = false;
			return i;
		}
	return SIZE_MAX;
}

/* Now and then what was got ready leaves: it could not be, or shall not start.  Returns which, or
 * SIZE_MAX. */
static size_t one_leaves(struct graph *g, struct sched *s)
{
	for (size_t i = 0; i < g->spec.n_jobs; i++) {
		if (!g->ahead[i] || draw(4) > 0)
			continue;
		g->ahead[i] = false;
		if (!g->withdrawn[i]) {
			sched_give_back(s, i);
			return i;
		}
		g->state[i] = SKIPPED;
		g->skipped++;
		sched_done(s, i, false, on_skip, g);
		return i;
	}
	return SIZE_MAX;
}

struct crowd {
	size_t running[MAX_JOBS];
	size_t n, limit;
	enum sched_ahead most_ahead;
};

static void join(struct graph *g, struct crowd *c, size_t job)
{
	assert_int_equal(job, first_ready(g));
	assert_true(c->n < c->limit);
	g->state[job] = RUNNING;
	c->running[c->n++] = job;
}

/* Those that are ahead were given before their turn and are still WAITING for it: whether the next
 * is given or allowed, it is the first of all that are ready. */
static void start_all(struct graph *g, struct sched *s, struct crowd *c)
{
	size_t job, held;

	for (;;) {
		bool given = sched_next(s, &job);

		while ((held = next_held(g, s)) != SIZE_MAX)
			join(g, c, held);
		if (!given)
			break;
		if (sched_holds(s, job))
			join(g, c, job);
		else
			note_ahead(g, c->most_ahead, job);
	}
	assert_true(c->n == c->limit || first_ready(g) == SIZE_MAX);
}

static void end_any(struct graph *g, struct sched *s, struct crowd *c, uint32_t fail_one_in)
{
	size_t at = draw((uint32_t)c->n);
	size_t job = c->running[at];
	bool ok = fail_one_in == 0 || draw(fail_one_in) > 0;

	c->running[at] = c->running[--c->n];
	g->state[job] = ok ? OK : FAILED;
	sched_done(s, job, ok, on_skip, g);
}

static void run_graph(struct graph *g, size_t limit, enum sched_ahead ahead, uint32_t fail_one_in)
{
	const struct sched_amount room = { { [SCHED_PLACES] = (int64_t)limit } };
	struct crowd c = { .limit = limit, .most_ahead = ahead };
	struct sched s;

	sched_init(&s, &g->spec, &room, NULL, ahead);
	while (!sched_is_done(&s)) {
		start_all(g, &s, &c);
		if (one_leaves(g, &s) == SIZE_MAX && c.n > 0)
			end_any(g, &s, &c, fail_one_in);
		check_nothing_is_doomed(g);
	}
	for (size_t i = 0; i < g->spec.n_jobs; i++)
		assert_true(g->state[i] == OK || g->state[i] == FAILED || g->state[i] == SKIPPED);
	if (fail_one_in == 0)
		assert_int_equal(g->skipped, 0);
	sched_release(&s);
}

static void random_graphs_run_as_the_model_says(void **state)
{
	struct graph *g = xcalloc(1, sizeof *g);

	(void)state;
	for (uint32_t round = 0; round < 1000; round++) {
		seed = round * 7919 + 17;
		make_graph(g);
		run_graph(g, 1 + draw(5), (enum sched_ahead)(round / 3 % 3) - 1,
		          round % 3 == 0 ? 0 : 2 + draw(8));
	}
	free(g);
}

static void stopping_ends_all_that_has_not_started(void **state)
{
	static const struct sched_amount three = { { [SCHED_PLACES] = 3 } };
	struct graph *g = xcalloc(1, sizeof *g);

	(void)state;
	for (uint32_t round = 0; round < 200; round++) {
		struct sched s;
		size_t started = 0;
		size_t job[MAX_JOBS];

		seed = round;
		make_graph(g);
		sched_init(&s, &g->spec, &three, NULL, SCHED_NEEDING);
		while (sched_next(&s, &job[started])) {
			g->ahead[job[started]] = !sched_holds(&s, job[started]);
			g->state[job[started]] = g->ahead[job[started]] ? WAITING : RUNNING;
			started++;
		}
		sched_stop(&s, on_skip, g);
		assert_int_equal(g->skipped + started, g->spec.n_jobs);
		for (size_t i = 0; i < started; i++) {
			size_t none;

			sched_done(&s, job[i], sched_holds(&s, job[i]) && i % 2 == 0, on_skip, g);
			assert_false(sched_next(&s, &none));
		}
		assert_true(sched_is_done(&s));
		assert_int_equal(g->skipped + started, g->spec.n_jobs);
		sched_release(&s);
	}
	free(g);
}

/* --- what jobs ask for ----------------------------------------------------------------------- */

enum { CORES = 8, MEMORY = 64, GPUS = 2, PLACES = 6 };

static const struct sched_amount machine = { { PLACES, CORES, MEMORY, GPUS } };

struct load {
	struct graph g;
	struct sched_amount demand[MAX_JOBS];
	size_t out[MAX_JOBS]; /* running */
	size_t n_out;
	int64_t used[SCHED_KINDS];
	bool claimed[MAX_JOBS][SCHED_KINDS]; /* what it has lacked while it was the first */
};

static void make_load(struct load *l)
{
	memset(l, 0, sizeof *l);
	make_graph(&l->g);
	for (size_t i = 0; i < l->g.spec.n_jobs; i++)
		l->demand[i] = (struct sched_amount){ { 0, draw(3) == 0 ? CORES : draw(4),
			                                draw(8) == 0 ? MEMORY : draw(20),
			                                draw(4) == 0 ? 1 + draw(GPUS) : 0 } };
}

static int64_t wants(const struct load *l, size_t job, int kind)
{
	return kind == SCHED_PLACES ? 1 : l->demand[job].of[kind];
}

/* Never more than there is; and no job before it in the file that waits may have lacked what it
 * takes. */
static void starts(struct load *l, size_t job)
{
	assert_true(is_ready(&l->g, job));
	for (int kind = 0; kind < SCHED_KINDS; kind++) {
		l->used[kind] += wants(l, job, kind);
		assert_true(l->used[kind] <= machine.of[kind]);
		for (size_t i = 0; i < job; i++)
			if (is_ready(&l->g, i) && wants(l, job, kind) > 0)
				assert_false(l->claimed[i][kind]);
	}
	l->g.state[job] = RUNNING;
	l->out[l->n_out++] = job;
}

/* The first of all that are ready: nobody keeps it from what it wants, it may only be taken. */
static void note_claims(struct load *l)
{
	size_t i = first_ready(&l->g);

	for (int kind = 0; kind < SCHED_KINDS && i != SIZE_MAX; kind++)
		l->claimed[i][kind] |= wants(l, i, kind) > 0 &&
		                       l->used[kind] + wants(l, i, kind) > machine.of[kind];
}

static void take_all(struct load *l, struct sched *s, enum sched_ahead ahead)
{
	size_t job, held;
	bool given;

	do {
		note_claims(l);
		given = sched_next(s, &job);
		while ((held = next_held(&l->g, s)) != SIZE_MAX) {
			starts(l, held);
			note_claims(l);
		}
		if (given && sched_holds(s, job)) {
			starts(l, job);
		} else if (given) {
			assert_int_equal(l->demand[job].of[SCHED_GPUS], 0);
			note_ahead(&l->g, ahead, job);
		}
	} while (given);
}

static void end_one(struct load *l, struct sched *s, uint32_t fail_one_in)
{
	size_t at;
	size_t job;
	bool ok = draw(fail_one_in) > 0;

	at = draw((uint32_t)l->n_out);
	job = l->out[at];
	l->out[at] = l->out[--l->n_out];
	for (int kind = 0; kind < SCHED_KINDS; kind++)
		l->used[kind] -= wants(l, job, kind);
	l->g.state[job] = ok ? OK : FAILED;
	sched_done(s, job, ok, on_skip, &l->g);
}

static void demands_are_kept_as_the_model_says(void **state)
{
	struct load *l = xcalloc(1, sizeof *l);

	(void)state;
	for (uint32_t round = 0; round < 2000; round++) {
		enum sched_ahead ahead = (enum sched_ahead)(round % 3) - 1;
		struct sched s;

		seed = round * 104729 + 5;
		make_load(l);
		sched_init(&s, &l->g.spec, &machine, l->demand, ahead);
		while (!sched_is_done(&s)) {
			size_t left;

			take_all(l, &s, ahead);
			left = one_leaves(&l->g, &s);
			if (left != SIZE_MAX)
				memset(l->claimed[left], 0, sizeof l->claimed[left]);
			else if (l->n_out > 0)
				end_one(l, &s, 20);
		}
		assert_int_equal(l->n_out, 0);
		sched_release(&s);
	}
	free(l);
}

/* Small jobs come for ever; the big one of them all starts as soon as those before it have ended.
 */
static void a_big_job_does_not_starve(void **state)
{
	enum { N = 30, BIG = 2 };
	struct load *l = xcalloc(1, sizeof *l);
	struct sched s;
	size_t job;

	(void)state;
	l->g.spec.n_jobs = N;
	l->g.spec.jobs = l->g.jobs;
	for (size_t i = 0; i < N; i++) {
		l->g.jobs[i] = &l->g.job[i];
		l->g.job[i].index = i;
		l->demand[i].of[SCHED_CPU] = i == BIG ? CORES : CORES / 2;
	}
	sched_init(&s, &l->g.spec, &machine, l->demand, SCHED_NEVER_AHEAD);
	assert_true(sched_next(&s, &job) && job == 0);
	assert_true(sched_next(&s, &job) && job == 1);
	assert_false(sched_next(&s, &job));
	sched_done(&s, 0, true, on_skip, &l->g);
	assert_false(sched_next(&s, &job)); /* what is free is kept for it */
	sched_done(&s, 1, true, on_skip, &l->g);
	assert_true(sched_next(&s, &job) && job == BIG);
	sched_release(&s);
	free(l);
}

/* Who waits for the GPU does not keep others from the cores. */
static void who_waits_for_one_thing_lets_others_have_the_rest(void **state)
{
	struct load *l = xcalloc(1, sizeof *l);
	struct sched s;
	size_t job;

	(void)state;
	l->g.spec.n_jobs = 4;
	l->g.spec.jobs = l->g.jobs;
	for (size_t i = 0; i < 4; i++) {
		l->g.jobs[i] = &l->g.job[i];
		l->g.job[i].index = i;
		l->demand[i].of[SCHED_CPU] = 1;
		l->demand[i].of[SCHED_GPUS] = i < 2 ? GPUS : 0;
	}
	sched_init(&s, &l->g.spec, &machine, l->demand, SCHED_LACKING);
	assert_true(sched_next(&s, &job) && job == 0);
	assert_true(sched_next(&s, &job) && job == 2);
	assert_true(sched_next(&s, &job) && job == 3);
	assert_false(sched_next(&s, &job)); /* and it is not got ready ahead */
	sched_done(&s, 0, true, on_skip, &l->g);
	assert_true(sched_next(&s, &job) && job == 1 && sched_holds(&s, 1));
	sched_release(&s);
	free(l);
}

/* Who takes something from what still runs cannot be got ready; who only comes after it can. */
static void what_takes_from_its_needs_is_never_ahead(void **state)
{
	static const struct sched_amount one = { { [SCHED_PLACES] = 1 } };
	struct spec_input from = { .source = SPEC_FROM_JOB };
	struct graph *g = xcalloc(1, sizeof *g);
	struct sched s;
	size_t job;

	(void)state;
	g->spec.n_jobs = 3;
	g->spec.jobs = g->jobs;
	for (size_t i = 0; i < 3; i++) {
		g->jobs[i] = &g->job[i];
		g->job[i].index = i;
		g->job[i].needs = g->needs[i];
		g->needs[i][0] = &g->job[0];
		g->job[i].n_needs = i > 0;
	}
	g->job[1].inputs = &from;
	g->job[1].n_inputs = 1;
	sched_init(&s, &g->spec, &one, NULL, SCHED_NEEDING);
	assert_true(sched_next(&s, &job) && job == 0 && sched_holds(&s, 0));
	assert_true(sched_next(&s, &job) && job == 2);
	assert_false(sched_holds(&s, 2) || sched_has_needs(&s, 2));
	assert_false(sched_next(&s, &job));
	sched_done(&s, 0, true, on_skip, g);
	assert_true(sched_has_needs(&s, 2));
	assert_true(sched_next(&s, &job) && job == 1 && sched_holds(&s, 1));
	sched_release(&s);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_graphs_run_as_the_model_says),
		cmocka_unit_test(stopping_ends_all_that_has_not_started),
		cmocka_unit_test(demands_are_kept_as_the_model_says),
		cmocka_unit_test(a_big_job_does_not_starve),
		cmocka_unit_test(who_waits_for_one_thing_lets_others_have_the_rest),
		cmocka_unit_test(what_takes_from_its_needs_is_never_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
