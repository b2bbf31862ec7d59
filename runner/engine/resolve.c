/*
 * What names stand for in this run: every dataset reference and secret is looked up once, before
 * anything starts, and all jobs see the same answer.  Images likewise: see images.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/near.h"
#include "base/xalloc.h"
#include "engine/internal.h"

static bool is_path(const char *text)
{
	return text[0] == '/' || text[0] == '.';
}

static int pin_ref(struct run *run, const char *ref, struct pin **ret_pin, struct error *err)
{
	struct pin *pin = map_find(&run->pins, ref);
	int rc;

	if (!pin) {
		pin = xcalloc(1, sizeof *pin);
		rc = datasets_resolve(run->datasets, ref, &pin->version, err);
		if (rc == 0 && !pin->version.committed)
			rc = error_set(
				err, SLUICE_INVALID,
				"version '%s:%s' is not committed: an input needs one that is",
				pin->version.dataset_name, pin->version.id);
		if (rc < 0) {
			free(pin);
			return rc;
		}
		(void)map_set(&run->pins, ref, pin);
	}
	*ret_pin = pin;
	return 0;
}

/* A directory goes into the dataset that the input's ref names, else one named after the input.  It
 * is looked at now, so that one that is not there leaves no dataset behind. */
static int pin_dir(struct run *run, const struct spec_input *input, const char *dir,
                   struct pin **ret_pin, struct error *err)
{
	struct pin *pin;
	struct stat st;
	char *key;

