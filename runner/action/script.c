/*
 * script@v1: the text of `script` run by the image's bash, without -e, from a file: a command line
 * could not hold more than 128 KiB of it.
 */
#include "action/internal.h"

static int build(const struct spec_job *job, const struct action_context *context,
                 struct action_step *step, struct error *err)
{
	static const char *const bash[] = { "bash", REQUEST_SCRIPT_PATH };

	(void)context;
	(void)err;
	step->root = ROOT_IMAGE;
	step->image = spec_job_string(job, "image");
	step->script = spec_job_string(job, "script");
	step->entrypoint = action_list(bash, 2);
	return 0;
}

const struct action action_script = { .name = "script", .build = build };
