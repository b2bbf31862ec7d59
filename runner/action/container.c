/* container@v1: `image`, with `command` in the place of its entrypoint and `args` of its cmd. */
#include "action/internal.h"

static int build(const struct spec_job *job, const struct action_context *context,
                 struct action_step *step, struct error *err)
{
	const struct spec_param *command = spec_job_param(job, "command");
	const struct spec_param *args = spec_job_param(job, "args");

	(void)context;
	(void)err;
	step->root = ROOT_IMAGE;
	step->image = spec_job_string(job, "image");
	if (command)
		step->entrypoint = action_list(command->value, command->n);
	if (args)
		step->args = action_list(args->value, args->n);
	return 0;
}

const struct action action_container = { .name = "container", .build = build };
