/*
 * From nodes to the model.  A mapping of known keys is read by a table of them; everything that is
 * wrong is said, and reading goes on.
 *
 * Not for users of the library: see spec.h.
 */
#ifndef SPEC_READ_H
#define SPEC_READ_H

#include "spec/arena.h"
#include "spec/diag.h"
#include "spec/node.h"
#include "spec/spec.h"
#include "spec/table.h"

/* What one document may take, twice: for its tree and for its model.  64 MiB of ordinary workflow
 * needs a quarter of it. */
enum { SPEC_MEMORY_MAX = 1024 * 1024 * 1024 };

enum { NAME_MAX_BYTES = 128 };

/* A name that stands for something else until all jobs are known. */
struct pending {
	const char *text;
	struct place at;
	struct spec_input *input; /* of a job; NULL: an item of `needs` */
};

struct pendings {
	struct pending *list;
	size_t n, capacity;
};

/* A job while it is read. */
struct job_draft {
	struct spec_job *job;
	const struct node *key, *body, *with;
	const struct action *action; /* NULL: unknown */
	struct place uses_at;
	bool is_broken;                  /* something was said: what follows from it is not */
	size_t first_pending, n_pending; /* in reader.pendings */
	struct table outputs;            /* to an index in job->outputs; filled when first asked */
};

struct reader {
	struct arena *model, *scratch;
	struct diags *diags;
	struct spec *spec;
	const struct node *jobs_at; /* read last, since jobs look at `defaults` */
	struct job_draft *jobs;     /* spec->n_jobs of them */
	struct table job_names;     /* to an index in jobs */
	struct table input_names;   /* of the workflow: to an index in spec->inputs */
	const struct spec_env *env; /* of `defaults` */
	size_t n_env;
	struct spec_resources resources; /* of `defaults` */
	struct pendings pendings;
};

struct shape;

struct key {
	const char *name;
	const char *help;          /* for who looks at it in an editor; NULL: it is always wrong */
	const char *type;          /* what the value is: a name of schema.c, or NULL: see `shape` */
	const struct shape *shape; /* a mapping of known keys */
	/* NULL: the value is read by its shape, into the same target. */
	void (*read)(struct reader *r, const struct node *key, const struct node *value,
	             void *target);
};

/* A key that people write where it has no meaning, and what to do instead. */
struct stray {
	const char *name, *hint;
};

/* What a mapping may hold. */
struct shape {
	const char *what; /* "a job": for messages */
	const struct key *keys;
	size_t n_keys;
	const struct stray *strays;
	size_t n_strays;
	bool is_needed;   /* nothing at all does not stand for an empty one */
	const char *rule; /* what else must hold, for schema.c: JSON with ' for ", or NULL */
};

/* What schema.c prints: the whole language, in workflow.c, job.c and typed.c. */
extern const struct shape workflow_shape, job_shape, workflow_input_shape, job_input_shape;
extern const struct shape output_shape, job_resources_shape, default_resources_shape;

/* Reads each entry of NODE (nothing, if it is null) into TARGET. */
void read_shape(struct reader *r, const struct node *node, const struct shape *shape, void *target);

/* Is NODE a mapping?  Says so if not, unless it is null, which stands for an empty one. */
bool read_is_map(struct reader *r, const struct node *node, const char *what);

/* Takes out keys that a later one replaces, with a warning.  Keys that are no scalars are said. */
void read_drop_doubles(struct reader *r, const struct node *map);

/* Entry I of a map; false if it was dropped. */
bool read_entry(const struct node *map, size_t i, const struct node **ret_key,
                const struct node **ret_value);

/* The value of a key, or NULL.  For maps of a few keys. */
const struct node *read_find(const struct node *map, const char *name);

/* The string, or NULL after saying that WHAT must be one. */
const char *read_string(struct reader *r, const struct node *node, const char *what);

/* A list of strings; false after saying what is wrong. */
bool read_strings(struct reader *r, const struct node *node, const char *what,
                  const char *const **ret_list, size_t *ret_n);

/* Names of jobs, inputs and outputs become names of directories. */
bool read_check_name(struct reader *r, const struct node *node, const char *what);

/* Plain decimals only, and independent of the locale; NAN: something else. */
double read_decimal(const char *text);

/* A number of seconds. */
void read_timeout(struct reader *r, const struct node *value, double *ret_seconds,
                  struct spec_mark *ret_at);

/* Environment variables, laid over BASE. */
void read_env(struct reader *r, const struct node *node, const struct spec_env *base, size_t n_base,
              const struct spec_env **ret_env, size_t *ret_n);

/* ref.c: [ namespace "/" ] dataset [ ":" point ].  False after saying what is wrong. */
bool read_ref(struct reader *r, const struct node *node, struct spec_ref *ret_ref);

/* Says which references of the whole document differ in their namespaces alone. */
void check_namespaces(struct reader *r);

/* typed.c: inputs and outputs. */
void read_workflow_inputs(struct reader *r, const struct node *node);
void read_job_inputs(struct reader *r, const struct node *node, struct spec_job *job);
void read_job_outputs(struct reader *r, const struct node *node, struct spec_job *job);
void read_given(struct reader *r, const struct node *key, const struct node *node,
                struct spec_given *ret_given);

/* resources.c: laid over what *RET holds. */
void read_job_resources(struct reader *r, const struct node *key, const struct node *value,
                        struct spec_resources *ret);

/* job.c */
void read_jobs(struct reader *r, const struct node *node);
void read_pending(struct reader *r, const struct node *node, struct spec_input *input);

/* workflow.c: everything, from the root. */
void read_workflow(struct reader *r, const struct node *root);

/* check.c: what only the whole tells: references, needs, cycles, what actions ask of a job. */
void check_workflow(struct reader *r);

#endif
