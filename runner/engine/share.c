/*
 * What of the machine each job gets: limits for its container, and what the scheduler keeps for it.
 *
 * What a job asks for by our own keys it gets, or the run does not start.  An instance type stands
 * for what the hosted service's machine had, and is cut down to what there is here: a workflow that
 * was written for large machines runs on a small one.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "engine/instance.h"
#include "engine/internal.h"

/* A job that is cut down is one of many: each kind of cut is said once, with the first. */
struct cuts {
	const char *unknown, *small, *gpus; /* instance types */
	const char *unkept;                 /* a job */
};

static void find_instance(const struct run *run, const char *name, struct instance *ret,
                          struct cuts *cuts)
{
	const struct run_options *o = run->options;
	const char *text = o->instances ? map_find(o->instances, name) : NULL;

	*ret = (struct instance){ 0 };
	if (text ? !instance_parse(text, ret) : !instance_find(name, ret))
		cuts->unknown = cuts->unknown ? cuts->unknown : name;
	if ((o->machine.cpu_milli > 0 && ret->cpu_milli > o->machine.cpu_milli) ||
	    (o->machine.memory > 0 && ret->memory > o->machine.memory))
		cuts->small = cuts->small ? cuts->small : name;
	if (ret->gpus > o->machine.n_gpus)
		cuts->gpus = cuts->gpus ? cuts->gpus : name;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Of the run's cap, what each of the jobs gets that may run at once and say nothing themselves. */
static uint64_t fair(uint64_t cap, unsigned jobs)
{
	return cap / jobs > 0 ? cap / jobs : 1;
}

static int refuse(const struct spec_job *job, const char *what, struct error *err)
{
	return error_set(err, SLUICE_MISSING,
	                 "job '%s' asks for %s: it could never start (what 'resources' says of an "
	                 "instance-type alone is cut down to what there is)",
	                 job->id, what);
}

static int check(const struct run *run, const struct spec_job *job, struct error *err)
{
	const struct spec_resources *r = &job->resources;
	const struct run_machine *m = &run->options->machine;
	char what[600] = "";

	if (m->cpu_milli > 0 && r->cpu_milli > m->cpu_milli)
		(void)snprintf(what, sizeof what, "%g cores, and the run has %g",
		               (double)r->cpu_milli / 1000, (double)m->cpu_milli / 1000);
	else if (m->memory > 0 && r->memory > m->memory)
		(void)snprintf(what, sizeof what,
		               "%" PRIu64 " MiB of memory, and the run has %" PRIu64 " MiB",
		               r->memory >> 20, m->memory >> 20);
	else if (r->has_gpus && r->gpus > m->n_gpus)
		(void)snprintf(what, sizeof what,
		               "%" PRIu64 " GPUs, and this machine has %zu%s%s%s", r->gpus,
		               m->n_gpus, m->gpus_lack ? " (" : "",
		               m->gpus_lack ? m->gpus_lack : "", m->gpus_lack ? ")" : "");
	return what[0] ? refuse(job, what, err) : 0;
}

static void make_share(const struct run *run, const struct spec_job *job, struct job_share *s,
                       struct cuts *cuts)
{
	const struct spec_resources *r = &job->resources;
	const struct run_options *o = run->options;
	const struct run_machine *m = &o->machine;
	struct instance in = { 0 };
	uint64_t cpu, memory;

	if (r->instance_type)
		find_instance(run, r->instance_type, &in, cuts);
	cpu = r->cpu_milli ? r->cpu_milli : least(in.cpu_milli, m->cpu_milli);
	memory = r->memory ? r->memory : least(in.memory, m->memory);
	if (cpu == 0 && o->cpu_cap > 0)
		cpu = fair(o->cpu_cap, o->jobs);
	if (memory == 0 && o->memory_cap > 0)
		memory = fair(o->memory_cap, o->jobs);
	s->n_gpus = (size_t)(r->has_gpus ? r->gpus : least(in.gpus, m->n_gpus));
	s->limits = (struct request_limits){ .cpu_milli = cpu,
		                             .memory_bytes = memory,
		                             .shm_bytes = r->shm_size };
	if (m->has_no_limits && (cpu > 0 || memory > 0) && !cuts->unkept)
		cuts->unkept = job->id;
}

static struct sched_amount demand_of(const struct job_share *s)
{
	return (struct sched_amount){ { [SCHED_CPU] = (int64_t)s->limits.cpu_milli,
		                        [SCHED_MEMORY] = (int64_t)s->limits.memory_bytes,
		                        [SCHED_GPUS] = (int64_t)s->n_gpus } };
}

static void say_cuts(struct run *run, const struct cuts *cuts)
{
	const struct run_machine *m = &run->options->machine;

	if (cuts->unkept)
		run_notice(run,
		           "what job '%.100s' may take at most is only planned with, not enforced: "
		           "an ordinary user has no cgroups (root has)",
		           cuts->unkept);
	if (cuts->unknown)
		run_notice(run,
		           "instance type '%.100s' is not known here: its jobs have no limits (the "
		           "configuration's 'instances' can say what it has)",
		           cuts->unknown);
	if (cuts->small)
		run_notice(run,
		           "instance type '%.100s' is larger than this machine: its jobs have %g "
		           "cores and %" PRIu64 " MiB at most",
		           cuts->small, (double)m->cpu_milli / 1000, m->memory >> 20);
	if (cuts->gpus)
		run_notice(run,
		           "instance type '%.100s' has more GPUs than this machine, which has %zu: "
		           "its jobs have no more than that",
		           cuts->gpus, m->n_gpus);
}

int shares_make(struct run *run, struct error *err)
{
	const struct spec *spec = run->options->spec;
	struct cuts cuts = { .small = NULL };

	run->shares = xcalloc(spec->n_jobs, sizeof *run->shares);
	run->demands = xcalloc(spec->n_jobs, sizeof *run->demands);
	for (size_t i = 0; i < spec->n_jobs; i++) {
		int rc = check(run, spec->jobs[i], err);

		if (rc < 0)
			return rc;
		make_share(run, spec->jobs[i], &run->shares[i], &cuts);
		run->demands[i] = demand_of(&run->shares[i]);
	}
	say_cuts(run, &cuts);
	return 0;
}

void shares_room(const struct run *run, struct sched_amount *ret_room)
{
	const struct run_options *o = run->options;

	/* 0 is an amount that is not known, which holds nobody back. */
	*ret_room = (struct sched_amount){ {
		[SCHED_PLACES] = o->jobs,
		[SCHED_CPU] = o->machine.cpu_milli ? (int64_t)o->machine.cpu_milli : INT64_MAX / 2,
		[SCHED_MEMORY] = o->machine.memory ? (int64_t)o->machine.memory : INT64_MAX / 2,
		[SCHED_GPUS] = (int64_t)o->machine.n_gpus,
	} };
}
