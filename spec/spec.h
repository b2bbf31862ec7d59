/*
 * The Gradient workflow language as a pure library: text in, checked model or diagnostics out.
 * No file, no socket, no clock, no global.  Needs libc and libyaml only.  Any thread; one
 * document is used by one thread while it is parsed, by any number once it stands.
 *
 *	struct spec_doc *doc = spec_parse(text, len);        NULL: out of memory
 *	for (size_t i = 0; i < doc->n_diags; i++)
 *		... spec_diag_format(&source, &doc->diags[i]) ...
 *	if (doc->spec)                                       NULL: there was an error
 *		... use it; everything in it lives until ...
 *	spec_doc_free(doc);
 *
 * Limits: 64 MiB of text, depth 64, aliases expanded to at most ten times the source's nodes plus
 * 10,000; more is a diagnostic.
 */
#ifndef SPEC_SPEC_H
#define SPEC_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in the text; both from 1.  The column counts characters, not bytes. */
struct spec_mark {
	uint32_t line, column;
};

enum spec_severity { SPEC_ERROR, SPEC_WARNING };

struct spec_diag {
	enum spec_severity severity;
	struct spec_mark at;
	uint32_t width;      /* characters under the caret line, at least 1 */
	const char *message; /* one sentence, no full stop, untrusted text already made printable */
	const char *hint;    /* the way out, or NULL */
};

enum spec_type { SPEC_DATASET, SPEC_STRING, SPEC_VOLUME };

/* [ namespace "/" ] dataset [ ":" point ].  Two of one document that differ in their namespaces
 * alone are an error, since no namespace tells datasets apart. */
struct spec_ref {
	const char *text;      /* as written */
	const char *namespace; /* or NULL */
	const char *dataset;   /* a name or an id */
	const char *point;     /* a version id, a tag or "latest"; NULL means latest */
	struct spec_mark at;
};

enum spec_source {
	SPEC_INLINE,        /* `ref` or `value` stands here (or is missing: `given` is false) */
	SPEC_FROM_WORKFLOW, /* workflow.inputs.NAME: see `input` */
	SPEC_FROM_JOB,      /* JOB.outputs.NAME: see `job`, `output` */
};

struct spec_output {
	const char *name;
	enum spec_type type;
	struct spec_ref ref; /* datasets only; a point never stands here */
	struct spec_mark at;
};

/* A workflow input (always SPEC_INLINE) or a job's. */
struct spec_input {
	const char *name;
	enum spec_type type;
	enum spec_source source;
	bool optional;
	bool given;                       /* SPEC_INLINE: a ref or value is there */
	struct spec_ref ref;              /* SPEC_INLINE dataset */
	const char *value;                /* SPEC_INLINE string */
	const struct spec_input *input;   /* SPEC_FROM_WORKFLOW */
	const struct spec_job *job;       /* SPEC_FROM_JOB */
	const struct spec_output *output; /* SPEC_FROM_JOB */
	struct spec_mark at;
};

/* An environment variable; the value may be `secret:NAME`, see spec_secret_name(). */
struct spec_env {
	const char *name, *value;
	struct spec_mark at;
};

/* One parameter of an action: a string (n == 1, !is_list) or a list of strings. */
struct spec_param {
	const char *name;
	bool is_list;
	size_t n;
	const char *const *value; /* n strings */
	struct spec_mark at;      /* of the value */
};

/* What a job runs on: each its own, else that of `defaults`.  0: it is not said. */
struct spec_resources {
	const char *instance_type; /* any name, or NULL */
	uint64_t cpu_milli;        /* thousandths of a core */
	uint64_t memory, shm_size; /* bytes */
	bool has_gpus;             /* a number of them is given, and be it 0 */
	uint64_t gpus;
	struct spec_mark cpus_at, memory_at, gpus_at, shm_size_at;
};

