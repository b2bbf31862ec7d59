#include "spec/spec.h"

#include <string.h>

#include "spec/parse.h"
#include "spec/read.h"

struct spec_file {
	struct spec_doc doc; /* first: it stands for the whole */
	struct arena model;
};

struct inputs_file {
	struct spec_inputs_doc doc;
	struct arena model;
};

/* What both parsers do around their own reading. */
struct session {
	struct arena *model;
	struct arena scratch;
	struct diags diags;
};

static void session_begin(struct session *s, const struct spec_allocator *allocator,
                          struct arena *model)
{
	s->model = model;
	arena_init(model, allocator, SPEC_MEMORY_MAX);
	arena_init(&s->scratch, allocator, SPEC_MEMORY_MAX);
	diags_init(&s->diags, model);
}

/* False: memory is gone. */
static bool session_end(struct session *s)
{
	static const struct place start = { { 1, 1 }, 1 };
	enum { RESERVE = 1024 * 1024 };
	bool too_big = s->scratch.fault == ARENA_TOO_BIG || s->model->fault == ARENA_TOO_BIG;
	bool no_memory = s->scratch.fault == ARENA_NO_MEMORY || s->model->fault == ARENA_NO_MEMORY;

	arena_release(&s->scratch);
	if (no_memory)
		return false;
	if (too_big) {
		s->model->fault = ARENA_FINE;
		s->model->room += RESERVE;
		diag_error(&s->diags, start, NULL, "the document needs more than %d MiB of memory",
		           SPEC_MEMORY_MAX / 1024 / 1024);
	}
	return true;
}

static struct spec *read_spec(struct session *s, const char *text, size_t len)
{
	struct reader r = { .model = s->model, .scratch = &s->scratch, .diags = &s->diags };
	const struct node *root = NULL;

	r.spec = arena_alloc(s->model, sizeof(*r.spec));
	if (!r.spec || !node_parse(text, len, &s->diags, &s->scratch, &root))
		return NULL;
	table_init(&r.job_names, &s->scratch);
	table_init(&r.input_names, &s->scratch);
	read_workflow(&r, root);
	if (!s->model->fault && !s->scratch.fault)
		check_workflow(&r);
	return r.spec;
}

struct spec_doc *spec_parse_with(const struct spec_allocator *allocator, const char *text,
                                 size_t len)
{
	struct spec_file *file = allocator->alloc(allocator->context, sizeof(*file));
	struct session s;
	struct spec *spec = NULL;

	if (!file)
		return NULL;
	memset(file, 0, sizeof(*file));
	session_begin(&s, allocator, &file->model);
	spec = read_spec(&s, text, len);
	if (session_end(&s))
		file->doc.diags = diags_finish(&s.diags, &file->doc.n_diags);
	if (file->model.fault || s.scratch.fault == ARENA_NO_MEMORY) {
		spec_doc_free(&file->doc);
		return NULL;
	}
	file->doc.n_errors = s.diags.n_errors;
	file->doc.n_warnings = s.diags.n_warnings;
	file->doc.spec = s.diags.n_errors == 0 ? spec : NULL;
	return &file->doc;
}

struct spec_doc *spec_parse(const char *text, size_t len)
{
	return spec_parse_with(&spec_allocator_default, text, len);
}

void spec_doc_free(struct spec_doc *doc)
{
	struct spec_file *file = (struct spec_file *)doc;

	if (!file)
		return;
	arena_release(&file->model);
	file->model.allocator->free(file->model.allocator->context, file);
}

/* `inputs:` around everything, as in the service's request; an input of that name has no mappings
 * one level down. */
static const struct node *inside_inputs(const struct node *root)
{
	const struct node *key = NULL, *value = NULL;

	if (root->n != 1 || !read_entry(root, 0, &key, &value) ||
	    strcmp(key->text, "inputs") != 0 || value->kind != NODE_MAP)
		return root;
	for (size_t i = 0; i < value->n; i++)
		if (value->items[2 * i + 1].kind != NODE_MAP)
			return root;
	return value;
}

static void read_inputs(struct session *s, const char *text, size_t len,
                        struct spec_inputs_doc *doc)
{
	struct reader r = { .model = s->model, .scratch = &s->scratch, .diags = &s->diags };
	struct spec_given *given = NULL;
	const struct node *root = NULL;

	if (!node_parse(text, len, &s->diags, &s->scratch, &root) || !root ||
	    !read_is_map(&r, root, "the inputs of a run"))
		return;
	root = inside_inputs(root);
	read_drop_doubles(&r, root);
	given = arena_array(s->model, root->n, sizeof(*given));
	if (!given)
		return;
	for (size_t i = 0; i < root->n; i++) {
		const struct node *key = NULL, *value = NULL;

		if (read_entry(root, i, &key, &value))
			read_given(&r, key, value, &given[doc->n_given++]);
	}
	doc->given = given;
}

struct spec_inputs_doc *spec_parse_inputs_with(const struct spec_allocator *allocator,
                                               const char *text, size_t len)
{
	struct inputs_file *file = allocator->alloc(allocator->context, sizeof(*file));
	struct session s;

	if (!file)
		return NULL;
	memset(file, 0, sizeof(*file));
	session_begin(&s, allocator, &file->model);
	read_inputs(&s, text, len, &file->doc);
	if (session_end(&s))
		file->doc.diags = diags_finish(&s.diags, &file->doc.n_diags);
	if (file->model.fault || s.scratch.fault == ARENA_NO_MEMORY) {
		spec_inputs_doc_free(&file->doc);
		return NULL;
	}
	file->doc.n_errors = s.diags.n_errors;
	file->doc.n_warnings = s.diags.n_warnings;
	if (file->doc.n_errors > 0) {
		file->doc.given = NULL;
		file->doc.n_given = 0;
	}
	return &file->doc;
}

struct spec_inputs_doc *spec_parse_inputs(const char *text, size_t len)
{
	return spec_parse_inputs_with(&spec_allocator_default, text, len);
}

void spec_inputs_doc_free(struct spec_inputs_doc *doc)
{
	struct inputs_file *file = (struct inputs_file *)doc;

	if (!file)
		return;
	arena_release(&file->model);
	file->model.allocator->free(file->model.allocator->context, file);
}

const char *spec_secret_name(const char *value)
{
	return strncmp(value, "secret:", 7) == 0 && value[7] ? value + 7 : NULL;
}

const struct spec_param *spec_job_param(const struct spec_job *job, const char *name)
{
	for (size_t i = 0; i < job->n_params; i++)
		if (strcmp(job->params[i].name, name) == 0)
			return &job->params[i];
	return NULL;
}

const char *spec_job_string(const struct spec_job *job, const char *name)
{
	const struct spec_param *param = spec_job_param(job, name);

	return param && param->n == 1 ? param->value[0] : NULL;
}
