#include "base/yaml_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/xalloc.h"

/* What is open: a mapping or a list, and of a mapping the key whose value comes next. */
struct level {
	cJSON *into;
	char *key;
};

struct reading {
	yaml_parser_t parser;
	const char *path;
	struct level open[YAML_JSON_DEPTH_MAX];
	size_t depth;
	cJSON *root;
	struct error *err;
};

static int invalid(struct reading *r, const yaml_mark_t *at, const char *what)
{
	return error_set(r->err, SLUICE_INVALID, "%s:%zu: %s", r->path, at->line + 1, what);
}

/* --- values ----------------------------------------------------------------------------------- */

static bool parse_whole(const char *text, uint64_t *ret_value)
{
	static const struct {
		const char *prefix;
		int base;
	} bases[] = { { "0x", 16 }, { "0o", 8 }, { "0", 8 } };
	static const uint64_t max = UINT64_C(1) << 53;

	for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
		size_t len = strlen(bases[i].prefix);
		const char *digits = text + len;
		char *end;

		if (strncmp(text, bases[i].prefix, len) != 0 || !*digits)
			continue;
		if (strspn(digits, "0123456789abcdefABCDEF") != strlen(digits))
			return false;
		errno = 0;
		*ret_value = strtoull(digits, &end, bases[i].base);
		return errno == 0 && !*end && *ret_value <= max;
	}
	return parse_u64(text, max, ret_value);
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static cJSON *plain(const char *text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };
	uint64_t whole;

	if (is_one_of(text, nulls))
		return cJSON_CreateNull();
	if (is_one_of(text, trues))
		return cJSON_CreateTrue();
	if (is_one_of(text, falses))
		return cJSON_CreateFalse();
	if (parse_whole(text, &whole))
		return cJSON_CreateNumber((double)whole);
	return cJSON_CreateString(text);
}

/* --- where they go ---------------------------------------------------------------------------- */

static void put(struct reading *r, cJSON *value /* takes */)
{
	struct level *top = r->depth > 0 ? &r->open[r->depth - 1] : NULL;

	if (!top) {
		r->root = value;
	} else if (top->key) {
		json_add(top->into, top->key, value);
		free(top->key);
		top->key = NULL;
	} else {
		json_push(top->into, value);
	}
}

static bool wants_key(const struct reading *r)
{
	return r->depth > 0 && cJSON_IsObject(r->open[r->depth - 1].into) &&
	       !r->open[r->depth - 1].key;
}

static int take_scalar(struct reading *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (strlen(text) != event->data.scalar.length)
		return invalid(r, &event->start_mark, "a NUL byte has no place here");
	if (wants_key(r))
		r->open[r->depth - 1].key = xstrdup(text);
	else
		put(r, is_plain ? plain(text) : cJSON_CreateString(text));
	return 0;
}

static int begin(struct reading *r, const yaml_event_t *event, cJSON *made /* takes */)
{
	if (wants_key(r) || r->depth == YAML_JSON_DEPTH_MAX) {
		cJSON_Delete(made);
		return invalid(r, &event->start_mark,
		               wants_key(r) ? "a key must be text" : "this is nested too deeply");
	}
	put(r, made);
	r->open[r->depth++] = (struct level){ .into = made };
	return 0;
}

static int take(struct reading *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return take_scalar(r, event);
	case YAML_MAPPING_START_EVENT:
		return begin(r, event, json_new_obj());
	case YAML_SEQUENCE_START_EVENT:
		return begin(r, event, json_new_arr());
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		r->depth--;
		return 0;
	case YAML_ALIAS_EVENT:
		return invalid(r, &event->start_mark, "an alias has no place here");
	case YAML_DOCUMENT_START_EVENT:
		return r->root ? invalid(r, &event->start_mark, "one document is enough") : 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return 0;
}

static int read_all(struct reading *r)
{
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(&r->parser, &event))
			return invalid(r, &r->parser.problem_mark,
			               r->parser.problem ? r->parser.problem : "this is no YAML");
		rc = take(r, &event);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return rc;
}

int yaml_to_json(const char *text, size_t len, const char *path, cJSON **ret_doc, struct error *err)
{
	struct reading r = { .path = path, .err = err };
	int rc;

	if (!yaml_parser_initialize(&r.parser))
		return error_sys(err, ENOMEM, "cannot read '%s'", path);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	rc = read_all(&r);
	yaml_parser_delete(&r.parser);
	while (r.depth > 0)
		free(r.open[--r.depth].key);
	if (rc == 0 && !r.root)
		rc = error_set(err, SLUICE_INVALID, "%s is empty", path);
	if (rc < 0)
		cJSON_Delete(r.root);
	else
		*ret_doc = r.root;
	return rc;
}
