/* The actions that `uses` may name, and their parameters. */
#ifndef SPEC_ACTION_H
#define SPEC_ACTION_H

#include "spec/read.h"

struct action;
struct out;

/* Reads `uses`; sets the draft's action if it is known. */
void action_read_uses(struct reader *r, const struct node *value, struct job_draft *draft);

/* Reads `with`, which may be missing. */
void action_read_with(struct reader *r, struct job_draft *draft);

/* What the action asks of the job's inputs and outputs, once all references are known. */
void action_check(struct reader *r, const struct job_draft *draft);

/* Prints what schema.c calls "action", "parameter", "model-type" and "parameters-of-actions". */
void action_print_schema(struct out *out);

#endif
