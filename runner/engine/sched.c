#include "engine/sched.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"

#define SCHED_GONE UINT32_MAX

static void heap_push(struct sched *s, uint32_t job)
{
	size_t i = s->n_ready++;

	while (i > 0 && s->heap[(i - 1) / 2] > job) {
		s->heap[i] = s->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	s->heap[i] = job;
}

static uint32_t heap_pop(struct sched *s)
{
	uint32_t top = s->heap[0];
	uint32_t last = s->heap[--s->n_ready];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= s->n_ready)
			break;
		if (child + 1 < s->n_ready && s->heap[child + 1] < s->heap[child])
			child++;
		if (s->heap[child] >= last)
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	if (s->n_ready > 0)
		s->heap[i] = last;
	return top;
}

void sched_init(struct sched *s, const struct spec *spec, size_t limit)
{
	size_t edges = 0;

	assert(limit > 0 && spec->n_jobs < SCHED_GONE);
	*s = (struct sched){ .n = spec->n_jobs, .n_left = spec->n_jobs, .limit = limit };
	s->blockers = xcalloc(s->n, sizeof *s->blockers);
	s->user_start = xcalloc(s->n + 2, sizeof *s->user_start);
	s->heap = xcalloc(s->n, sizeof *s->heap);
	s->worklist = xcalloc(s->n, sizeof *s->worklist);
	/* Counted two places ahead, so that filling leaves user_start where it belongs. */
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
	for (size_t i = 0; i < s->n; i++)
		if (s->blockers[i] == 0)
			heap_push(s, (uint32_t)i);
}

void sched_release(struct sched *s)
{
	free(s->blockers);
	free(s->user_start);
	free(s->user);
	free(s->heap);
	free(s->worklist);
	*s = (struct sched){ 0 };
}

bool sched_next(struct sched *s, size_t *ret_job)
{
	if (s->n_ready == 0 || s->n_running >= s->limit)
		return false;
	*ret_job = heap_pop(s);
	s->n_running++;
	return true;
}

static void free_users(struct sched *s, size_t job)
{
	for (uint32_t k = s->user_start[job]; k < s->user_start[job + 1]; k++) {
		uint32_t user = s->user[k];

		if (s->blockers[user] != SCHED_GONE && --s->blockers[user] == 0)
			heap_push(s, user);
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

			if (s->blockers[user] == SCHED_GONE)
				continue;
			s->blockers[user] = SCHED_GONE;
			s->n_left--;
			on_skip(arg, user);
			s->worklist[todo++] = user;
		}
	}
}

static uint32_t count_blockers(const struct spec_job *job, const enum sched_was *was)
{
	uint32_t n = 0;

	for (size_t i = 0; i < job->n_needs; i++)
		n += was[job->needs[i]->index] != SCHED_SUCCEEDED;
	return n;
}

void sched_restore(struct sched *s, const struct spec *spec, const enum sched_was *was,
                   sched_skip_fn *on_skip, void *arg)
{
	s->n_ready = 0;
	for (size_t i = 0; i < s->n; i++) {
		bool ended = was[i] == SCHED_SUCCEEDED || was[i] == SCHED_OTHERWISE;

		s->n_left -= ended;
		s->n_running += was[i] == SCHED_RUNNING;
		s->blockers[i] = ended                     ? SCHED_GONE
		                 : was[i] == SCHED_RUNNING ? 0
		                                           : count_blockers(spec->jobs[i], was);
		if (was[i] == SCHED_WAITING && s->blockers[i] == 0)
			heap_push(s, (uint32_t)i);
	}
	for (size_t i = 0; i < s->n; i++)
		if (was[i] == SCHED_OTHERWISE)
			take_users_along(s, i, on_skip, arg);
}

void sched_done(struct sched *s, size_t job, bool ok, sched_skip_fn *on_skip, void *arg)
{
	assert(s->n_running > 0 && s->blockers[job] == 0);
	s->n_running--;
	s->n_left--;
	s->blockers[job] = SCHED_GONE;
	if (ok)
		free_users(s, job);
	else
		take_users_along(s, job, on_skip, arg);
}

/* What waits in the heap has no blockers left, as what runs has: the heap tells them apart. */
void sched_stop(struct sched *s, sched_skip_fn *on_skip, void *arg)
{
	while (s->n_ready > 0) {
		uint32_t job = heap_pop(s);

		s->blockers[job] = SCHED_GONE;
		s->n_left--;
		on_skip(arg, job);
	}
	for (size_t i = 0; i < s->n; i++) {
		if (s->blockers[i] == SCHED_GONE || s->blockers[i] == 0)
			continue;
		s->blockers[i] = SCHED_GONE;
		s->n_left--;
		on_skip(arg, i);
	}
}
