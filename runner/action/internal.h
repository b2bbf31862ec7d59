/* What the actions share; seen in this folder only. */
#ifndef ACTION_INTERNAL_H
#define ACTION_INTERNAL_H

#include "action/action.h"

struct action {
	const char *name;
	const char *tool; /* a program of this machine that it runs, or NULL */
	int (*build)(const struct spec_job *job, const struct action_context *context,
	             struct action_step *step, struct error *err);
};

extern const struct action action_container, action_script, action_git_checkout;

/* Makes a NULL-terminated list of borrowed strings; the step owns the list. */
const char **action_list(const char *const *value, size_t n);

/* Gives a made string to the step, and returns it. */
const char *action_keep(struct action_step *step, char *made /* takes */);

#endif
