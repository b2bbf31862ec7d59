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
	size_t order[MAX_JOBS];

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
	if (g->state[i] != WAITING)
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

static void run_graph(struct graph *g, size_t limit, uint32_t fail_one_in)
{
	struct sched s;
	size_t running[MAX_JOBS];
	size_t n_running = 0;

	sched_init(&s, &g->spec, limit);
	while (!sched_is_done(&s)) {
		size_t job;
		size_t at;
		bool ok;

		while (n_running < limit && first_ready(g) != SIZE_MAX) {
			assert_true(sched_next(&s, &job));
			assert_int_equal(job, first_ready(g));
			g->state[job] = RUNNING;
			running[n_running++] = job;
		}
		assert_false(sched_next(&s, &job));
		assert_true(n_running > 0);
		at = draw((uint32_t)n_running);
		job = running[at];
		running[at] = running[--n_running];
		ok = fail_one_in == 0 || draw(fail_one_in) > 0;
		g->state[job] = ok ? OK : FAILED;
		sched_done(&s, job, ok, on_skip, g);
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
		run_graph(g, 1 + draw(5), round % 3 == 0 ? 0 : 2 + draw(8));
	}
	free(g);
}

static void stopping_ends_all_that_has_not_started(void **state)
{
	struct graph *g = xcalloc(1, sizeof *g);

	(void)state;
	for (uint32_t round = 0; round < 200; round++) {
		struct sched s;
		size_t started = 0;
		size_t job[MAX_JOBS];

		seed = round;
		make_graph(g);
		sched_init(&s, &g->spec, 3);
		while (started < 3 && sched_next(&s, &job[started]))
			g->state[job[started++]] = RUNNING;
		sched_stop(&s, on_skip, g);
		assert_int_equal(g->skipped + started, g->spec.n_jobs);
		for (size_t i = 0; i < started; i++) {
			size_t none;

			sched_done(&s, job[i], i % 2 == 0, on_skip, g);
			assert_false(sched_next(&s, &none));
		}
		assert_true(sched_is_done(&s));
		assert_int_equal(g->skipped + started, g->spec.n_jobs);
		sched_release(&s);
	}
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_graphs_run_as_the_model_says),
		cmocka_unit_test(stopping_ends_all_that_has_not_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
