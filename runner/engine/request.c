/* A job as a request that is complete in itself: directories, mounts, environment, secrets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "engine/internal.h"

static const char *keep(struct job_request *jr, char *made /* takes */)
{
	jr->owned = xreallocarray(jr->owned, jr->n_owned + 1, sizeof *jr->owned);
	jr->owned[jr->n_owned++] = made;
	return made;
}

static void add_mount(struct job_request *jr, enum mount_kind kind, const char *source,
                      const char *target)
{
	jr->mounts[jr->request.n_mounts++] =
		(struct request_mount){ .kind = kind, .source = source, .target = target };
}

/* The job's variables, then the action's, which win. */
static int fill_env(struct job_request *jr, struct error *err)
{
	const struct run_options *o = jr->job->run->options;
	const struct spec_job *job = jr->job->spec;
	size_t n_step = 0;
	size_t n = 0;
	size_t n_secrets = 0;

	while (jr->step->env[n_step])
		n_step++;
	jr->env = xcalloc(job->n_env + n_step + 1, sizeof *jr->env);
	jr->secrets = xcalloc(job->n_env + 1, sizeof *jr->secrets);
	for (size_t i = 0; i < job->n_env; i++) {
		const char *secret = spec_secret_name(job->env[i].value);
		const char *value = job->env[i].value;

		if (secret) {
			value = map_find(o->secrets, secret);
			if (!value) /* only of a run that was left: run_new() has looked */
				return error_set(err, SLUICE_INVALID,
				                 "secret '%s' of job '%s' was not given again",
				                 secret, job->id);
			jr->secrets[n_secrets++] = value;
		} else if (action_value(value, &o->context, &value, err) < 0) {
			return error_wrap(err, "variable '%s' of job '%s'", job->env[i].name,
			                  job->id);
		}
		jr->env[n++] = keep(jr, xasprintf("%s=%s", job->env[i].name, value));
	}
	for (size_t i = 0; i < n_step; i++)
		jr->env[n++] = jr->step->env[i];
	return 0;
}

/* Directories for what it writes: /outputs is one mount, so that a job may rename between them. */
static int make_outputs(struct job_request *jr, struct error *err)
{
	const struct run_job *job = jr->job;
	const char *outputs;

	if (job->spec->n_outputs == 0)
		return 0;
	outputs = keep(jr, xasprintf("%s/outputs", job->dir));
	for (size_t i = 0; i < job->spec->n_outputs; i++) {
		const struct spec_output *o = &job->spec->outputs[i];
		AUTO_FREE char *path = xasprintf("%s/%s", outputs, o->name);
		int rc = io_mkdirs(o->type == SPEC_STRING ? outputs : path, 0755);

		if (rc < 0)
			return error_sys(err, rc, "cannot make '%s'", path);
	}
	add_mount(jr, MOUNT_WRITE, outputs, "/outputs");
	return 0;
}

/* Shared by jobs of any user, as /tmp is; the home around it is closed to other users.  Its rights
 * are given when it is made: who changes them later has a reason. */
static int make_storage(const char *path)
{
	int rc = io_mkdirs(path, 0700);
	struct stat st;

	if (rc < 0)
		return rc;
	if (stat(path, &st) != 0)
		return -errno;
	return (st.st_mode & 07777) == 0700 && chmod(path, 01777) != 0 ? -errno : 0;
}

/* One that was put elsewhere is not made: where it is missing, its disk is not mounted. */
static int check_storage(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return error_set(err, SLUICE_MISSING,
	                 "the configuration's storage.path '%s' is no directory here: make it, or "
	                 "mount what belongs there",
	                 path);
}

static int add_storage(struct job_request *jr, struct error *err)
{
	const struct run_options *o = jr->job->run->options;
	const char *path =
		keep(jr, o->storage ? xstrdup(o->storage) : xasprintf("%s/storage", o->home));
	int rc;

	if (jr->request.root != ROOT_IMAGE)
		return 0;
	rc = o->storage ? check_storage(path, err) : make_storage(path);
	if (rc < 0)
		return o->storage ? rc : error_sys(err, rc, "cannot make '%s'", path);
	add_mount(jr, MOUNT_WRITE, path, "/storage");
	return 0;
}

