#include "base/config_registries.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "base/wipe.h"
#include "base/xalloc.h"

enum { SHOWN_KEY = 64 };

struct reading {
	yaml_parser_t *parser;
	const char *path;
	struct config_registries *list;
	struct config_registry *registry; /* the entry that is being read */
	struct error *err;
};

static int invalid(const struct reading *r, yaml_mark_t at, const char *what)
{
	return error_set(r->err, SLUICE_INVALID, "%s:%zu: registries: %s", r->path, at.line + 1,
	                 what);
}

static int next_event(struct reading *r, yaml_event_t *event)
{
	if (yaml_parser_parse(r->parser, event))
		return 0;
	return invalid(r, r->parser->problem_mark,
	               r->parser->problem ? r->parser->problem : "this is no YAML");
}

/* --- values ----------------------------------------------------------------------------------- */

/* Each returns NULL, or what the key takes. */
static const char *set_text(char **at, const char *value)
{
	free(*at);
	*at = xstrdup(value);
	return value[0] ? NULL : "something";
}

/* "host[:port][/path]", as it is written in front of an image's name. */
static const char *set_location(char **at, const char *value)
{
	static const char takes[] = "HOST[:PORT][/PATH], without https:// and a slash at the end";
	size_t len = strlen(value);

	if (len == 0 || strstr(value, "//") || value[0] == '/' || value[len - 1] == '/' ||
	    value[strcspn(value, " \t\n@?#")])
		return takes;
	return set_text(at, value);
}

static const char *set_path(char **at, const char *value)
{
	return value[0] == '/' ? set_text(at, value) : "an absolute path";
}

static const char *set_bool(bool *at, const char *value)
{
	*at = strcasecmp(value, "true") == 0;
	return *at || strcasecmp(value, "false") == 0 ? NULL : "true or false";
}

/* The keys of an entry and of a mirror; *ret_known says whether there is one of that name. */
static const char *set_place(struct config_place *p, const char *key, const char *value,
                             bool *ret_known)
{
	*ret_known = true;
	if (strcmp(key, "location") == 0)
		return set_location(&p->location, value);
	if (strcmp(key, "insecure") == 0)
		return set_bool(&p->insecure, value);
	if (strcmp(key, "ca") == 0)
		return set_path(&p->ca, value);
	if (strcmp(key, "user") == 0)
		return set_text(&p->user, value);
	if (strcmp(key, "password") == 0)
		return set_text(&p->password, value);
	*ret_known = false;
	return NULL;
}

static const char *set_registry(struct config_registry *e, const char *key, const char *value,
                                bool *ret_known)
{
	*ret_known = true;
	if (strcmp(key, "prefix") == 0)
		return set_location(&e->prefix, value);
	if (strcmp(key, "name") == 0)
		return set_text(&e->name, value);
	if (strcmp(key, "blocked") == 0)
		return set_bool(&e->blocked, value);
	return set_place(&e->place, key, value, ret_known);
}

static int say(const struct reading *r, yaml_mark_t at, const char *key, const char *takes)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);

	strbuf_addstr(&text, takes ? "'" : "there is no key '");
	strbuf_addprintable(&text, key, SHOWN_KEY);
	strbuf_addstr(&text, takes ? "' must be " : "'");
	strbuf_addstr(&text, takes ? takes : "");
	return invalid(r, at, strbuf_str(&text));
}

/* --- reading ---------------------------------------------------------------------------------- */

/* `mirror` NULL: of the entry itself. */
static int set(struct reading *r, struct config_place *mirror, const char *key,
               const yaml_event_t *value)
{
	const char *text = (const char *)value->data.scalar.value;
	bool known = false;
	const char *takes = mirror ? set_place(mirror, key, text, &known)
	                           : set_registry(r->registry, key, text, &known);

	return known && !takes ? 0 : say(r, value->start_mark, key, known ? takes : NULL);
}

static int read_mirrors(struct reading *r);