	if (stat(dir, &st) != 0)
		return error_set(err, SLUICE_INVALID, "input '%s': cannot read '%s': %s",
		                 input->name, dir, strerrordesc_np(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(err, SLUICE_INVALID, "input '%s': '%s' is not a directory",
		                 input->name, dir);
	pin = xcalloc(1, sizeof *pin);
	key = xasprintf("%s\n%s", input->name, dir); /* no reference holds a newline */
	pin->dir = dir;
	pin->target = input->given ? input->ref.dataset : input->name;
	(void)map_set(&run->pins, key, pin);
	free(key);
	*ret_pin = pin;
	return 0;
}

/* For who wrote the name of a directory where a dataset's is wanted. */
static int say_directory(const char *text, struct error *err)
{
	const struct error why = *err;
	struct stat st;

	if (stat(text, &st) != 0 || !S_ISDIR(st.st_mode))
		return err->class;
	return error_set(err, why.class, "%s; to give the directory '%s', write ./%s", why.msg,
	                 text, text);
}

static int bind_dataset(struct run *run, const struct spec_input *input,
                        const struct run_given *given, struct pin **ret_pin, struct error *err)
{
	if (given && given->value)
		return error_set(err, SLUICE_INVALID,
		                 "input '%s' is a dataset: give `id` or `ref`, not `value`",
		                 input->name);
	if (given && given->any && is_path(given->any))
		return pin_dir(run, input, given->any, ret_pin, err);
	if (pin_ref(run,
	            !given       ? input->ref.text
	            : given->any ? given->any
	                         : given->ref,
	            ret_pin, err) < 0) {
		if (given && given->any)
			(void)say_directory(given->any, err);
		return error_wrap(err, "input '%s'", input->name);
	}
	return 0;
}

static int bind_string(const struct spec_input *input, const struct run_given *given,
                       const char **ret_value, struct error *err)
{
	if (given && given->ref)
		return error_set(err, SLUICE_INVALID,
		                 "input '%s' is a string: give `value`, not `id` or `ref`",
		                 input->name);
	*ret_value = !given ? input->value : given->any ? given->any : given->value;
	return 0;
}

static int bind_input(struct run *run, size_t i, const struct run_given *given, struct error *err)
{
	const struct spec_input *input = &run->options->spec->inputs[i];
	struct binding *b = &run->bindings[i];

	if (!given && !input->given) {
		if (input->optional)
			return 0;
		return error_set(err, SLUICE_INVALID,
		                 "input '%s' has no default and was not given: --input %s=VALUE",
		                 input->name, input->name);
	}
	if (input->type == SPEC_DATASET)
		return bind_dataset(run, input, given, &b->pin, err);
	return bind_string(input, given, &b->value, err);
}

static int unknown_input(const struct spec *spec, const char *name, struct error *err)
{
	struct strbuf known = STRBUF_INIT(256);
	int rc;

	for (size_t i = 0; i < spec->n_inputs; i++)
		strbuf_addf(&known, "%s'%s'", i ? ", " : "", spec->inputs[i].name);
	if (spec->n_inputs == 0)
		rc = error_set(err, SLUICE_INVALID,
		               "input '%s' was given, but the workflow has no `inputs:`", name);
	else
		rc = error_set(err, SLUICE_INVALID,
		               "input '%s' was given, but the workflow's inputs are %s", name,
		               strbuf_str(&known));
	strbuf_release(&known);
	return rc;
}

/* First of all: a name that was mistyped is why another one seems to be missing. */
static int check_given(const struct run *run, struct error *err)
{
	const struct spec *spec = run->options->spec;

	for (size_t i = 0; i < run->options->n_given; i++) {
		const char *name = run->options->given[i].name;
		bool known = false;

		for (size_t k = 0; k < spec->n_inputs; k++)
			known |= strcmp(spec->inputs[k].name, name) == 0;
		if (!known)
			return unknown_input(spec, name, err);
	}
	return 0;
}

static int bind_inputs(struct run *run, struct error *err)
{
	const struct spec *spec = run->options->spec;
	struct map given = MAP_INIT;
	int rc = check_given(run, err);

	run->bindings = xcalloc(spec->n_inputs, sizeof *run->bindings);
	for (size_t i = 0; i < run->options->n_given; i++) /* the last one wins */
		(void)map_set(&given, run->options->given[i].name, (void *)(uintptr_t)(i + 1));
	for (size_t i = 0; rc == 0 && i < spec->n_inputs; i++) {
		size_t at = (size_t)(uintptr_t)map_find(&given, spec->inputs[i].name);

		rc = bind_input(run, i, at ? &run->options->given[at - 1] : NULL, err);
	}
	map_release(&given, NULL);
	return rc;
}

static int resolve_output(struct run *run, const struct spec_job *job,
                          const struct spec_output *output, struct error *err)
{
	const char *text = output->ref.text;
	struct target *target;
	int rc;

	if (output->type != SPEC_DATASET || map_find(&run->targets, text))
		return 0;
	target = xcalloc(1, sizeof *target);
	rc = datasets_find(run->datasets, text, &target->dataset, err);
	if (rc == SLUICE_NOT_FOUND && run->options->create_datasets) {
		target->is_new = true;
		rc = 0;
	}
	if (rc < 0) {
		free(target);
		return error_wrap(err, "output '%s' of job '%s'", output->name, job->id);
	}
	(void)map_set(&run->targets, text, target);
	return 0;
}

static int resolve_input(struct run *run, const struct spec_job *job,
                         const struct spec_input *input, struct error *err)
{
	struct pin *pin;

	if (input->source != SPEC_INLINE || input->type != SPEC_DATASET)
		return 0;
	if (pin_ref(run, input->ref.text, &pin, err) < 0)
		return error_wrap(err, "input '%s' of job '%s'", input->name, job->id);
	return 0;
}

static int resolve_job(struct run *run, const struct spec_job *job, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < job->n_inputs; i++)
		rc = resolve_input(run, job, &job->inputs[i], err);
	for (size_t i = 0; rc == 0 && i < job->n_outputs; i++)
		rc = resolve_output(run, job, &job->outputs[i], err);
	return rc;
}

/* All that are missing, in one go. */
static int check_secrets(const struct run *run, struct error *err)
{
	const struct spec *spec = run->options->spec;
	struct strbuf names = STRBUF_INIT(512);
	struct map missing = MAP_INIT;
	int rc = 0;

	for (size_t i = 0; i < spec->n_jobs; i++)
		for (size_t k = 0; k < spec->jobs[i]->n_env; k++) {
			const char *name = spec_secret_name(spec->jobs[i]->env[k].value);

			if (!name || map_find(run->options->secrets, name) ||
			    map_set(&missing, name, run->jobs))
				continue;
			strbuf_addf(&names, "%s'%s'", missing.len > 1 ? ", " : "", name);
		}
	if (missing.len > 0)
		rc = error_set(err, SLUICE_INVALID,
		               "secret%s %s not given: use --secret NAME=VALUE, --secret-env NAME "
		               "or --env-file FILE",
		               missing.len > 1 ? "s" : "", strbuf_str(&names));
	map_release(&missing, NULL);
	strbuf_release(&names);
	return rc;
}

static int check_secret_lengths(const struct run *run, struct error *err)
{
	const struct spec *spec = run->options->spec;

	for (size_t i = 0; i < spec->n_jobs; i++)
		for (size_t k = 0; k < spec->jobs[i]->n_env; k++) {
			const struct spec_env *env = &spec->jobs[i]->env[k];
			const char *name = spec_secret_name(env->value);

			if (name &&
			    !action_variable_fits(env->name, map_find(run->options->secrets, name)))
				return error_set(err, SLUICE_INVALID,
				                 "secret '%s' is too long for variable '%s' of job "
				                 "'%s': Linux hands a program no more than 131,071 "
				                 "bytes as one variable",
				                 name, env->name, spec->jobs[i]->id);
		}
	return 0;
}

int run_check_steps(const struct run *run, struct error *err)
{
	const struct spec *spec = run->options->spec;

	for (size_t i = 0; i < spec->n_jobs; i++) {
		struct action_step *step;
		int rc = action_build(spec->jobs[i], &run->options->context, &step, err);

		if (rc < 0)
			return rc;
		action_step_free(step);
	}
	return 0;
}

int run_resolve(struct run *run, struct error *err)
{
	const struct spec *spec = run->options->spec;
	int rc = bind_inputs(run, err);

	if (rc == 0)
		rc = check_secrets(run, err);
	if (rc == 0)
		rc = check_secret_lengths(run, err);
	if (rc == 0)
		rc = run_check_steps(run, err);
	for (size_t i = 0; rc == 0 && i < spec->n_jobs; i++)
		rc = resolve_job(run, spec->jobs[i], err);
	return rc;
}

int run_find_or_create(struct run *run, const char *name, struct dataset *ret_dataset,
                       bool *ret_made, struct error *err)
{
	const char *bare = strchr(name, '/') ? strchr(name, '/') + 1 : name;
	bool is_id = id_is_dataset(bare);
	int rc = datasets_find(run->datasets, name, ret_dataset, err);

	*ret_made = false;
	if (rc != SLUICE_NOT_FOUND || !run->options->create_datasets)
		return rc;
	rc = datasets_create(run->datasets, is_id ? NULL : bare, "", is_id ? bare : NULL,
	                     ret_dataset, err);
	if (rc == SLUICE_EXISTS) /* another process was faster */
		return datasets_find(run->datasets, name, ret_dataset, err);
	*ret_made = rc == 0;
	return rc;
}

int run_resolve_start(struct run *run, struct error *err)
{
	const char *name;
	size_t pos = 0;
	void *value;

	while ((name = map_next(&run->targets, &pos, &value)) != NULL) {
		struct target *target = value;
		int rc;

		if (!target->is_new)
			continue;
		rc = run_find_or_create(run, name, &target->dataset, &target->is_new, err);
		if (rc < 0)
			return error_wrap(err, "cannot create dataset '%s'", name);
		if (target->is_new)
			run_notice(run, "created dataset '%s' (%s)", target->dataset.name,
			           target->dataset.id);
		target->is_new = false;
	}
	return 0;
}

static const struct binding *binding_of(const struct run *run, const struct spec_input *input)
{
	return &run->bindings[input->input - run->options->spec->inputs];
}

struct pin *run_pin(const struct run *run, const struct spec_input *input)
{
	if (input->type != SPEC_DATASET || input->source == SPEC_FROM_JOB)
		return NULL;
	if (input->source == SPEC_FROM_WORKFLOW)
		return binding_of(run, input)->pin;
	return map_find(&run->pins, input->ref.text);
}

const char *run_value(const struct run *run, const struct spec_input *input)
{
	return input->source == SPEC_FROM_WORKFLOW ? binding_of(run, input)->value : input->value;
}

struct image_pin *run_image(const struct run *run, const struct spec_job *job)
{
	const char *name = spec_job_string(job, "image");

	return name ? map_find(&run->images, name) : NULL;
}