int job_request_new(struct run_job *job, struct job_request **ret_request, struct error *err)
{
	const struct run *run = job->run;
	struct job_request *jr = xcalloc(1, sizeof *jr);
	int rc = action_build(job->spec, &run->options->context, &jr->step, err);

	jr->job = job;
	jr->gpus = gpus_of(job);
	jr->mounts = xcalloc(job->spec->n_inputs + 2, sizeof *jr->mounts);
	if (rc == 0)
		rc = fill_env(jr, err);
	if (rc < 0) {
		job_request_free(jr);
		return rc;
	}
	(void)snprintf(jr->id, sizeof jr->id, "%.8s-%zu-%d", run->uuid, job->spec->index,
	               job->attempt);
	jr->request = (struct request){
		.id = jr->id,
		.dir = job->dir,
		.root = jr->step->root,
		.image = jr->step->image ? run_image(run, job->spec)->digest : NULL,
		.entrypoint = jr->step->entrypoint,
		.args = jr->step->args,
		.script = jr->step->script,
		.env = jr->env,
		.mounts = jr->mounts,
		.network = job->spec->no_network ? NETWORK_NONE : run->options->network,
		.limits = run->shares[job->spec->index].limits,
		.gpus = jr->gpus,
		.secrets = jr->secrets,
		.grace_ms = run->options->grace_ms,
	};
	rc = make_outputs(jr, err);
	if (rc == 0)
		rc = add_storage(jr, err);
	if (rc < 0) {
		job_request_free(jr);
		return rc;
	}
	*ret_request = jr;
	return 0;
}

static int add_string(struct job_request *jr, const struct spec_input *input, const char *target,
                      struct error *err)
{
	const struct run *run = jr->job->run;
	const char *value;
	char *text;

	if (input->source == SPEC_FROM_JOB) {
		if (job_read_string(&run->jobs[input->job->index], input->output, &text, err) < 0)
			return error_wrap(err, "input '%s' from job '%s'", input->name,
			                  input->job->id);
		value = keep(jr, text);
	} else {
		value = run_value(run, input);
	}
	if (value)
		add_mount(jr, MOUNT_TEXT, value, target);
	return 0;
}

struct pin *job_input_pin(const struct run_job *job, const struct spec_input *input)
{
	const struct run *run = job->run;
	const struct run_output *made;
	struct pin *pin;
	char key[2 * 64];

	if (input->type != SPEC_DATASET)
		return NULL;
	if (input->source != SPEC_FROM_JOB)
		return run_pin(run, input);
	made = job_output(&run->jobs[input->job->index], input->output);
	(void)snprintf(key, sizeof key, "%s:%s", made->version.dataset, made->version.id);
	pin = map_find(&run->pins, key);
	if (!pin) {
		pin = xcalloc(1, sizeof *pin);
		pin->version = made->version;
		(void)map_set(&job->run->pins, key, pin);
	}
	return pin;
}

int job_request_add_inputs(struct job_request *jr, struct error *err)
{
	const struct run *run = jr->job->run;
	const struct spec_job *job = jr->job->spec;
	enum mount_kind view = run->options->strict_inputs ? MOUNT_READONLY : MOUNT_VIEW;

	for (size_t i = 0; i < job->n_inputs; i++) {
		const struct spec_input *input = &job->inputs[i];
		const char *target = keep(jr, xasprintf("/inputs/%s", input->name));
		const struct pin *pin = job_input_pin(jr->job, input);

		if (pin) {
			add_mount(jr, view, pin->tree, target);
		} else if (input->type == SPEC_VOLUME) {
			const char *dir = run->jobs[input->job->index].dir;

			add_mount(jr, view,
			          keep(jr, xasprintf("%s/outputs/%s", dir, input->output->name)),
			          target);
		} else if (input->type == SPEC_STRING && add_string(jr, input, target, err) < 0) {
			return err->class;
		}
	}
	jr->request.mounts = jr->mounts;
	return 0;
}

void job_request_free(struct job_request *jr)
{
	if (!jr)
		return;
	action_step_free(jr->step);
	for (size_t i = 0; i < jr->n_owned; i++)
		free(jr->owned[i]);
	free(jr->owned);
	free(jr->mounts);
	free(jr->env);
	free(jr->gpus);
	free(jr->secrets);
	free(jr);
}