/* One key and its value; `event` is the key's. */
static int read_pair(struct reading *r, struct config_place *mirror, const yaml_event_t *event)
{
	const char *key = (const char *)event->data.scalar.value;
	yaml_event_t value;
	int rc = next_event(r, &value);

	if (rc != 0)
		return rc;
	if (value.type == YAML_SCALAR_EVENT)
		rc = set(r, mirror, key, &value);
	else if (value.type == YAML_SEQUENCE_START_EVENT && !mirror && strcmp(key, "mirrors") == 0)
		rc = read_mirrors(r);
	else
		rc = say(r, value.start_mark, key, "a plain value");
	yaml_event_delete(&value);
	return rc;
}

/* Behind the start of a mapping, to its end. */
static int read_mapping(struct reading *r, struct config_place *mirror)
{
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end) {
		yaml_event_t event;

		rc = next_event(r, &event);
		if (rc != 0)
			break;
		end = event.type == YAML_MAPPING_END_EVENT;
		if (event.type == YAML_SCALAR_EVENT)
			rc = read_pair(r, mirror, &event);
		else if (!end)
			rc = invalid(r, event.start_mark, "a key is expected here");
		yaml_event_delete(&event);
	}
	return rc;
}

/* Behind the start of a list of mappings, to its end. */
static int read_list(struct reading *r, int (*item)(struct reading *r, yaml_mark_t at))
{
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end) {
		yaml_event_t event;

		rc = next_event(r, &event);
		if (rc != 0)
			break;
		end = event.type == YAML_SEQUENCE_END_EVENT;
		if (event.type == YAML_MAPPING_START_EVENT)
			rc = item(r, event.start_mark);
		else if (!end)
			rc = invalid(r, event.start_mark, "a mapping is expected here");
		yaml_event_delete(&event);
	}
	return rc;
}

static int check_login(struct reading *r, const struct config_place *p, yaml_mark_t at)
{
	if (!p->user == !p->password)
		return 0;
	return invalid(r, at, "'user' and 'password' belong together");
}

static int read_mirror(struct reading *r, yaml_mark_t at)
{
	struct config_registry *e = r->registry;
	struct config_place *mirror;
	int rc;

	e->mirrors = xgrow(e->mirrors, e->n_mirrors, &e->cap_mirrors, sizeof *e->mirrors);
	mirror = &e->mirrors[e->n_mirrors++];
	*mirror = (struct config_place){ .insecure = false };
	rc = read_mapping(r, mirror);
	if (rc == 0 && !mirror->location)
		rc = invalid(r, at, "a mirror has a 'location'");
	return rc == 0 ? check_login(r, mirror, at) : rc;
}

static int read_mirrors(struct reading *r)
{
	return read_list(r, read_mirror);
}

static int read_registry(struct reading *r, yaml_mark_t at)
{
	struct config_registries *list = r->list;
	int rc;

	list->at = xgrow(list->at, list->n, &list->cap, sizeof *list->at);
	r->registry = &list->at[list->n++];
	*r->registry = (struct config_registry){ .prefix = NULL };
	rc = read_mapping(r, NULL);
	if (rc == 0 && !r->registry->prefix && r->registry->place.location)
		r->registry->prefix = xstrdup(r->registry->place.location);
	if (rc == 0 && !r->registry->prefix)
		rc = invalid(r, at, "an entry has a 'prefix' or a 'location'");
	return rc == 0 ? check_login(r, &r->registry->place, at) : rc;
}

int config_registries_read(yaml_parser_t *parser, const char *path,
                           struct config_registries *registries, struct error *err)
{
	struct reading r = { .parser = parser, .path = path, .list = registries, .err = err };

	return read_list(&r, read_registry);
}

static void place_release(struct config_place *p)
{
	free(p->location);
	free(p->ca);
	free(p->user);
	wipe_free(p->password);
}

void config_registries_release(struct config_registries *registries)
{
	for (size_t i = 0; i < registries->n; i++) {
		struct config_registry *e = &registries->at[i];

		for (size_t k = 0; k < e->n_mirrors; k++)
			place_release(&e->mirrors[k]);
		place_release(&e->place);
		free(e->mirrors);
		free(e->prefix);
		free(e->name);
	}
	free(registries->at);
	*registries = (struct config_registries){ .n = 0 };
}