struct spec_job {
	const char *id;
	size_t index;       /* its place in spec->jobs: the order in the file */
	const char *action; /* "script", a known one */
	unsigned version;   /* 1 */
	const struct spec_param *params;
	size_t n_params;
	const struct spec_job *const *needs; /* each once, in order; implied ones last */
	size_t n_needs;
	const struct spec_input *inputs;
	size_t n_inputs;
	const struct spec_output *outputs;
	size_t n_outputs;
	const struct spec_env *env; /* defaults.env is merged in already; the job's own wins */
	size_t n_env;
	struct spec_resources resources;
	bool no_network; /* whatever the run's is */
	double timeout;  /* seconds; 0: none.  `timeout_at` says where it stands */
	struct spec_mark at, uses_at, timeout_at;
};

struct spec {
	const struct spec_job *const *jobs;
	size_t n_jobs;
	const struct spec_input *inputs;
	size_t n_inputs;
	const char *cluster_id;        /* or NULL */
	const char *const *registries; /* defaults.resources.container-registries */
	size_t n_registries;
	const char *event_url, *event_ref; /* context.event.github.*, or NULL */
	bool has_trigger;                  /* `on` is there; kept, not acted on by a local run */
	double timeout;
	struct spec_mark timeout_at;
};

struct spec_doc {
	const struct spec *spec;       /* NULL if any diagnostic is an error */
	const struct spec_diag *diags; /* in order of place */
	size_t n_diags;
	size_t n_errors, n_warnings; /* found; of very many, not all are listed */
};

struct spec_doc *spec_parse(const char *text, size_t len);
void spec_doc_free(struct spec_doc *doc); /* takes NULL */

/*
 * A text that diagnostics are shown from.  It remembers how far its lines are counted, so that
 * many diagnostics in order of place cost one walk over it together.
 *
 *	struct spec_text source = { .file = "w.yaml", .text = text, .len = len };
 *	for each diagnostic: shown = spec_diag_format(&source, diag)
 */
struct spec_text {
	const char *file, *text; /* all kept */
	size_t len;
	uint32_t line;      /* where the last one stood; 0: nothing is counted yet */
	size_t line_at;     /* the offset at which this line begins, ... */
	size_t skipped, at; /* ... characters of it that are counted, and the offset after them */
};

/*
 * "FILE:LINE:COL: error: MESSAGE", the source line with a caret under the place, and the hint:
 * several lines, each ended by a newline, in 80 columns where the message is short enough.  Tabs
 * and wide characters come out right; long lines are cut around the place.  The caller frees it;
 * NULL when memory is gone.
 */
char *spec_diag_format(struct spec_text *source, const struct spec_diag *diag);

/*
 * A JSON Schema (2020-12) of workflows, for editors; the caller frees it.  It refuses what is wrong
 * with the shape of a document; what its names refer to only spec_parse() knows.  NULL: no memory.
 */
char *spec_schema(void);

/* The document as JSON: a key that stands twice counts once, aliases are written out, and what YAML
 * takes for a number or a boolean is one, where JSON can say it.  NULL if it is no YAML or memory
 * is gone; the caller frees it. */
char *spec_json(const char *text, size_t len);

/* The inputs of one run (`--inputs FILE`): Gradient's form, also inside an outer `inputs:`, also
 * with `{type, with: {...}}`.  Diagnostics as above; `given` is NULL if there is an error. */
struct spec_given {
	const char *name;
	const char *value; /* a string's value, or NULL */
	const char *ref;   /* a dataset reference, or NULL */
	struct spec_mark at;
};

struct spec_inputs_doc {
	const struct spec_given *given;
	size_t n_given;
	const struct spec_diag *diags;
	size_t n_diags;
	size_t n_errors, n_warnings;
};

struct spec_inputs_doc *spec_parse_inputs(const char *text, size_t len);
void spec_inputs_doc_free(struct spec_inputs_doc *doc);

/* NAME if the value is `secret:NAME`, else NULL; points into the value. */
const char *spec_secret_name(const char *value);

/* The parameter, or NULL. */
const struct spec_param *spec_job_param(const struct spec_job *job, const char *name);

/* The only string of a parameter, or NULL if it is absent. */
const char *spec_job_string(const struct spec_job *job, const char *name);

const char *spec_type_name(enum spec_type type); /* "dataset", ... */

#endif
